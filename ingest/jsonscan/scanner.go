// Package jsonscan reads one JSON text in place, in one pass, without memory of
// its own: the caller pulls keys and values and names what each must be. Strings
// are views of the text; only those with escapes are written anew, into the
// caller's Scratch.
//
// It accepts what RFC 8259 allows and nothing else, within the limits of package
// decode. A string that the caller reads must be valid Unicode; a string that is
// stepped over must be valid UTF-8, but may hold the lone surrogate escapes that
// JavaScript writes for half a character. Of two equal keys the later one wins,
// as in pino and in Go, because both reach the caller in order.
package jsonscan

import (
	"unicode/utf8"

	"trespass.dev/trespass/ingest/decode"
)

// Kind is what the next value is.
type Kind uint8

const (
	Invalid Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// String names the kind as error texts do.
func (k Kind) String() string {
	return [...]string{"no value", "an object", "an array", "a string", "a number", "a boolean", "null"}[k]
}

// Scanner reads one text at a time. After the first error every method gives its
// zero value, so a caller may check once, at the end. A Scanner is used by one
// goroutine; Reset makes it ready for the next text.
type Scanner struct {
	line   []byte
	buf    []byte // line; nothing once something was wrong, so that no step goes on
	pos    int
	mem    *decode.Scratch
	depth  int
	fresh  bool // the container entered last has not given anything yet
	failed bool
	reason decode.Reason
	at     int
	detail string
	clock  decode.Clock
	watch  string // a key to look out for
	seen   bool   // it was there, at any depth
	key    []byte // room for a key with escapes, good until the next key
	count  [decode.MaxDepth + 1]int32
}

// Reset begins with line. Strings that the Scanner gives point into line and mem.
func (s *Scanner) Reset(line []byte, mem *decode.Scratch) {
	s.line, s.buf, s.mem = line, line, mem
	s.pos, s.depth = 0, 0
	s.fresh, s.failed, s.seen = false, false, false
}

// Watch makes the Scanner look out for a key, in all texts from now on.
func (s *Scanner) Watch(key string) { s.watch = key }

// Seen says whether the key of Watch was in what has been read of the text, at any depth.
func (s *Scanner) Seen() bool { return s.seen }

// Mark is a place before a value.
type Mark struct{ pos, depth int }

// Mark remembers the place before the next value.
func (s *Scanner) Mark() Mark {
	s.peek()
	return Mark{s.pos, s.depth}
}

// Back stands again before the value that m marks, which has been read since, wholly
// or until something was wrong with its meaning. A fault of the text itself stays.
func (s *Scanner) Back(m Mark) {
	if s.failed && s.reason != decode.BadField && s.reason != decode.Missing && s.reason != decode.BadTime {
		return
	}
	s.failed, s.fresh = false, false
	s.buf, s.pos, s.depth = s.line, m.pos, m.depth
}

// OK says whether nothing has been wrong so far.
func (s *Scanner) OK() bool { return !s.failed }

// Fail records what is wrong at the place reached, unless something was wrong before.
// detail must not hold a value of the text.
func (s *Scanner) Fail(reason decode.Reason, detail string) {
	if s.failed {
		return
	}
	s.failed, s.reason, s.at, s.detail = true, reason, s.pos, detail
	s.buf, s.fresh = nil, false
}

// Err gives what was wrong, as an *decode.Error of the named format, or nil.
func (s *Scanner) Err(format string) error {
	if !s.failed {
		return nil
	}
	return &decode.Error{Format: format, Reason: s.reason, At: s.at, Detail: s.detail}
}

// Kind says what the next value is without reading it.
func (s *Scanner) Kind() Kind {
	switch c := s.peek(); {
	case c == '"':
		return String
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '-' || c-'0' <= 9:
		return Number
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	default:
		return Invalid
	}
}

// Enter steps into an object, for Key, or into an array, for Next. It gives false,
// with the error set, if the value is of another kind.
func (s *Scanner) Enter(want Kind, field string) bool {
	c := s.peek()
	if !(c == '{' && want == Object || c == '[' && want == Array) {
		s.wrong(field, want)
		return false
	}
	return s.push()
}

func (s *Scanner) push() bool {
	if s.depth == decode.MaxDepth {
		s.Fail(decode.TooDeep, "more than 64 levels")
		return false
	}
	s.pos++
	s.depth++
	s.count[s.depth] = 0
	s.fresh = true
	return true
}

// Key gives the next key of the object entered last, and stands before its value,
// which the caller must read or Skip. The key is good until the next call. At the
// end of the object, and on error, ok is false.
func (s *Scanner) Key() (key []byte, ok bool) {
	if key, ok = s.plainKey(); ok {
		return key, true
	}
	return s.oddKey()
}

// oddKey is Key for a key that plainKey leaves.
func (s *Scanner) oddKey() (key []byte, ok bool) {
	raw, escaped, ok := s.rawKey()
	if !ok || !escaped {
		return raw, ok
	}
	s.key = append(s.key[:0], raw...)
	n, ok := unescape(s.key, raw)
	if !ok {
		s.Fail(decode.BadUTF8, "a key holds half a surrogate pair")
		return nil, false
	}
	return s.key[:n], true
}

// Name is Key with a key that lives as long as the text and the Scratch.
func (s *Scanner) Name() (name string, ok bool) {
	if raw, ok := s.plainKey(); ok {
		return decode.String(raw), true
	}
	raw, escaped, ok := s.rawKey()
	if !ok || !escaped {
		return decode.String(raw), ok
	}
	name = decode.String(s.unescape(raw))
	return name, s.OK()
}

func (s *Scanner) rawKey() (raw []byte, escaped, ok bool) {
	if !s.more('}', decode.MaxFields, "more than 1024 fields in one object") {
		return nil, false, false
	}
	if s.peek() != '"' {
		s.unexpected("want a key in quotes")
		return nil, false, false
	}
	raw, escaped, ok = s.text()
	if !ok {
		return nil, false, false
	}
	if s.peek() != ':' {
		s.unexpected("want a colon after the key")
		return nil, false, false
	}
	s.pos++
	s.seen = s.seen || string(raw) == s.watch
	return raw, escaped, true
}

// Next stands before the next element of the array entered last, which the caller
// must read or Skip. At the end of the array, and on error, it gives false.
func (s *Scanner) Next() bool {
	return s.more(']', decode.MaxElements, "more than 10000 elements in one array")
}

// more steps over a comma, or out of the container.
func (s *Scanner) more(end byte, limit int32, over string) bool {
	switch c := s.peek(); {
	case c == ',' && !s.fresh:
		s.pos++ // what must follow is checked by who reads it
	case c == end:
		s.pos++
		s.depth--
		s.fresh = false
		return false
	case s.fresh:
		s.fresh = false
	default:
		s.unexpected("want a comma or the end of the object or array")
		return false
	}
	if s.count[s.depth]++; s.count[s.depth] > limit {
		s.Fail(decode.TooMany, over)
		return false
	}
	return true
}

// Skip steps over one value of any kind.
func (s *Scanner) Skip() {
	switch c := s.peek(); c {
	case '"':
		s.text()
	case '{':
		for s.push(); ; s.Skip() {
			if _, ok := s.plainKey(); ok {
				continue
			}
			if _, _, ok := s.rawKey(); !ok {
				return
			}
		}
	case '[':
		for s.push(); s.Next(); {
			s.Skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// Raw steps over one value and gives its bytes as they stand.
func (s *Scanner) Raw() []byte {
	s.peek()
	from := s.pos
	s.Skip()
	if s.failed {
		return nil
	}
	return s.buf[from:s.pos]
}

// End checks that nothing but white space follows.
func (s *Scanner) End() {
	if s.peek(); s.pos < len(s.buf) {
		s.Fail(decode.BadJSON, "text after the end of the value")
	}
}

// peek steps over white space and gives the byte there, or 0 at the end and on error.
func (s *Scanner) peek() byte {
	if s.pos < len(s.buf) && s.buf[s.pos] > ' ' {
		return s.buf[s.pos]
	}
	return s.pastSpace()
}

// pastSpace is peek where white space may stand.
func (s *Scanner) pastSpace() byte {
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

func (s *Scanner) unexpected(want string) {
	if s.pos >= len(s.buf) {
		s.Fail(decode.Cut, "the text ends early")
		return
	}
	s.Fail(decode.BadJSON, want)
}

// text reads the string whose opening quote is next, and gives what is between the
// quotes.
func (s *Scanner) text() (raw []byte, escaped, ok bool) {
	if raw, ok = s.plainText(); ok {
		return raw, false, true
	}
	return s.oddText(s.pos+1, s.pos+1)
}

// oddText reads on at i a string that holds escapes or more than ASCII, or that ends
// near the end of the text.
func (s *Scanner) oddText(from, i int) (raw []byte, escaped, ok bool) {
	b := s.buf
	for {
		if i = plainRun(b, i); i >= len(b) {
			s.pos = i
			s.Fail(decode.Cut, "a string is not closed")
			return nil, false, false
		}
		switch b[i] {
		case '"':
			if raw = b[from:i]; !utf8.Valid(raw) {
				s.pos = from
				s.Fail(decode.BadUTF8, "a string is not valid UTF-8")
				return nil, false, false
			}
			s.pos = i + 1
			return raw, escaped, true
		case '\\':
			escaped = true
			if i+1 < len(b) && simple[b[i+1]] != 0 {
				i += 2
				continue
			}
			n := escapeLen(b[i:])
			if n == 0 {
				s.badEscape(i)
				return nil, false, false
			}
			i += n
		default:
			s.pos = i
			s.Fail(decode.BadJSON, "a control character in a string")
			return nil, false, false
		}
	}
}

func (s *Scanner) badEscape(i int) {
	if cutEscape(s.buf[i:]) {
		s.pos = len(s.buf)
		s.Fail(decode.Cut, "a string is not closed")
		return
	}
	s.pos = i
	s.Fail(decode.BadJSON, "an escape that JSON does not know")
}

// number reads one number and gives its bytes.
func (s *Scanner) number() []byte {
	s.peek()
	b := s.buf
	i := s.pos
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	ok := true
	if i < len(b) && b[i] == '0' {
		i++
	} else {
		ok = digits()
	}
	if ok && i < len(b) && b[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		s.pos = i
		s.unexpected("want a value")
		return nil
	}
	raw := b[s.pos:i]
	s.pos = i
	return raw
}

func (s *Scanner) literal(word string) {
	if rest := s.buf[s.pos:]; len(rest) < len(word) {
		if string(rest) == word[:len(rest)] {
			s.pos = len(s.buf)
		}
		s.unexpected("want a value")
	} else if string(rest[:len(word)]) != word {
		s.Fail(decode.BadJSON, "want a value")
	} else {
		s.pos += len(word)
	}
}
