package postgres

import (
	"strings"
	"testing"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/worktime"
	"trespass.dev/trespass/ingest/decode"
)

// The work on a text is in proportion to its length, whatever it holds. Work that grew
// with the square of it would take minutes here.
func TestHostileTextIsReadInTime(t *testing.T) {
	d := newStderr(t, Options{})
	for _, piece := range []string{
		";", "(", ";(", "$a$", "$", "$a$ $b$", "'", "''", "e'\\", `"`, `""`, "/*", "/**/", "*/", "--\n", "set_config(", "set_config(set_config('a',", "set_config('role',(", "set_config(\x00",
		"set a.", "set role ", ";set a='", "a:", "a='", " a", "_", "=", "\n", "\n\t", "\n[", "\nLOG: ", "] LOG: ", " LOG:", "a@b ", ": ", ",",
		"$1 = '', ", "select ", "select set_config('a','b',true),",
	} {
		body := strings.Repeat(piece, 900_000/len(piece))
		for _, line := range []string{
			"2026-11-23 01:54:05.262 UTC [7605] [user=a,db=b,app=" + body + "] LOG:  statement: select 1",
			"2026-11-23 01:54:05.262 UTC [7605] a@b LOG:  statement: " + body,
			"2026-11-23 01:54:05.262 UTC [7605] a@b LOG:  statement: select 1 /* " + body + "*/",
			"2026-11-23 01:54:05.262 UTC [7605] a@b LOG:  execute a: select 1\n2026-11-23 01:54:05.262 UTC [7605] a@b DETAIL:  parameters: " + body,
			"2026-11-23 01:54:05.262 UTC [7605] a@b LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,a,\"" + body + `"`,
		} {
			var (
				mem decode.Scratch
				ev  detect.Event
			)
			if took := worktime.Of(func() { _ = d.Decode([]byte(line), &mem, &ev) }); took > 10*time.Second {
				t.Fatalf("%.90q of %q took %s", line, piece, took)
			}
		}
	}
}
