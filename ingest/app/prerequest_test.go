package app

import (
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

func TestPreRequest(t *testing.T) {
	var (
		s   jsonscan.Scanner
		mem decode.Scratch
	)
	got, err := PreRequest(&s, []byte(`trespass: {"exp": 1893456000, "iat": null, "sub": "ann", "path": "/orders?select=*", "role": "authenticated", "method": "GET", "browser": true, "app_role": "staff", "trace_id": "00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01", "request_id": "req-42", "session_id": "s1"}`), &mem)
	want := detect.Settings{
		HasClaims: true, Sub: "ann", SessionID: "s1", Role: "authenticated", AppRole: "staff", Expires: 1893456000e9,
		Method: "GET", Path: "/orders", RequestID: "req-42", TraceID: "5bd66ef5095369c7b0d1f8f4bd33716a", Browser: detect.Yes,
	}
	if err != nil || *got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for message, wantErr := range map[string]string{
		`trespass: {"sub":`:                      "cut",
		`trespass: {"sub":{}}`:                   "bad_field",
		`trespass: {"exp":"soon"}`:               "bad_time",
		`trespass: the function failed: 22P02`:   "unknown",
		`statement: select 'trespass: {"sub":1}`: "unknown",
		``:                                       "unknown",
	} {
		if _, err := PreRequest(&s, []byte(message), &mem); err == nil || !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %v, want %s", message, err, wantErr)
		}
	}
}

func FuzzPreRequest(f *testing.F) {
	f.Add([]byte(`trespass: {"sub":"ann","exp":1893456000}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		var (
			s   jsonscan.Scanner
			mem decode.Scratch
		)
		if set, err := PreRequest(&s, message, &mem); (set == nil) == (err == nil) {
			t.Fatalf("%v and %v", set, err)
		}
	})
}
