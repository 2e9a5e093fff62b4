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
		return strings.TrimSpace(id) != ""
	}
}

// Canonical gives the one spelling of a valid id: a uuid in lower case, all others
// as they are. Postgres and applications may print one uuid in different case. It
// allocates only when something changes.
func (t IDType) Canonical(id string) string {
	if t.Kind == "uuid" {
		return strings.ToLower(id)
	}
	return id
}

// validUUID takes the form with hyphens, in any case.
func validUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
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
