package query

import "strings"

// Canonical gives the one spelling under which a relation or function is known,
// whatever log wrote it: quotes removed, "public." taken from the front.
// orders, public.orders, "public"."orders" and "orders" are all orders. Letter
// case is kept, because pgaudit and the applications print it as it is stored.
// Quotes stay only around a part that itself holds a dot or a quote.
//
// It allocates only for a quoted name in another schema.
func Canonical(name string) string {
	if strings.IndexByte(name, '"') < 0 {
		return strings.TrimPrefix(name, "public.")
	}
	rest := name
	if r, ok := strings.CutPrefix(rest, `"public".`); ok {
		rest = r
	} else if r, ok := strings.CutPrefix(rest, "public."); ok {
		rest = r
	}
	if strings.IndexByte(rest, '"') < 0 {
		return rest
	}
	if n := len(rest); n > 2 && rest[0] == '"' && rest[n-1] == '"' && !strings.ContainsAny(rest[1:n-1], `".`) {
		return rest[1 : n-1]
	}
	return string(AppendCanonical(nil, rest))
}

// AppendCanonical appends the canonical spelling of name to dst, for callers who
// keep a buffer.
func AppendCanonical(dst []byte, name string) []byte {
	part, rest, more := cutPart(name)
	if more && (part == "public" || part == `"public"`) {
		part, rest, more = cutPart(rest)
	}
	dst = appendPart(dst, part)
	for more {
		part, rest, more = cutPart(rest)
		dst = append(dst, '.')
		dst = appendPart(dst, part)
	}
	return dst
}

// cutPart splits name at its first dot outside quotes. The part keeps its quotes.
func cutPart(name string) (part, rest string, more bool) {
	quoted := false
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '.' && !quoted:
			return name[:i], name[i+1:], true
		}
	}
	return name, "", false
}

// appendPart appends one identifier without its quotes, unless they are needed to
// tell its dots and quotes from ours.
func appendPart(dst []byte, part string) []byte {
	n := len(part)
	if n > 2 && part[0] == '"' && part[n-1] == '"' && !strings.ContainsAny(part[1:n-1], `".`) {
		return append(dst, part[1:n-1]...)
	}
	return append(dst, part...)
}

// canonicalParts is Canonical for the parts of a parsed name, which the parser has
// already folded and unquoted.
func canonicalParts(schema, name string) string {
	name = quotePart(name)
	if schema == "" || schema == "public" {
		return name
	}
	return quotePart(schema) + "." + name
}

func quotePart(part string) string {
	if part == "" || strings.ContainsAny(part, `".`) {
		return `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	}
	return part
}
