package policy

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"trespass.dev/trespass/detect"
)

// Limits of a policy file.
const (
	maxSize  = 256 << 10
	maxNodes = 50_000
	maxDepth = 32
)

// decoder reads one file and gathers its faults.
type decoder struct {
	name     string
	least    string // what the file must have
	lines    []string
	places   map[string]detect.Position // by path, such as tables[2].owners[0]
	problems []Problem
	faulty   map[string]bool // tables and routes with a fault of their own
	broken   bool            // the text is not a document at all
}

// tree parses the text into one mapping of plain nodes, or says why it cannot.
func (d *decoder) tree(text []byte) (root ast.Node) {
	defer func() {
		if recover() != nil { // of the YAML library, on text made to break it
			d.refuse(detect.Position{Line: 1, Column: 1}, "this cannot be read as YAML")
			root = nil
		}
	}()
	if len(text) > maxSize {
		d.refuse(detect.Position{Line: 1, Column: 1}, "the file has %d bytes, at most %d are read", len(text), maxSize)
		return nil
	}
	if line := tooDeep(d.lines); line > 0 {
		d.refuse(detect.Position{Line: line, Column: 1}, "nested deeper than %d", maxDepth)
		return nil
	}
	// Duplicate keys are ours to report: the library would stop at the first.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	var docs []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			docs = append(docs, doc.Body)
		}
	}
	switch {
	case len(docs) == 0:
		d.refuse(detect.Position{Line: 1, Column: 1}, "the file is empty; it needs at least %s", d.least)
		return nil
	case len(docs) > 1:
		d.refuse(position(docs[1]), "the file is one document; this is a second one")
		return nil
	}
	guard := &guard{decoder: d}
	ast.Walk(guard, docs[0])
	if guard.nodes > maxNodes {
		d.refuse(detect.Position{Line: 1, Column: 1}, "the file has more than %d values", maxNodes)
	}
	if d.broken {
		return nil
	}
	return docs[0]
}

// tooDeep gives the line in which brackets, or the dashes of one line, nest deeper than
// a policy needs. It looks before the parser does, whose work grows with the depth.
func tooDeep(lines []string) int {
	depth := 0
	for i, line := range lines {
		dashes := 0
		for j := 0; j < len(line); j++ {
			switch line[j] {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			case '-', '?':
				if j+1 == len(line) || line[j+1] == ' ' {
					dashes++
				}
			}
			if depth > maxDepth || dashes > maxDepth {
				return i + 1
			}
		}
	}
	return 0
}

// guard refuses what a policy has no use for and what could multiply or hide values.
type guard struct {
	decoder *decoder
	nodes   int
}

func (g *guard) Visit(node ast.Node) ast.Visitor {
	if g.nodes++; g.nodes > maxNodes {
		return nil
	}
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		g.decoder.refuse(position(node), "anchors and aliases are not taken; write the value out")
		return nil
	case *ast.MergeKeyNode:
		g.decoder.refuse(position(node), "merge keys are not taken; write the values out")
		return nil
	case *ast.TagNode:
		g.decoder.refuse(position(node), "tags are not taken; write the plain value")
		return nil
	}
	return g
}

// syntax turns an error of the YAML library into a problem.
func (d *decoder) syntax(err error) {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		d.refuse(tokenPosition(syntax.GetToken()), "%s", syntax.GetMessage())
		return
	}
	d.refuse(detect.Position{Line: 1, Column: 1}, "this is not YAML: %s", strings.SplitN(err.Error(), "\n", 2)[0])
}

// value reads a node into a value of the document.
func (d *decoder) value(path string, node ast.Node, into reflect.Value) {
	if _, ok := d.places[path]; !ok && node != nil {
		d.places[path] = position(node)
	}
	if isNull(node) {
		d.problem(path, d.places[path], "%s is empty; give it a value or remove it", lastName(path))
		return
	}
	switch s := into.Addr().Interface().(type) {
	case special:
		s.decode(d, path, node)
		return
	case encoding.TextUnmarshaler:
		if err := s.UnmarshalText([]byte(node.GetToken().Value)); err != nil {
			d.fail(path, node, "%s: %v", lastName(path), err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(into.Type().Elem())
		d.value(path, node, fresh.Elem())
		into.Set(fresh)
	case reflect.Struct:
		d.structure(path, node, into)
	case reflect.Slice:
		d.list(path, node, into)
	case reflect.String:
		if s, ok := d.text(path, node); ok {
			into.SetString(s)
		}
	case reflect.Bool:
		if b, ok := node.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
		} else {
			d.wrongType(path, node, "true or false")
		}
	case reflect.Int:
		if n, ok := integer(node); ok {
			into.SetInt(n)
		} else {
			d.wrongType(path, node, "a whole number")
		}
	}
}

func (d *decoder) structure(path string, node ast.Node, into reflect.Value) {
	for _, pair := range d.pairs(path, node) {
		key := keyText(pair)
		at := join(path, key)
		d.places[at] = position(pair.Key)
		i := fieldNamed(into.Type(), key)
		if i < 0 {
			d.problem(at, position(pair.Key), "unknown key %q%s", key, suggestKey(key, into.Type()))
			continue
		}
		d.value(at, pair.Value, into.Field(i))
	}
}

func (d *decoder) list(path string, node ast.Node, into reflect.Value) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		want := "a list"
		if s, ok := node.(*ast.StringNode); ok && into.Type().Elem().Kind() == reflect.String {
			want = fmt.Sprintf("a list; write [%s]", s.Value)
		}
		d.wrongType(path, node, want)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = position(item)
		d.value(at, item, out.Index(i))
	}
	into.Set(out)
}

// pairs gives the keys and values of a mapping, each key once.
func (d *decoder) pairs(path string, node ast.Node) []*ast.MappingValueNode {
	var all []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		all = n.Values
	case *ast.MappingValueNode:
		all = []*ast.MappingValueNode{n}
	default:
		d.wrongType(path, node, "keys with values")
		return nil
	}
	seen := make(map[string]detect.Position, len(all))
	kept := make([]*ast.MappingValueNode, 0, len(all))
	for _, pair := range all {
		key, at := keyText(pair), position(pair.Key)
		if before, twice := seen[key]; twice {
			d.problem(join(path, key), at, "key %q is given twice; first on line %d", key, before.Line)
			continue
		}
		seen[key] = at
		kept = append(kept, pair)
	}
	return kept
}

// text reads a string. A number or a truth value is a fault: a name that looks like
// one must be quoted.
func (d *decoder) text(path string, node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	d.wrongType(path, node, "a text")
	return "", false
}

func (d *decoder) oneOf(path string, node ast.Node, what string, known []string) string {
	s, ok := d.text(path, node)
	if !ok {
		return ""
	}
	for _, k := range known {
		if s == k {
			return s
		}
	}
	d.fail(path, node, "unknown %s %q%s; known: %s", what, s, detect.Suggest(s, known), strings.Join(known, ", "))
	return ""
}

// checkFields looks at what fields names: paths, and the tables of record.TABLE.
func (d *decoder) checkFields(doc *document) {
	var names []string
	for _, t := range doc.Tables {
		names = append(names, detect.CanonicalTable(t.Name))
	}
	for _, name := range doc.Fields.names {
		at := "fields." + name
		for i, path := range doc.Fields.Paths[name] {
			if path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") {
				item := fmt.Sprintf("%s[%d]", at, i)
				d.problem(item, d.place(item), "%q is no path; write keys joined by dots, such as req.id", path)
			}
		}
		table, ok := strings.CutPrefix(name, "record.")
		if canonical := detect.CanonicalTable(table); ok && !contains(names, canonical) {
			d.problem(at, d.place(at), "unknown table %q%s", table, detect.Suggest(canonical, names))
		}
	}
}

// compile lets the domain check the policy as a whole. What it finds in a table or
// route that already has a fault would only repeat it in other words.
func (d *decoder) compile(p *detect.Policy) {
	for i := range p.Routes {
		p.Routes[i].Pos = d.place(fmt.Sprintf("routes[%d]", i))
	}
	err := p.Compile()
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, one := range all {
		var problem *detect.PolicyProblem
		if !errors.As(one, &problem) {
			d.refuse(detect.Position{Line: 1, Column: 1}, "%s", one)
			continue
		}
		if !d.faulty[item(problem.Path)] {
			d.problems = append(d.problems, d.at(d.place(problem.Path), problem.Message))
		}
	}
}

// place gives the position of a path, or of the nearest that stands in the file.
func (d *decoder) place(path string) detect.Position {
	for path != "" {
		if at, ok := d.places[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return detect.Position{Line: 1, Column: 1}
}

// item is the table or route that a path lies in.
func item(path string) string {
	if i := strings.IndexByte(path, ']'); i >= 0 {
		return path[:i+1]
	}
	return path
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func lastName(path string) string {
	if path == "" {
		return "the file"
	}
	if strings.HasSuffix(path, "]") {
		return "this entry"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func fieldNamed(t reflect.Type, key string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == key {
			return i
		}
	}
	return -1
}

func suggestKey(key string, t reflect.Type) string {
	var known []string
	for i := range t.NumField() {
		known = append(known, t.Field(i).Tag.Get("yaml"))
	}
	if hint := detect.Suggest(key, known); hint != "" {
		return hint
	}
	return "; known here: " + strings.Join(known, ", ")
}

func isMapping(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func isNull(node ast.Node) bool {
	if node == nil {
		return true
	}
	_, null := node.(*ast.NullNode)
	return null
}

func integer(node ast.Node) (int64, bool) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := n.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v < 1<<31
	}
	return 0, false
}

func keyText(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return pair.Key.GetToken().Value
}

func position(node ast.Node) detect.Position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle {
			return tokenPosition(n.Start)
		}
		if len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	return tokenPosition(node.GetToken())
}

func tokenPosition(t *token.Token) detect.Position {
	if t == nil || t.Position == nil {
		return detect.Position{Line: 1, Column: 1}
	}
	return detect.Position{Line: max(t.Position.Line, 1), Column: max(t.Position.Column, 1)}
}
