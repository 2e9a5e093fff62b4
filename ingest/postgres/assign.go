package postgres

import (
	"strings"
	"unsafe"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// assign notes that a setting got a value, which lasts beyond the transaction or does
// not. Settings that say nothing of who asks are passed over.
func (w *walker) assign(name string, v value, lasts bool) {
	is := func(want string) bool { return name == want || len(name) >= len(want) && strings.EqualFold(name, want) }
	switch {
	case is("role"), is("session_authorization"):
		s := w.settings()
		s.Session = lasts
		s.Reset = v.known && (v.null || strings.EqualFold(v.text, "none"))
		s.Role, s.RoleHidden = "", !v.known
		if v.known && !s.Reset {
			s.Role = v.text
		}
	case is("request.jwt.claims"):
		w.whose(lasts)
		w.claims(v)
	case is("request.headers"):
		if v.known && !v.null {
			w.headers(v.text)
		}
	case is("request.method"):
		if v.known {
			w.settings().Method = v.text
		}
	case is("request.path"):
		if v.known {
			path, _, _ := strings.Cut(v.text, "?")
			w.settings().Path = path
		}
	case is("application_name"):
		if id := requestIDOf(v.text, w.mem); id != "" && w.idRank == 0 {
			s := w.settings()
			s.Session, s.RequestID = lasts, id
		}
	default:
		w.legacy(name, v, lasts)
	}
}

// whose notes how long the claims last, unless the role has said so.
func (w *walker) whose(lasts bool) {
	if s := w.settings(); s.Role == "" && !s.Reset && !s.RoleHidden {
		s.Session = lasts
	}
}

// legacy reads the settings of PostgREST before version 9, one for each claim and header.
func (w *walker) legacy(name string, v value, lasts bool) {
	const claim, header = "request.jwt.claim.", "request.header."
	switch {
	case len(name) > len(claim) && strings.EqualFold(name[:len(claim)], claim):
		w.whose(lasts)
		w.claim(name[len(claim):], v)
	case len(name) > len(header) && strings.EqualFold(name[:len(header)], header):
		if v.known && !v.null {
			w.header(name[len(header):], v.text)
		}
	}
}

// claims reads a JSON object of claims. Claims that cannot be read are not known.
func (w *walker) claims(v value) {
	s := w.settings()
	w.noClaims(s)
	if !v.known || v.null || v.text == "" {
		return
	}
	j := &w.json
	j.Reset(bytesOf(v.text), w.mem)
	got := detect.Settings{}
	j.Enter(jsonscan.Object, "claims")
	for key, ok := j.Key(); ok; key, ok = j.Key() {
		switch string(key) {
		case "sub":
			got.Sub = text(j)
		case "session_id":
			got.SessionID = text(j)
		case "exp":
			got.Expires = epoch(j)
		case "iat":
			got.Issued = epoch(j)
		case "app_metadata":
			got.AppRole = roleIn(j)
		default:
			j.Skip()
		}
	}
	j.End()
	if !j.OK() {
		return
	}
	s.Sub, s.SessionID, s.Expires, s.Issued, s.AppRole = got.Sub, got.SessionID, got.Expires, got.Issued, got.AppRole
	s.HasClaims, s.ClaimsGone = true, false
}

// noClaims forgets the claims.
func (w *walker) noClaims(s *detect.Settings) {
	s.Sub, s.SessionID, s.AppRole, s.Expires, s.Issued = "", "", "", 0, 0
	s.HasClaims, s.ClaimsGone = false, true
}

// claim reads one claim that has a setting of its own.
func (w *walker) claim(name string, v value) {
	s := w.settings()
	if !v.known {
		if name == "sub" {
			w.noClaims(s)
		}
		return
	}
	switch name {
	case "sub":
		s.Sub, s.HasClaims, s.ClaimsGone = v.text, true, false
	case "session_id":
		s.SessionID = v.text
	case "exp":
		s.Expires, _ = decode.ParseEpoch(v.text, decode.Seconds)
	case "iat":
		s.Issued, _ = decode.ParseEpoch(v.text, decode.Seconds)
	case "app_metadata":
		w.json.Reset(bytesOf(v.text), w.mem)
		if role := roleIn(&w.json); w.json.OK() {
			s.AppRole = role
		}
	case "role":
		s.HasClaims, s.ClaimsGone = true, false // an anonymous token has no sub
	}
}

// headers reads the JSON object of the request's headers.
func (w *walker) headers(object string) {
	j := &w.json
	j.Reset(bytesOf(object), w.mem)
	if w.settings().Browser == detect.Unknown {
		w.set.Browser = detect.No
	}
	j.Enter(jsonscan.Object, "headers")
	for key, ok := j.Key(); ok; key, ok = j.Key() {
		if j.Kind() != jsonscan.String || !telling(key) {
			j.Skip()
			continue
		}
		name := string(key)
		w.header(name, j.Text("header"))
	}
}

// telling names the headers that are read. No other value is looked at.
func telling(name []byte) bool {
	switch string(name) {
	case "x-request-id", "sb-request-id", "cf-ray", "traceparent", "user-agent", "origin", "referer":
		return true
	}
	return false
}

// header reads one header of the request. Of the ids, the one that the application chose
// is the best.
func (w *walker) header(name, text string) {
	s := w.settings()
	rank := 0
	switch name {
	case "x-request-id":
		rank = 3
	case "sb-request-id":
		rank = 2
	case "cf-ray":
		rank = 1
		if i := strings.IndexByte(text, '-'); i > 0 {
			text = text[:i] // the place that served it
		}
	case "traceparent":
		s.TraceID = traceID(text, w.mem)
	case "user-agent":
		if s.Browser != detect.Yes {
			s.Browser = browserAgent(text)
		}
	case "origin", "referer":
		s.Browser = detect.Yes
	}
	if rank > w.idRank {
		if id := requestID(text); id != "" {
			s.RequestID, w.idRank = id, rank
		}
	}
}

func browserAgent(agent string) detect.Tri {
	if !strings.HasPrefix(agent, "Mozilla/") {
		return detect.No
	}
	for _, tool := range [...]string{"bot", "Bot", "spider", "compatible;"} {
		if strings.Contains(agent, tool) {
			return detect.No
		}
	}
	return detect.Yes
}

// roleIn reads app_metadata.role.
func roleIn(j *jsonscan.Scanner) (role string) {
	if j.Kind() != jsonscan.Object {
		j.Skip()
		return ""
	}
	j.Enter(jsonscan.Object, "app_metadata")
	for key, ok := j.Key(); ok; key, ok = j.Key() {
		if string(key) == "role" {
			role = text(j)
		} else {
			j.Skip()
		}
	}
	return role
}

// text reads a string or a whole number; any other value says nothing.
func text(j *jsonscan.Scanner) string {
	switch j.Kind() {
	case jsonscan.String:
		return j.Text("claim")
	case jsonscan.Number:
		return decode.String(j.Number("claim"))
	}
	j.Skip()
	return ""
}

// epoch reads seconds since 1970; any other value says nothing.
func epoch(j *jsonscan.Scanner) int64 {
	if j.Kind() != jsonscan.Number {
		j.Skip()
		return 0
	}
	t, _ := decode.ParseEpoch(decode.String(j.Number("claim")), decode.Seconds)
	return t
}

// bytesOf views s as bytes, which nobody may write to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
