package statement

import (
	"bytes"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // unquoted name, keyword or number
	tokenQuoted           // name in double quotes or backquotes
	tokenString           // string literal or here document
	tokenSymbol           // one byte of punctuation
)

type token struct {
	kind       tokenKind
	start, end int  // offsets in the text
	depth      int  // open brackets before it
	escaped    bool // a quoted token with escapes in it: its value is not its text
}

// lexer splits SQL into tokens, without comments and white space. It reads the text
// once, forwards, and never beyond the token asked for: what follows an INSERT's
// FORMAT clause is data and may be any bytes.
type lexer struct {
	text  []byte
	pos   int
	depth int
}

func (l *lexer) next() (token, error) {
	if err := l.skipBlank(); err != nil {
		return token{}, err
	}
	t := token{kind: tokenEnd, start: l.pos, end: l.pos, depth: l.depth}
	if l.pos == len(l.text) {
		return t, nil
	}
	var err error
	switch c := l.text[l.pos]; {
	case isWord(c):
		t.kind = tokenWord
		l.skipWord()
	case c == '\'':
		t.kind = tokenString
		t.escaped, err = l.quoted(c)
	case c == '"' || c == '`':
		t.kind = tokenQuoted
		t.escaped, err = l.quoted(c)
	case c == '$':
		t.kind = tokenString
		err = l.hereDocument()
	case strings.IndexByte("()[]{}", c) >= 0:
		t.kind = tokenSymbol
		err = l.bracket(c)
	case strings.IndexByte(",;.+-*/%=!<>?:|@^&~", c) >= 0:
		t.kind = tokenSymbol
		l.pos++
	default:
		err = l.unexpected(c)
	}
	t.end = l.pos
	return t, err
}

// skipBlank moves over white space and comments: "--", "//", "#!" and "# " to the end of
// the line, and nested /* */.
func (l *lexer) skipBlank() error {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case isSpace(rest[0]):
			l.pos++
		case hasPrefix(rest, "--"), hasPrefix(rest, "//"), hasPrefix(rest, "#!"), hasPrefix(rest, "# "):
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				l.pos = len(l.text)
				return nil
			}
			l.pos += end + 1
		case hasPrefix(rest, "/*"):
			if err := l.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) skipComment() error {
	start := l.pos
	for nesting := 0; l.pos+1 < len(l.text); {
		switch {
		case hasPrefix(l.text[l.pos:], "/*"):
			nesting++
			l.pos += 2
		case hasPrefix(l.text[l.pos:], "*/"):
			nesting--
			l.pos += 2
			if nesting == 0 {
				return nil
			}
		default:
			l.pos++
		}
	}
	return syntaxError("comment opened at byte %d is not closed", start)
}

func (l *lexer) skipWord() {
	for l.pos < len(l.text) && (isWord(l.text[l.pos]) || l.text[l.pos] == '$') {
		l.pos++
	}
}

// quoted moves over a quoted token. A backslash escapes the next byte, a doubled quote
// stands for itself.
func (l *lexer) quoted(quote byte) (escaped bool, err error) {
	start := l.pos
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			escaped = true
			l.pos++
		case quote:
			l.pos++
			if l.pos == len(l.text) || l.text[l.pos] != quote {
				return escaped, nil
			}
			escaped = true
		}
	}
	l.pos = len(l.text)
	return escaped, syntaxError("quote %c opened at byte %d is not closed", quote, start)
}

// hereDocument moves over $tag$ … $tag$.
func (l *lexer) hereDocument() error {
	rest := l.text[l.pos:]
	name := 1
	for name < len(rest) && isWord(rest[name]) {
		name++
	}
	if name == len(rest) || rest[name] != '$' {
		return syntaxError("unexpected $ at byte %d", l.pos)
	}
	tag := rest[:name+1]
	end := bytes.Index(rest[len(tag):], tag)
	if end < 0 {
		return syntaxError("here document opened at byte %d is not closed", l.pos)
	}
	l.pos += len(tag) + end + len(tag)
	return nil
}

func (l *lexer) bracket(c byte) error {
	if strings.IndexByte("([{", c) >= 0 {
		l.depth++
	} else if l.depth--; l.depth < 0 {
		return syntaxError("unexpected %c at byte %d", c, l.pos)
	}
	l.pos++
	return nil
}

func (l *lexer) unexpected(c byte) error {
	if c == '\\' || c < ' ' || c >= 0x7f {
		return syntaxError("unexpected byte 0x%02x at byte %d outside quotes", c, l.pos)
	}
	return syntaxError("unexpected %c at byte %d", c, l.pos)
}

// isWord says whether c can be part of an unquoted name or number.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
