package ingest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// doubtful is a decoder that is never certain, so that the keys are looked at first.
type doubtful struct{ decode.Decoder }

func (doubtful) Certain() bool { return false }

// A line whose format is guessed by its first bytes must say what it says when all its
// keys are looked at first.
func FuzzGuess(f *testing.F) {
	const line = `{"timestamp":"2026-11-23 01:54:05.254 UTC","user":"u","dbname":"d","pid":1,"session_id":"6a.1","line_num":3,"error_severity":"LOG","message":"statement: select 1","backend_type":"client backend"`
	for _, more := range []string{"", `,"trespass":"access/1"`, `,"host":"\ud800"`, `,"message":{}`, `,"resourceLogs":[]`, `,"line_num":"x"`, `,"query_id":0`} {
		f.Add([]byte(line+more+"}"), true)
		f.Add([]byte(line+more), false)
	}
	f.Add([]byte(`{"timestamp":"2026-11-23 01:54:05.254 UTC","error_severity":"LOG"}`), false)
	for _, more := range []string{"", `,"trespass":"access/1"`, `,"a":{"trespass":1}`, `,"trespass" :"fact/1"`, `,"message":"\ud800"`, `,"resourceLogs":[]`, `,"time":"x"`} {
		f.Add([]byte(`{"level":30,"time":1795398957366,"reqId":"a"`+more+"}"), false)
	}
	f.Fuzz(func(t *testing.T, line []byte, held bool) {
		read := func(quick bool) (*Batch, bool) {
			s, b := NewStream(Config{}), new(Batch)
			if !quick {
				for _, f := range []*reader{s.own[ownJSON], s.own[ownJSONLog]} {
					f.Decoder = doubtful{f.Decoder}
				}
			}
			if held {
				s.Record(Record{Value: []byte(`{"timestamp":"`), Time: 1}, b)
			}
			s.Record(Record{Value: line, Time: 1}, b)
			_, waits := s.Held()
			s.Flush(b)
			return b, waits
		}
		got, gotWaits := read(true)
		want, wantWaits := read(false)
		if diff := cmp.Diff(append([]detect.Event{}, want.Events...), append([]detect.Event{}, got.Events...)) + cmp.Diff(want.Quarantined, got.Quarantined); diff != "" || gotWaits != wantWaits ||
			got.Skipped != want.Skipped || got.Clamped != want.Clamped {
			t.Fatalf("%q\n%s", line, diff)
		}
	})
}
