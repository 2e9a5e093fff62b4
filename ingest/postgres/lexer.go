package postgres

import (
	"strings"

	"trespass.dev/trespass/ingest/decode"
)

// lexer steps through SQL text as Postgres reads it with standard strings. A text may be
// cut anywhere: what is open then ends with the text.
type lexer struct {
	sql string
	at  int
	mem *decode.Scratch
}

func wordByte(c byte) bool { return wordBytes[c] }

var wordBytes = table(func(c byte) bool {
	return c|0x20-'a' < 26 || c-'0' < 10 || c == '_' || c == '$' || c >= 0x80
})

// skipString steps over the string that begins here. A backslash hides a quote in E”.
func (l *lexer) skipString() {
	escapes := l.at > 0 && l.sql[l.at-1]|0x20 == 'e' && (l.at == 1 || !wordByte(l.sql[l.at-2]))
	for l.at++; ; {
		var i int
		if escapes {
			i = strings.IndexAny(l.sql[l.at:], `'\`)
		} else {
			i = strings.IndexByte(l.sql[l.at:], '\'')
		}
		if i < 0 {
			l.at = len(l.sql)
			return
		}
		l.at += i + 1
		if l.sql[l.at-1] == '\\' {
			l.at = min(l.at+1, len(l.sql))
			continue
		}
		if l.at == len(l.sql) || l.sql[l.at] != '\'' {
			return
		}
		l.at++
	}
}

// skipName steps over the quoted name that begins here. A doubled quote reads as two
// names side by side, which ends in the same place.
func (l *lexer) skipName() {
	i := strings.IndexByte(l.sql[l.at+1:], '"')
	if i < 0 {
		l.at = len(l.sql)
		return
	}
	l.at += i + 2
}

// skipDollar steps over $tag$ text $tag$, or over the $ of a parameter or a name.
func (l *lexer) skipDollar() {
	from := l.at
	l.at++
	if from > 0 && wordByte(l.sql[from-1]) {
		return
	}
	i := l.at
	for i < len(l.sql) && l.sql[i] != '$' && wordByte(l.sql[i]) {
		i++
	}
	if i == len(l.sql) || l.sql[i] != '$' || l.sql[l.at]-'0' < 10 {
		return
	}
	tag := l.sql[from : i+1]
	end := strings.Index(l.sql[i+1:], tag)
	if end < 0 {
		l.at = len(l.sql)
		return
	}
	l.at = i + 1 + end + len(tag)
}

// comment steps over the comment that begins here and gives what is in it. If there is
// none, it steps over one byte.
func (l *lexer) comment() (body string, ok bool) {
	rest := l.sql[l.at:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		l.at += len(rest)
		return rest[2:], true
	case strings.HasPrefix(rest, "/*"):
		from := l.at + 2
		l.at = from
		for depth := 1; ; {
			i := strings.IndexByte(l.sql[l.at:], '*')
			if i < 0 {
				l.at = len(l.sql)
				return l.sql[from:], true
			}
			l.at += i
			switch {
			case l.sql[l.at-1] == '/' && l.at > from:
				depth++
				l.at++
			case l.at+1 < len(l.sql) && l.sql[l.at+1] == '/':
				l.at += 2
				if depth--; depth == 0 {
					return l.sql[from : l.at-2], true
				}
			default:
				l.at++
			}
		}
	}
	l.at++
	return "", false
}

// peek steps over white space and comments, and gives the byte there, or 0 at the end.
func (l *lexer) peek() byte {
	for l.at < len(l.sql) {
		switch c := l.sql[l.at]; c {
		case ' ', '\t', '\n', '\r', '\f', '\v':
			l.at++
		case '/', '-':
			at := l.at
			if _, ok := l.comment(); !ok {
				l.at = at
				return c
			}
		default:
			return c
		}
	}
	return 0
}

// word reads the name or word that is next, quoted or not; it is empty if there is none.
func (l *lexer) word() string {
	if l.peek() == '"' {
		from := l.at
		for l.skipName(); l.at < len(l.sql) && l.sql[l.at] == '"'; l.skipName() {
		}
		name := l.sql[from:l.at]
		if len(name) < 2 || name[len(name)-1] != '"' {
			return ""
		}
		name = name[1 : len(name)-1]
		if strings.IndexByte(name, '"') >= 0 {
			return decode.String(undouble([]byte(name), '"', l.mem))
		}
		return name
	}
	from := l.at
	for l.at < len(l.sql) && wordByte(l.sql[l.at]) {
		l.at++
	}
	return l.sql[from:l.at]
}

// leading reads the first word of a statement, before which there may be parentheses. It
// never reads on into the next statement.
func (l *lexer) leading() string {
	for c := l.peek(); c == '('; c = l.peek() {
		l.at++
	}
	if l.at < len(l.sql) && l.sql[l.at] == '"' {
		return ""
	}
	return l.word()
}

// value is a constant of the text, a parameter, or neither.
type value struct {
	text  string
	null  bool
	known bool
}

// literal reads the string that is next: 'it”s' or E'it\'s'. ok is false if there is none.
func (l *lexer) literal() (text string, ok bool) {
	c := l.peek()
	escapes := false
	if (c == 'e' || c == 'E') && l.at+1 < len(l.sql) && l.sql[l.at+1] == '\'' {
		escapes = true
		l.at++
	} else if c != '\'' {
		return "", false
	}
	from := l.at + 1
	l.skipString()
	text = l.sql[from:l.at]
	if len(text) == 0 || text[len(text)-1] != '\'' {
		return "", false // cut
	}
	text = text[:len(text)-1]
	switch {
	case escapes && strings.IndexByte(text, '\\') >= 0:
		return l.unescape(text), true
	case strings.IndexByte(text, '\'') >= 0:
		return l.undouble(text), true
	}
	return text, true
}

func (l *lexer) undouble(text string) string {
	b := l.mem.Bytes(len(text))
	n := 0
	for i := 0; i < len(text); i++ {
		b[n] = text[i]
		n++
		if text[i] == '\'' && i+1 < len(text) && text[i+1] == '\'' {
			i++
		}
	}
	return decode.String(b[:n])
}

// unescape reads the simple escapes of E”. Others stand for bytes that no id holds, and
// are left as they are.
func (l *lexer) unescape(text string) string {
	b := l.mem.Bytes(len(text))
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if i+1 < len(text) {
			next := text[i+1]
			switch {
			case c == '\'' && next == '\'', c == '\\' && (next == '\'' || next == '\\' || next == '"'):
				c = next
				i++
			case c == '\\' && next == 'n':
				c = '\n'
				i++
			case c == '\\' && next == 't':
				c = '\t'
				i++
			}
		}
		b[n] = c
		n++
	}
	return decode.String(b[:n])
}
