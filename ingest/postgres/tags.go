package postgres

import (
	"strings"

	"trespass.dev/trespass/ingest/decode"
)

// Longest ids and routes that are taken from a comment or a name, which anybody may write.
const (
	maxID    = 128
	maxRoute = 512
)

// tags reads the pairs of a comment: sqlcommenter's key='value' with percent signs,
// marginalia's key:value, and key=value. A later comment wins over an earlier one.
func (w *walker) tags(body string) {
	for rest := body; ; {
		key, val, after, ok := nextTag(rest, w.mem)
		if !ok {
			return
		}
		rest = after
		switch tagOf(key) {
		case tagRequest:
			if id := requestID(val); id != "" {
				w.st.RequestID = id
			}
		case tagTrace:
			if id := traceID(val, w.mem); id != "" {
				w.st.TraceID = id
			}
		case tagRoute:
			if len(val) <= maxRoute {
				w.st.Route = val
			}
		}
	}
}

// conventions reads what people put into the application name: web req=8f14e45f. A
// comment, which belongs to one statement alone, wins over it.
func (w *walker) conventions(name string) {
	if strings.IndexByte(name, '=') < 0 && strings.IndexByte(name, ':') < 0 {
		return
	}
	if w.st.RequestID == "" {
		w.st.RequestID = requestIDOf(name, w.mem)
	}
	for rest := name; w.st.TraceID == ""; {
		key, val, after, ok := nextTag(rest, w.mem)
		if !ok {
			return
		}
		if rest = after; tagOf(key) == tagTrace {
			w.st.TraceID = traceID(val, w.mem)
		}
	}
}

// requestIDOf finds the request id in a name.
func requestIDOf(name string, mem *decode.Scratch) (id string) {
	for {
		key, val, rest, ok := nextTag(name, mem)
		if !ok {
			return id
		}
		if name = rest; tagOf(key) == tagRequest {
			id = requestID(val)
		}
	}
}

type tag uint8

const (
	tagOther tag = iota
	tagRequest
	tagTrace
	tagRoute
)

// tagOf knows the keys that name a request, a trace or a route.
func tagOf(key string) tag {
	is := func(want string) bool { return key == want || strings.EqualFold(key, want) }
	switch len(key) {
	case len("req"):
		if is("req") {
			return tagRequest
		}
	case len("reqid"):
		if is("reqid") {
			return tagRequest
		}
		if is("route") {
			return tagRoute
		}
	case len("req_id"):
		if is("req_id") {
			return tagRequest
		}
	case len("traceid"):
		if is("traceid") {
			return tagTrace
		}
	case len("trace_id"):
		if is("trace_id") {
			return tagTrace
		}
	case len("requestid"):
		if is("requestid") {
			return tagRequest
		}
	case len("request_id"):
		if is("request_id") || is("request-id") {
			return tagRequest
		}
	case len("traceparent"):
		if is("traceparent") {
			return tagTrace
		}
	case len("x-request-id"):
		if is("x-request-id") || is("x_request_id") {
			return tagRequest
		}
	}
	return tagOther
}

// nextTag finds the next pair of s. ok is false at the end.
func nextTag(s string, mem *decode.Scratch) (key, val, rest string, ok bool) {
	for i := 0; i < len(s); {
		if !keyBytes[s[i]] {
			i++
			continue
		}
		from := i
		for i < len(s) && keyBytes[s[i]] {
			i++
		}
		key = s[from:i]
		j := i
		for j < len(s) && s[j] == ' ' {
			j++
		}
		if j == len(s) || s[j] != '=' && s[j] != ':' {
			continue
		}
		for j++; j < len(s) && s[j] == ' '; j++ {
		}
		val, rest = tagValue(s[j:], mem)
		return key, val, rest, true
	}
	return "", "", "", false
}

// keyBytes are the bytes of a key.
var keyBytes = table(func(c byte) bool {
	return c|0x20-'a' < 26 || c-'0' < 10 || c == '_' || c == '-' || c == '.'
})

// table holds what is asked of each byte of a text.
func table(is func(c byte) bool) (t [256]bool) {
	for c := range t {
		t[c] = is(byte(c))
	}
	return t
}

// tagValue reads a value in quotes, or up to a comma or a blank, and what follows it.
func tagValue(s string, mem *decode.Scratch) (val, rest string) {
	if s == "" {
		return "", ""
	}
	if q := s[0]; q == '\'' || q == '"' {
		i := 1
		for i < len(s) && !valueStops[s[i]] {
			i++
		}
		escaped := false
		for ; i < len(s); i++ {
			switch c := s[i]; {
			case c == q && !escaped:
				return s[1:i], s[i+1:]
			case c == q:
				return percent(s[1:i], mem), s[i+1:]
			case c == '\\':
				i++
				escaped = true
			case c == '%':
				escaped = true
			}
		}
		return "", "" // cut
	}
	i := 0
	for i < len(s) && s[i] != ',' && s[i] != ' ' && s[i] != '\n' && s[i] != '\t' && s[i] != ';' && s[i] != ']' && s[i] != ')' {
		i++
	}
	return percent(s[:i], mem), s[i:]
}

// valueStops are the bytes that matter in a value in quotes.
var valueStops = table(func(c byte) bool { return c == '\'' || c == '"' || c == '\\' || c == '%' })

// percent reads %2F as a slash and \' as a quote.
func percent(s string, mem *decode.Scratch) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := mem.Bytes(len(s))
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && hex(s[i+1]) < 16 && hex(s[i+2]) < 16:
			c = hex(s[i+1])<<4 | hex(s[i+2])
			i += 2
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
		}
		b[n] = c
		n++
	}
	return decode.String(b[:n])
}

// hex gives the value of a digit, or 16.
func hex(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case c|0x20-'a' < 6:
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// requestID gives s if it can be an id of a request: short, printable, in one word.
func requestID(s string) string {
	if len(s) <= maxID {
		i := 0
		for i < len(s) && idBytes[s[i]] {
			i++
		}
		if i == len(s) {
			return s
		}
	}
	if i := strings.LastIndex(s, "::"); i >= 0 {
		s = s[i+2:] // regions before the id
	}
	if s == "" || len(s) > maxID {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '\'' || c == '"' || c == '\\' {
			return ""
		}
	}
	return s
}

// idBytes are what an id may hold, but for the colon, which may divide it.
var idBytes = table(func(c byte) bool {
	return c > ' ' && c <= '~' && c != '\'' && c != '"' && c != '\\' && c != ':'
})

// traceID gives the 32 lower-case digits of a traceparent or of a bare trace id.
func traceID(s string, mem *decode.Scratch) string {
	if len(s) >= 55 && s[2] == '-' && s[35] == '-' {
		s = s[3:35]
	}
	if len(s) != 32 {
		return ""
	}
	upper, zero := false, true
	for i := range len(s) {
		if hex(s[i]) == 16 {
			return ""
		}
		upper = upper || s[i]-'A' < 6
		zero = zero && s[i] == '0'
	}
	if zero {
		return ""
	}
	if !upper {
		return s
	}
	b := mem.Bytes(len(s))
	for i := range len(s) {
		b[i] = s[i]
		if s[i]-'A' < 6 {
			b[i] |= 0x20
		}
	}
	return decode.String(b)
}
