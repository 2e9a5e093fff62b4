package query

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// plainString reads '...' from its quote at i and the strings that go on after a
// line break. The end is -1 if it does not end.
func (s *scanner) plainString(sql string, i int) (value string, end int) {
	return s.stringConstant(sql, i, appendPlain)
}

// prefixedString reads E'...', B'...', X'...', N'...' and U&'...' from the letter
// at i. The end is 0 if this is only a word.
func (s *scanner) prefixedString(sql string, i int) (value string, end int) {
	letter, rest := sql[i]|0x20, sql[i+1:]
	switch {
	case rest[0] == '\'' && letter == 'e':
		return s.stringConstant(sql, i+1, appendEscaped)
	case rest[0] == '\'' && (letter == 'b' || letter == 'x' || letter == 'n'):
		return s.stringConstant(sql, i+1, appendPlain)
	case letter == 'u' && strings.HasPrefix(rest, "&'"):
		return s.stringConstant(sql, i+2, appendUnicode)
	}
	return "", 0
}

// An unescape appends the value of the string whose quote is at i to dst, and
// gives the place behind its closing quote, or -1. Plain tells that the value is
// the text between the quotes as it stands; dst is then left alone.
type unescape func(dst []byte, sql string, i int, force bool) (out []byte, end int, plain bool)

func (s *scanner) stringConstant(sql string, i int, read unescape) (value string, end int) {
	start := len(s.scratch)
	scratch, end, plain := read(s.scratch, sql, i, false)
	if end < 0 {
		return "", -1
	}
	next := continued(sql, end)
	if plain && next < 0 {
		return sql[i+1 : end-1], end
	}
	if plain {
		scratch = append(scratch, sql[i+1:end-1]...)
	}
	for next >= 0 {
		if scratch, end, _ = read(scratch, sql, next, true); end < 0 {
			return "", -1
		}
		next = continued(sql, end)
	}
	s.scratch = scratch
	return borrow(scratch[start:]), end
}

// borrow gives a string over bytes that stay unchanged until the next scan.
func borrow(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

// continued gives the quote of a string that goes on after white space with a line
// break in it, as SQL allows, or -1.
func continued(sql string, i int) int {
	lines := 0
	for ; i < len(sql) && classes[sql[i]]&classSpace != 0; i++ {
		if sql[i] == '\n' || sql[i] == '\r' {
			lines++
		}
	}
	if lines > 0 && i < len(sql) && sql[i] == '\'' {
		return i
	}
	return -1
}

// appendPlain reads a string in which only quotes are doubled.
func appendPlain(dst []byte, sql string, i int, force bool) ([]byte, int, bool) {
	plain := !force
	for i++; ; {
		j := strings.IndexByte(sql[i:], '\'')
		if j < 0 {
			return dst, -1, false
		}
		doubled := i+j+1 < len(sql) && sql[i+j+1] == '\''
		if plain && !doubled {
			return dst, i + j + 1, true
		}
		plain = false
		dst = append(dst, sql[i:i+j]...)
		i += j + 1
		if !doubled {
			return dst, i, false
		}
		dst = append(dst, '\'')
		i++
	}
}

// appendEscaped reads a string with backslash escapes.
func appendEscaped(dst []byte, sql string, i int, _ bool) ([]byte, int, bool) {
	for i++; i < len(sql); {
		c := sql[i]
		switch {
		case c == '\'' && i+1 < len(sql) && sql[i+1] == '\'':
			dst = append(dst, '\'')
			i += 2
		case c == '\'':
			return dst, i + 1, false
		case c == '\\' && i+1 < len(sql):
			dst, i = appendEscape(dst, sql, i+1)
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, -1, false
}

// appendEscape reads one escape from the letter behind the backslash.
func appendEscape(dst []byte, sql string, i int) ([]byte, int) {
	c := sql[i]
	switch c {
	case 'b':
		return append(dst, '\b'), i + 1
	case 'f':
		return append(dst, '\f'), i + 1
	case 'n':
		return append(dst, '\n'), i + 1
	case 'r':
		return append(dst, '\r'), i + 1
	case 't':
		return append(dst, '\t'), i + 1
	case 'v':
		return append(dst, '\v'), i + 1
	case 'x':
		if v, n := number(sql[i+1:], 16, 2); n > 0 {
			return append(dst, byte(v)), i + 1 + n
		}
	case 'u', 'U':
		size := 4
		if c == 'U' {
			size = 8
		}
		if v, n := number(sql[i+1:], 16, size); n == size {
			return utf8.AppendRune(dst, rune(v)), i + 1 + n
		}
	default:
		if v, n := number(sql[i:], 8, 3); n > 0 {
			return append(dst, byte(v)), i + n
		}
	}
	return append(dst, c), i + 1
}

// appendUnicode reads a U& string: \XXXX and \+XXXXXX.
func appendUnicode(dst []byte, sql string, i int, _ bool) ([]byte, int, bool) {
	for i++; i < len(sql); {
		c := sql[i]
		switch {
		case c == '\'' && i+1 < len(sql) && sql[i+1] == '\'':
			dst = append(dst, '\'')
			i += 2
		case c == '\'':
			return dst, i + 1, false
		case c == '\\' && strings.HasPrefix(sql[i+1:], `\`):
			dst = append(dst, '\\')
			i += 2
		case c == '\\' && strings.HasPrefix(sql[i+1:], "+"):
			v, n := number(sql[i+2:], 16, 6)
			dst = utf8.AppendRune(dst, rune(v))
			i += 2 + n
		case c == '\\':
			v, n := number(sql[i+1:], 16, 4)
			dst = utf8.AppendRune(dst, rune(v))
			i += 1 + n
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, -1, false
}

// number reads at most limit digits and says how many it read.
func number(s string, base, limit int) (v, n int) {
	for n < limit && n < len(s) {
		d := hexDigit(s[n])
		if d < 0 || d >= base {
			break
		}
		v = v*base + d
		n++
	}
	return v, n
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// dollarString reads $tag$...$tag$ from its dollar at i. The end is -1 if this is
// none, or does not end.
func dollarString(sql string, i int) (value string, end int) {
	j := i + 1
	for j < len(sql) && classes[sql[j]]&classPart != 0 && sql[j] != '$' {
		j++
	}
	if j >= len(sql) || sql[j] != '$' {
		return "", -1
	}
	tag, rest := sql[i:j+1], sql[j+1:]
	k := strings.Index(rest, tag)
	if k < 0 {
		return "", -1
	}
	return rest[:k], j + 1 + k + len(tag)
}
