// Package facts reads Trespass's own facts format: one JSON object a line that says
// who owns, is a member of, maps to or may see what, and between which instants.
// deploy/schema/fact.v1.json describes it.
//
//	{"trespass":"fact/1","fact":"owner","table":"orders","record":"o1","column":"buyer_id","user":"ann","valid_from":"2026-01-01T00:00:00Z"}
package facts

import (
	"github.com/cespare/xxhash/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// Version is the value of the key "trespass" in a fact.
const Version = "fact/1"

const format = "fact"

// Decoder decodes facts. A fact of an unknown kind, without a field that its kind
// must have, or that ends before it begins, is refused. Keys that it does not know
// are stepped over. The zero Decoder is ready for use.
type Decoder struct {
	scan jsonscan.Scanner
}

// Decode gives a KindFact. Its time is "time", else "valid_from", else 0.
func (d *Decoder) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	f := mem.Fact()
	*ev = detect.Event{Kind: detect.KindFact, Fact: f}
	s := &d.scan
	s.Reset(line, mem)
	known := d.read(f, ev, mem)
	s.End()
	if s.OK() && !known {
		s.Fail(decode.BadVersion, `the key "trespass" is not there`)
	}
	if s.OK() {
		check(s, f)
	}
	if !s.OK() {
		*ev = detect.Event{}
		return s.Err(format)
	}
	if ev.Time == 0 {
		ev.Time = f.ValidFrom
	}
	ev.LineID = xxhash.Sum64(line)
	return nil
}

// read walks the keys, and says whether the version was among them.
func (d *Decoder) read(f *detect.Fact, ev *detect.Event, mem *decode.Scratch) (known bool) {
	s := &d.scan
	s.Enter(jsonscan.Object, "the line")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "trespass":
			if known = s.Text("trespass") == Version; !known && s.OK() {
				s.Fail(decode.BadVersion, "trespass: want "+Version)
			}
		case "fact":
			f.Kind = detect.FactKind(s.Text("fact"))
		case "table":
			f.Table = s.Text("table")
		case "record":
			f.Record = s.ID("record")
		case "column":
			f.Column = s.Text("column")
		case "user":
			f.User = s.ID("user")
		case "tenant":
			f.Tenant = s.ID("tenant")
		case "agent":
			f.Agent = s.ID("agent")
		case "token":
			f.Token = s.ID("token")
		case "principal":
			f.Principal = s.Text("principal")
		case "value":
			f.Value = s.ID("value")
		case "columns":
			f.Columns = columns(s, mem)
		case "valid_from":
			f.ValidFrom = instant(s, "valid_from")
		case "valid_to":
			f.ValidTo = instant(s, "valid_to")
		case "retract":
			f.Retract = s.Bool("retract")
		case "time":
			ev.Time = instant(s, "time")
		default:
			s.Skip()
		}
	}
	return known
}

func columns(s *jsonscan.Scanner, mem *decode.Scratch) (list []string) {
	if s.Null() {
		return nil
	}
	for s.Enter(jsonscan.Array, "columns"); s.Next(); {
		list = mem.AppendString(list, s.Text("columns"))
	}
	return list
}

// instant reads a time in RFC 3339 or milliseconds; null means always, or still.
func instant(s *jsonscan.Scanner, field string) int64 {
	if s.Null() {
		return 0
	}
	return s.Time(field, decode.Millis)
}
