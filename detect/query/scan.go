package query

import "strings"

// A constant in the normalised text is a NUL byte, which no accepted statement
// holds, and a letter for its kind.
const (
	mark       = 0
	markString = 's'
	markNumber = 'n'
	markBool   = 'b'
)

// Classes of bytes, as bits.
const (
	classSpace = 1 << iota
	classWord  // may begin a word
	classPart  // may stand inside a word
	classUpper
	classDigit
)

var classes = func() (t [256]uint8) {
	for _, c := range " \t\n\r\f\v" {
		t[c] = classSpace
	}
	for c := range 256 {
		switch {
		case c >= 'a' && c <= 'z' || c == '_' || c >= 0x80:
			t[c] = classWord | classPart
		case c >= 'A' && c <= 'Z':
			t[c] = classWord | classPart | classUpper
		case c >= '0' && c <= '9':
			t[c] = classPart | classDigit
		case c == '$':
			t[c] = classPart
		}
	}
	return t
}()

// scanner normalises one text at a time by Postgres's lexical rules: comments
// away, constants marked and collected, white space folded, words in lower case
// outside quotes, semicolons at the ends away. All its memory is used again.
type scanner struct {
	text     []byte   // the normalised text
	literals []string // constants, in order; slices of the statement or of scratch
	scratch  []byte   // constants that had to be unescaped
}

// scan normalises sql. The reason is empty if it could.
func (s *scanner) scan(sql string) (reason string) {
	s.text, s.literals, s.scratch = s.text[:0], s.literals[:0], s.scratch[:0]
	if len(sql) > MaxRaw {
		return ReasonTooLarge
	}
	if strings.IndexByte(sql, 0) >= 0 {
		return ReasonNUL
	}
	var (
		out     = s.text
		depth   int
		nesting int  // depths of all brackets together
		space   bool // white space or a comment stands before the next token
		operand bool // the token before ends a value, so that a minus after it subtracts
		first   = true
		keep    bool // the constants of this statement stay in the text
	)
	for i := 0; i < len(sql); {
		c := sql[i]
		class := classes[c]
		if class&classSpace != 0 {
			space = true
			i++
			continue
		}
		if class&classWord == 0 && i+1 < len(sql) {
			if c == '-' && sql[i+1] == '-' {
				i = endOfLine(sql, i)
				space = true
				continue
			}
			if c == '/' && sql[i+1] == '*' {
				if i = endOfComment(sql, i); i < 0 {
					return ReasonUnparsable
				}
				space = true
				continue
			}
		}
		if space {
			if len(out) > 0 {
				out = append(out, ' ')
			}
			space = false
		}
		if len(out) > MaxText {
			return ReasonTooLarge
		}

		kind, end, value := byte(0), 0, ""
		switch {
		case class&classWord != 0:
			bits := class
			j := i + 1
			for ; j < len(sql); j++ {
				b := classes[sql[j]]
				if b&classPart == 0 {
					break
				}
				bits |= b
			}
			if j == i+1 && j < len(sql) && (sql[j] == '\'' || sql[j] == '&') {
				if value, end = s.prefixedString(sql, i); end < 0 {
					return ReasonUnparsable
				} else if end > 0 {
					kind = markString
					break
				}
			}
			start := len(out)
			out = append(out, sql[i:j]...)
			if bits&classUpper != 0 {
				lower(out[start:])
			}
			i = j
			operand = true
			if first {
				first = false
				keep = isDefinition(out[start:])
			}
			if n := len(out) - start; !keep && (n == 4 || n == 5) {
				switch string(out[start:]) {
				case "true":
					out = append(out[:start], mark, markBool)
					s.literals = append(s.literals, "true")
				case "false":
					out = append(out[:start], mark, markBool)
					s.literals = append(s.literals, "false")
				}
			}
			continue
		case c == '\'':
			if value, end = s.plainString(sql, i); end < 0 {
				return ReasonUnparsable
			}
			kind = markString
		case class&classDigit != 0 || c == '.' && i+1 < len(sql) && classes[sql[i+1]]&classDigit != 0:
			end = endOfNumber(sql, i)
			value, kind = sql[i:end], markNumber
		case c == '-' && !operand && startsNumber(sql, i+1):
			end = endOfNumber(sql, i+1)
			value, kind = sql[i:end], markNumber
		case c == '"':
			if end = endOfQuoted(sql, i); end < 0 {
				return ReasonUnparsable
			}
			out = append(out, sql[i:end]...)
			i, operand = end, true
			continue
		case c == '$':
			if i+1 < len(sql) && classes[sql[i+1]]&classDigit != 0 {
				for end = i + 1; end < len(sql) && classes[sql[end]]&classDigit != 0; end++ {
				}
				out = append(out, sql[i:end]...)
				i, operand = end, true
				continue
			}
			if value, end = dollarString(sql, i); end < 0 {
				return ReasonUnparsable
			}
			kind = markString
		default:
			switch c {
			case '(', '[':
				depth++
				if nesting += max(depth, 0); depth > MaxDepth || nesting > maxNesting {
					return ReasonTooDeep
				}
				operand = false
			case ')', ']':
				depth--
				operand = true
			case ';':
				first, keep, operand = true, false, false
			default:
				operand = false
			}
			out = append(out, c)
			i++
			continue
		}

		if keep {
			out = append(out, sql[i:end]...)
		} else {
			out = append(out, mark, kind)
			s.literals = append(s.literals, value)
		}
		i, operand = end, true
	}
	for len(out) > 0 && (out[len(out)-1] == ';' || out[len(out)-1] == ' ') {
		out = out[:len(out)-1]
	}
	s.text = out
	if len(out) > MaxText {
		return ReasonTooLarge
	}
	return ""
}

// isDefinition says whether a statement's first word begins a statement that is
// read for what it changes, so that its constants count.
func isDefinition(word []byte) bool {
	switch string(word) {
	case "create", "alter", "drop", "grant", "revoke":
		return true
	}
	return false
}

func lower(word []byte) {
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			word[i] = c | 0x20
		}
	}
}

func endOfLine(sql string, i int) int {
	if j := strings.IndexAny(sql[i:], "\n\r"); j >= 0 {
		return i + j
	}
	return len(sql)
}

// endOfComment steps over a comment, with those nested in it. It gives -1 if the
// comment does not end.
func endOfComment(sql string, i int) int {
	for depth := 0; ; {
		star := strings.IndexByte(sql[i:], '*')
		if star < 0 {
			return -1
		}
		at := i + star
		i = at + 1
		switch {
		case star > 0 && sql[at-1] == '/':
			depth++
		case i < len(sql) && sql[i] == '/':
			i++
			if depth--; depth == 0 {
				return i
			}
		}
	}
}

// endOfQuoted steps over a quoted identifier, in which a quote is doubled.
func endOfQuoted(sql string, i int) int {
	for i++; ; i += 2 {
		j := strings.IndexByte(sql[i:], '"')
		if j < 0 {
			return -1
		}
		if i += j; i+1 >= len(sql) || sql[i+1] != '"' {
			return i + 1
		}
	}
}

func startsNumber(sql string, i int) bool {
	if i < len(sql) && sql[i] == '.' {
		i++
	}
	return i < len(sql) && classes[sql[i]]&classDigit != 0
}

// endOfNumber steps over 12, 1_000, 1.5, .5, 1e-3, 0x1F, 0o17, 0b1.
func endOfNumber(sql string, i int) int {
	if sql[i] == '0' && i+2 < len(sql) && strings.IndexByte("xXoObB", sql[i+1]) >= 0 && hexDigit(sql[i+2]) >= 0 {
		for i += 2; i < len(sql) && (hexDigit(sql[i]) >= 0 || sql[i] == '_'); i++ {
		}
		return i
	}
	i = endOfDigits(sql, i)
	if i < len(sql) && sql[i] == '.' {
		i = endOfDigits(sql, i+1)
	}
	if i < len(sql) && sql[i]|0x20 == 'e' {
		j := i + 1
		if j < len(sql) && (sql[j] == '+' || sql[j] == '-') {
			j++
		}
		if j < len(sql) && classes[sql[j]]&classDigit != 0 {
			i = endOfDigits(sql, j)
		}
	}
	return i
}

func endOfDigits(sql string, i int) int {
	digit := func(i int) bool { return i >= 0 && i < len(sql) && classes[sql[i]]&classDigit != 0 }
	for digit(i) || digit(i-1) && i < len(sql) && sql[i] == '_' && digit(i+1) {
		i++
	}
	return i
}
