package app

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// preRequestMark begins the message that deploy/emit/pre_request.sql logs.
const preRequestMark = "trespass: {"

// IsPreRequest says whether message, the message field of a Postgres log record
// without its severity, is one of the pre-request function. Only the beginning counts:
// a statement that merely holds these words begins with "statement: " or the like.
func IsPreRequest(message []byte) bool {
	return bytes.HasPrefix(message, []byte(preRequestMark))
}

// PreRequest reads the message of the pre-request function:
//
//	trespass: {"sub":"ann","session_id":"s1","role":"authenticated","app_role":"staff",
//	"method":"GET","path":"/orders","request_id":"req-42","trace_id":"…","exp":1893456000,"browser":true}
//
// It gives the settings of the transaction that logged it: HasClaims is set, and a
// null sub means that nobody was logged in. s is memory of the caller, used for this
// call alone. The error is an *decode.Error.
func PreRequest(s *jsonscan.Scanner, message []byte, mem *decode.Scratch) (*detect.Settings, error) {
	set := mem.Settings()
	set.HasClaims = true
	if !IsPreRequest(message) {
		return nil, &decode.Error{Format: "pre_request", Reason: decode.Unknown, At: 0, Detail: "want " + preRequestMark}
	}
	s.Reset(message[len(preRequestMark)-1:], mem)
	s.Enter(jsonscan.Object, "the message")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "sub":
			set.Sub = s.ID("sub")
		case "session_id":
			set.SessionID = s.ID("session_id")
		case "role":
			set.Role = s.Text("role")
		case "app_role":
			set.AppRole = s.Text("app_role")
		case "method":
			set.Method = s.Text("method")
		case "path":
			set.Path = withoutQuery(s.Text("path"))
		case "request_id":
			set.RequestID = lastPart(s.ID("request_id"))
		case "trace_id":
			set.TraceID = traceID(s, "trace_id")
		case "iat":
			set.Issued = epoch(s, "iat")
		case "exp":
			set.Expires = epoch(s, "exp")
		case "browser":
			set.Browser = truth(s, "browser")
		default:
			s.Skip()
		}
	}
	s.End()
	if !s.OK() {
		return nil, s.Err("pre_request")
	}
	return set, nil
}

// epoch reads seconds since 1970, or null.
func epoch(s *jsonscan.Scanner, field string) int64 {
	if s.Null() {
		return 0
	}
	return s.Time(field, decode.Seconds)
}
