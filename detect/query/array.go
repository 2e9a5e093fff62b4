package query

import "strings"

// ArrayElements appends the elements of a Postgres array's text, such as
// {a,"b c",NULL}, to dst. NULL elements are left out, because no row equals them;
// nested arrays give their elements one after the other. It reports false, with
// dst as it was, for text that is no array. Elements are slices of text unless they
// held escapes.
func ArrayElements(dst []string, text string) ([]string, bool) {
	start := len(dst)
	body := strings.TrimSpace(text)
	if i := strings.Index(body, "={"); i > 0 && body[0] == '[' {
		body = body[i+1:] // bounds, as in [0:1]={a,b}
	}
	depth, i := 0, 0
	for first := true; ; first = false {
		for i < len(body) && classes[body[i]]&classSpace != 0 {
			i++
		}
		if i >= len(body) || first && body[i] != '{' {
			return dst[:start], false
		}
		var element string
		var ok, null bool
		switch body[i] {
		case '{':
			depth++
			i++
			if j := skipSpace(body, i); j < len(body) && body[j] == '}' {
				i = j
				break
			}
			continue
		case '}':
			return dst[:start], false
		case '"':
			if element, i, ok = quotedElement(body, i); !ok {
				return dst[:start], false
			}
			dst = append(dst, element)
		default:
			if element, i, null, ok = bareElement(body, i); !ok {
				return dst[:start], false
			}
			if !null {
				dst = append(dst, element)
			}
		}
		// Behind an element: closing braces, then a comma or the end.
		for i = skipSpace(body, i); i < len(body) && body[i] == '}'; i = skipSpace(body, i+1) {
			if depth--; depth == 0 {
				if i == len(body)-1 {
					return dst, true
				}
				return dst[:start], false
			}
		}
		if i >= len(body) || body[i] != ',' || depth == 0 {
			return dst[:start], false
		}
		i++
	}
}

func skipSpace(s string, i int) int {
	for i < len(s) && classes[s[i]]&classSpace != 0 {
		i++
	}
	return i
}

// quotedElement reads a quoted element from its quote at i.
func quotedElement(s string, i int) (element string, end int, ok bool) {
	escaped := false
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			escaped = true
			j++
		case '"':
			if !escaped {
				return s[i+1 : j], j + 1, true
			}
			return unescapeElement(s[i+1 : j]), j + 1, true
		}
	}
	return "", 0, false
}

// bareElement reads an unquoted element, up to its comma or brace.
func bareElement(s string, i int) (element string, end int, null, ok bool) {
	escaped := false
	j := i
	for ; j < len(s) && s[j] != ',' && s[j] != '}'; j++ {
		switch s[j] {
		case '\\':
			escaped = true
			j++
		case '{', '"':
			return "", 0, false, false
		}
	}
	if j >= len(s) {
		return "", 0, false, false
	}
	element = strings.TrimSpace(s[i:j])
	if escaped {
		return unescapeElement(element), j, false, true
	}
	return element, j, strings.EqualFold(element, "null"), element != ""
}

func unescapeElement(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
