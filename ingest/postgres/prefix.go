package postgres

import (
	"bytes"
	"fmt"

	"trespass.dev/trespass/ingest/decode"
)

// A prefix is a compiled log_line_prefix. It is matched from the left; a name, which may
// hold anything, ends where the rest of the prefix and the severity can follow, at the
// first such place.
type prefix struct {
	parts []prefixPart
	quits int // where %q stands: a process without a session writes no more; -1 without %q
}

// prefixPart is an escape and the text that follows it. The first part of a prefix may
// be text alone.
type prefixPart struct {
	escape byte // 0 for text alone
	text   []byte
}

// prefixSteps bounds the work on one line: the names of a hostile client can hold the
// text that follows them many times.
const prefixSteps = 4096

// longestName bounds what %a, %u, %d, %h and the like may hold. Postgres cuts a name
// after 63 bytes, but may write up to four bytes for one.
const longestName = 255

// compilePrefix reads a log_line_prefix.
func compilePrefix(pattern string) (*prefix, error) {
	p := &prefix{parts: []prefixPart{{}}, quits: -1}
	last := func() *prefixPart { return &p.parts[len(p.parts)-1] }
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			last().text = append(last().text, pattern[i])
			continue
		}
		for i++; i < len(pattern) && (pattern[i] == '-' || pattern[i]-'0' < 10); i++ { // padding
		}
		if i == len(pattern) {
			return nil, fmt.Errorf("log_line_prefix %q ends with a %%: write %%%% for a percent sign", pattern)
		}
		switch c := pattern[i]; c {
		case '%':
			last().text = append(last().text, '%')
		case 'q':
			if p.quits < 0 {
				p.quits = len(p.parts)
				p.parts = append(p.parts, prefixPart{})
			}
		case 'a', 'u', 'd', 'r', 'h', 'L', 'b', 'p', 'P', 't', 'm', 'n', 'i', 'e', 'c', 'l', 's', 'v', 'x', 'Q':
			p.parts = append(p.parts, prefixPart{escape: c})
		default:
			return nil, fmt.Errorf("log_line_prefix %q: Postgres has no %%%c", pattern, c)
		}
	}
	if !p.has('m') && !p.has('t') && !p.has('n') {
		return nil, fmt.Errorf("log_line_prefix %q holds no time: add %%m to it", pattern)
	}
	return p, nil
}

func (p *prefix) has(escape byte) bool {
	for i := range p.parts {
		if p.parts[i].escape == escape {
			return true
		}
	}
	return false
}

// head is what the beginning of a text log line says.
type head struct {
	time     []byte
	epoch    bool // time is %n
	entry    entry
	severity []byte
	text     []byte // what follows the severity
	behind   int    // bytes behind the colon of the severity
}

// matcher matches one line. It is kept to save memory, and is overwritten.
type matcher struct {
	prefix *prefix
	head   head
	steps  int
}

// match takes the beginning of line apart. ok is false when it does not fit the prefix,
// or no severity follows.
func (m *matcher) match(p *prefix, line []byte) bool {
	m.prefix, m.steps, m.head = p, prefixSteps, head{}
	return m.from(0, line)
}

// from matches line with the parts from i on.
func (m *matcher) from(i int, line []byte) bool {
	if m.steps--; m.steps < 0 {
		return false
	}
	if i == len(m.prefix.parts) {
		return m.severity(line)
	}
	part := &m.prefix.parts[i]
	if i == m.prefix.quits {
		before := m.head
		if rest, ok := bytes.CutPrefix(line, part.text); ok && m.from(i+1, rest) {
			return true
		}
		m.head = before
		return m.severity(line)
	}
	switch part.escape {
	case 0:
		rest, ok := bytes.CutPrefix(line, part.text)
		return ok && m.from(i+1, rest)
	case 'a', 'u', 'd', 'r', 'h', 'L', 'b', 'i':
		return m.name(i, line)
	}
	n := shaped(part.escape, line)
	if n < 0 {
		return false
	}
	rest := line[n:]
	if len(part.text) > 0 && part.text[0] != ' ' {
		rest = bytes.TrimLeft(rest, " ") // padding
	}
	rest, ok := bytes.CutPrefix(rest, part.text)
	if !ok || !m.from(i+1, rest) {
		return false
	}
	m.take(part.escape, line[:n])
	return true
}

// name matches a part that may hold anything, which ends as soon as the rest fits.
func (m *matcher) name(i int, line []byte) bool {
	part := &m.prefix.parts[i]
	for n := 0; n <= len(line) && n <= longestName; n++ {
		if len(part.text) > 0 {
			near := line[n:min(len(line), longestName+len(part.text))]
			next := bytes.Index(near, part.text)
			if next < 0 {
				return false
			}
			n += next
		}
		if (part.escape == 'h' || part.escape == 'r') && bytes.IndexByte(line[:n], ' ') >= 0 {
			return false
		}
		if part.escape == 'r' && !remote(line[:n]) {
			continue
		}
		if m.from(i+1, line[n+len(part.text):]) {
			m.take(part.escape, bytes.Trim(line[:n], " "))
			return true
		}
		if m.steps < 0 {
			return false
		}
	}
	return false
}

// remote says whether b is what %r writes: nothing, [local], or a host and its port. The
// host may hold colons, which often stand behind %r too.
func remote(b []byte) bool {
	return len(b) == 0 || string(b) == "[local]" || string(b) == "[unknown]" || len(b) > 3 && b[len(b)-1] == ')' && bytes.IndexByte(b, '(') > 0
}

// take keeps the value of an escape.
func (m *matcher) take(escape byte, value []byte) {
	e := &m.head.entry
	switch escape {
	case 'a':
		e.app = value
	case 'u':
		e.login = value
	case 'd':
		e.database = value
	case 'h':
		e.host = value
	case 'r':
		if i := bytes.LastIndexByte(value, '('); i > 0 {
			value = value[:i] // port
		}
		e.host = value
	case 'b':
		e.backend = value
	case 'p':
		e.pid = value
	case 'm', 't':
		m.head.time, m.head.epoch = value, false
	case 'n':
		if m.head.time == nil {
			m.head.time, m.head.epoch = value, true
		}
	case 'c':
		e.session = value
	case 'l':
		e.line, _ = decode.Digits(value)
	case 'v':
		e.txn = value
	case 'e':
		e.state = value
	}
}

// shaped gives the length of the value of an escape that has a shape, or -1.
func shaped(escape byte, line []byte) int {
	run := func(from int, ok func(byte) bool) int {
		for from < len(line) && ok(line[from]) {
			from++
		}
		return from
	}
	digit := func(c byte) bool { return c-'0' < 10 }
	switch escape {
	case 'm', 't', 's':
		return stamp(line)
	case 'n':
		n := run(0, func(c byte) bool { return digit(c) || c == '.' })
		if n < 10 {
			return -1
		}
		return n
	case 'p', 'l':
		if n := run(0, digit); n > 0 {
			return n
		}
		return -1
	case 'P', 'x':
		return run(0, digit)
	case 'Q':
		if len(line) > 0 && line[0] == '-' {
			return run(1, digit)
		}
		return run(0, digit)
	case 'v':
		return run(0, func(c byte) bool { return digit(c) || c == '/' })
	case 'c':
		if n := run(0, func(c byte) bool { return hex(c) < 16 || c == '.' }); n > 0 {
			return n
		}
		return -1
	case 'e':
		if n := run(0, func(c byte) bool { return digit(c) || c-'A' < 26 }); n == 5 {
			return n
		}
		return -1
	}
	return -1
}

// stamp gives the length of a time with its zone, or -1.
func stamp(line []byte) int {
	if !datelike(line) {
		return -1
	}
	n := len("2026-11-23 01:54:05")
	if n < len(line) && line[n] == '.' {
		for n++; n < len(line) && line[n]-'0' < 10; n++ {
		}
	}
	if n == len(line) || line[n] != ' ' {
		return n
	}
	end := n + 1
	if end < len(line) && (line[end] == '+' || line[end] == '-') {
		for end++; end < len(line) && line[end]-'0' < 10; end++ {
		}
		if end+2 < len(line) && line[end] == ':' && line[end+1]-'0' < 10 && line[end+2]-'0' < 10 && end-n == 4 {
			end += 3
		}
		return end
	}
	for end < len(line) && (line[end]-'A' < 26 || line[end]-'a' < 26) && end-n < 7 {
		end++
	}
	if end == n+1 {
		return n
	}
	return end
}

// mayFit says, without much work, whether p could match a line that begins with a time
// of so many bytes, or with none if that is negative.
func (p *prefix) mayFit(line []byte, stamped int) bool {
	if len(p.parts[0].text) > 0 || len(p.parts) == 1 {
		return bytes.HasPrefix(line, p.parts[0].text)
	}
	switch part := &p.parts[1]; part.escape {
	case 'm', 't', 's':
		if stamped < 0 {
			return false
		}
		rest := line[stamped:]
		return bytes.HasPrefix(rest, part.text) || len(part.text) > 0 && part.text[0] != ' ' && len(rest) > 0 && rest[0] == ' '
	}
	return true
}

// firstSeverity gives the place of the first colon that could end a severity, or -1: a
// line has none, in whatever prefix, that ends before it.
func firstSeverity(line []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(line[at:], ':')
		if i < 0 {
			return -1
		}
		at += i
		if at < 2 {
			continue
		}
		word := bytes.TrimSuffix(line[:at], []byte{' '})
		if !severityByte(word[len(word)-1]) {
			continue
		}
		if at+1 == len(line) || line[at+1] == ' ' || bytes.HasSuffix(word, []byte("쿼리")) {
			return at
		}
	}
}

// severityByte says whether c may stand in a severity.
func severityByte(c byte) bool {
	return c-'A' <= 25 || c >= 0x80 || c-'0' <= 9 || c == ' ' || c == '\''
}

// severity reads the word that every line has behind its prefix, and the SQLSTATE that
// log_error_verbosity=verbose puts behind it.
func (m *matcher) severity(line []byte) bool {
	colon := bytes.IndexByte(line[:min(len(line), 64)], ':')
	if colon < 2 {
		return false
	}
	word := bytes.TrimSuffix(line[:colon], []byte{' '})
	rest := line[colon+1:]
	if len(rest) > 0 && rest[0] != ' ' && string(word) != "쿼리" {
		return false
	}
	for _, c := range word {
		if !severityByte(c) {
			return false
		}
	}
	if word[0]-'0' < 10 || bytes.IndexByte(word, ' ') >= 0 && partOf(word) == partPrimary {
		return false
	}
	m.head.severity, m.head.behind = word, len(rest)
	rest = bytes.TrimPrefix(rest, []byte{' '})
	m.head.text = bytes.TrimPrefix(rest, []byte{' '})
	if t := m.head.text; len(t) > 7 && t[5] == ':' && t[6] == ' ' && sqlState(t[:5]) {
		m.head.entry.state, m.head.text = t[:5], t[7:]
	}
	return true
}

// sqlState says whether b is a code such as 00000, 42P01 or XX000; AUDIT is none.
func sqlState(b []byte) bool {
	digits := 0
	for _, c := range b {
		switch {
		case c-'0' < 10:
			digits++
		case c-'A' > 25:
			return false
		}
	}
	return digits > 1
}
