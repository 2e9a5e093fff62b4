package detect

import "strings"

// Valid says whether id has the declared form. Under any type, and under none, the
// marks of a value that was never there are malformed: empty, undefined, null,
// NaN, [object Object].
func (t IDType) Valid(id string) bool {
	switch id {
	case "", "undefined", "null", "NaN", "[object Object]":
		return false
	}
	switch t.Kind {
	case "uuid":
		return validUUID(id)
	case "int":
		return validInt(id)
	case "prefix":
		rest, ok := strings.CutPrefix(id, t.Prefix)
		return ok && validToken(rest)
	default:
		return id[0] > ' ' && id[0] < 0x7f || strings.TrimSpace(id) != ""
	}
}

// validUUID takes the form with hyphens, in any case. Every id of every line comes by
// here, so that it looks at eight letters at a time.
func validUUID(id string) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	return hexDigits(word(id, 0))&hexDigits(half(id, 9)|half(id, 14)<<32)&
		hexDigits(half(id, 19)|half(id, 24)<<32)&hexDigits(word(id, 28)) == highBits
}

// half and word read four and eight letters, the first lowest.
func half(s string, at int) uint64 {
	s = s[at : at+4]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

func word(s string, at int) uint64 {
	s = s[at : at+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// hexDigits sets the high bit of each byte that is a hexadecimal digit, and no other. Sums
// of bytes below 0x80 do not carry into their neighbours; a byte above is none.
func hexDigits(x uint64) uint64 {
	low := x &^ highBits
	lower := low | 0x20*eachByte
	digit := (low + (0x80-'0')*eachByte) &^ (low + (0x80-'9'-1)*eachByte)
	letter := (lower + (0x80-'a')*eachByte) &^ (lower + (0x80-'f'-1)*eachByte)
	return (digit | letter) & highBits &^ x
}

// validInt takes what fits a bigint by its length.
func validInt(id string) bool {
	id = strings.TrimPrefix(id, "-")
	if id == "" || len(id) > 19 {
		return false
	}
	for i := range len(id) {
		if !isDigit(id[i]) {
			return false
		}
	}
	return true
}

// validToken takes the letters that Stripe and its like put behind a prefix.
func validToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
