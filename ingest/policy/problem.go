package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"trespass.dev/trespass/detect"
)

// Error is every fault of a policy file, in the order of its lines.
type Error struct {
	Name     string // of the file
	Problems []Problem
}

// Problem is one fault.
type Problem struct {
	Position detect.Position
	Message  string
	before   string // the line before
	line     string
}

// Error shows each fault with its place, its line and a caret:
//
//	policy.yaml:3:3: unknown key "ownrs" (did you mean "owners"?)
//	   2 |   orders:
//	>  3 |     ownrs: [user_id]
//	           ^
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", e.Name, p.Position.Line, p.Position.Column, p.Message)
		p.show(&b)
	}
	return b.String()
}

// maxShown bounds the bytes of a line that are shown.
const maxShown = 160

func (p *Problem) show(b *strings.Builder) {
	if p.line == "" {
		return
	}
	column := p.Position.Column - 1
	line, cut := []rune(p.line), 0
	if column > maxShown-40 {
		cut = column - maxShown/2
	}
	if cut < len(line) {
		line = line[cut:]
	}
	if len(line) > maxShown {
		line = line[:maxShown]
	}
	if strings.TrimSpace(p.before) != "" && utf8.RuneCountInString(p.before) <= maxShown {
		fmt.Fprintf(b, "\n %4d | %s", p.Position.Line-1, printable([]rune(p.before)))
	}
	fmt.Fprintf(b, "\n>%4d | %s\n", p.Position.Line, printable(line))
	b.WriteString("       ")
	fmt.Fprintf(b, " %s^", strings.Repeat(" ", min(column-cut, len(line))))
}

// printable keeps one place for each character, whatever a terminal would make of it.
func printable(line []rune) string {
	out := slices.Clone(line)
	for i, r := range out {
		if r < ' ' || r == 0x7f {
			out[i] = ' '
		}
	}
	return string(out)
}

// maxProblems bounds how many faults one run shows.
const maxProblems = 100

// fault gives all problems as an error, or nil.
func (d *decoder) fault() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	d.problems = slices.CompactFunc(d.problems, func(a, b Problem) bool { return a.Position == b.Position && a.Message == b.Message })
	return &Error{Name: d.name, Problems: d.problems[:min(len(d.problems), maxProblems)]}
}

// maxMessage bounds a message, which quotes the file.
const maxMessage = 1000

// at makes a problem with the line that it stands in.
func (d *decoder) at(pos detect.Position, message string) Problem {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "..."
	}
	pos.Line = min(pos.Line, len(d.lines)) // an end that is missing stands behind the last line
	p := Problem{Position: pos, Message: message, line: d.lines[pos.Line-1]}
	if pos.Line > 1 {
		p.before = d.lines[pos.Line-2]
	}
	return p
}

// problem notes a fault at a path.
func (d *decoder) problem(path string, pos detect.Position, format string, args ...any) {
	if d.faulty == nil {
		d.faulty = make(map[string]bool)
	}
	d.faulty[item(path)] = true
	d.problems = append(d.problems, d.at(pos, fmt.Sprintf(format, args...)))
}

// refuse notes a fault of the text itself, after which nothing else is read.
func (d *decoder) refuse(pos detect.Position, format string, args ...any) {
	d.broken = true
	d.problems = append(d.problems, d.at(pos, fmt.Sprintf(format, args...)))
}

// fail notes a fault of a value.
func (d *decoder) fail(path string, node ast.Node, format string, args ...any) {
	d.problem(path, position(node), format, args...)
}

func (d *decoder) wrongType(path string, node ast.Node, want string) {
	d.fail(path, node, "%s must be %s, not %s", lastName(path), want, kindOf(node))
}

func kindOf(node ast.Node) string {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "a truth value"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.NullNode, nil:
		return "nothing"
	}
	return "this"
}
