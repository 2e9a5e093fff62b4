package jsonscan

import (
	"strconv"

	"trespass.dev/trespass/ingest/decode"
)

// wrong refuses the next value because it is not of the kind wanted. A text that
// ends here, or that holds no value at all, is told as what it is.
func (s *Scanner) wrong(field string, want Kind) {
	if s.failed {
		return
	}
	if s.Kind() == Invalid {
		s.unexpected("want a value")
		return
	}
	s.Bad(field, want.String())
}

// Bad refuses the value at hand: field must be want, and is not.
func (s *Scanner) Bad(field, want string) {
	if !s.failed {
		s.Fail(decode.BadField, field+": want "+want)
	}
}

// Null steps over a null and says whether there was one.
func (s *Scanner) Null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return !s.failed
}

// Text reads a string; null reads as the empty string.
func (s *Scanner) Text(field string) string { return decode.String(s.TextBytes(field)) }

// TextBytes is Text for those who go on reading what is in it.
func (s *Scanner) TextBytes(field string) []byte {
	if raw, ok := s.plainText(); ok {
		return raw
	}
	return s.oddTextBytes(field)
}

// PlainText reads a string without escapes that stands right here. It gives false, and
// moves nothing, for any other value.
func (s *Scanner) PlainText() (text string, ok bool) {
	raw, ok := s.plainText()
	return decode.String(raw), ok
}

// oddTextBytes is TextBytes for what plainText leaves.
func (s *Scanner) oddTextBytes(field string) []byte {
	switch s.peek() {
	case '"':
		raw, escaped, ok := s.text()
		if ok && escaped {
			return s.unescape(raw)
		}
		return raw
	case 'n':
		s.literal("null")
		return nil
	}
	s.wrong(field, String)
	return nil
}

func (s *Scanner) unescape(raw []byte) []byte {
	room := s.mem.Bytes(len(raw))
	n, ok := unescape(room, raw)
	if !ok {
		s.Fail(decode.BadUTF8, "a string holds half a surrogate pair")
		return nil
	}
	return room[:n]
}

// ID reads an identifier: a string, or a whole number as it is written, so that
// ids of 64 bits and more stay exact. Null reads as the empty string.
func (s *Scanner) ID(field string) string {
	if raw, ok := s.plainText(); ok {
		return decode.String(raw)
	}
	if c := s.peek(); c != '-' && c-'0' > 9 {
		if c != '"' && c != 'n' {
			s.wrong(field, String)
			return ""
		}
		return s.Text(field)
	}
	raw := s.number()
	for _, c := range raw {
		if c != '-' && c-'0' > 9 {
			s.Bad(field, "a string or a whole number")
			return ""
		}
	}
	return decode.String(raw)
}

// Int reads a whole number of 64 bits.
func (s *Scanner) Int(field string) int64 {
	if s.Kind() != Number {
		s.wrong(field, Number)
		return 0
	}
	raw := s.number()
	if s.failed {
		return 0
	}
	if n, ok := decode.Digits(raw); ok {
		return n
	}
	n, err := strconv.ParseInt(decode.String(raw), 10, 64)
	if err != nil {
		s.Bad(field, "a whole number of 64 bits")
	}
	return n
}

// Number reads a number and gives its text.
func (s *Scanner) Number(field string) []byte {
	if s.Kind() != Number {
		s.wrong(field, Number)
		return nil
	}
	return s.number()
}

// Bool reads true or false.
func (s *Scanner) Bool(field string) bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return !s.failed
	case 'f':
		s.literal("false")
		return false
	}
	s.wrong(field, Bool)
	return false
}

// Time reads an instant, in nanoseconds since 1970 UTC: an RFC 3339 text with a
// zone, or a number in the given unit.
func (s *Scanner) Time(field string, unit decode.Unit) int64 {
	var (
		t  int64
		ok bool
	)
	switch s.Kind() {
	case String:
		t, ok = s.clock.ParseRFC3339(s.Text(field))
	case Number:
		t, ok = decode.ParseEpoch(decode.String(s.number()), unit)
	default:
		s.wrong(field, String)
		return 0
	}
	if !ok && !s.failed {
		s.Fail(decode.BadTime, field+": want RFC 3339 with a zone, or a number of "+unit.String()+" between the years 2000 and 2100")
	}
	return t
}
