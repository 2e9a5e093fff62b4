package ingest

import (
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// faulty is a decoder with a fault of its own.
type faulty struct{ decode.Decoder }

func (d faulty) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	if len(line) > 200 {
		panic("secret of the line")
	}
	return d.Decoder.Decode(line, mem, ev)
}

func TestFaultOfADecoderCostsOneRecord(t *testing.T) {
	s, b := NewStream(Config{}), NewBatch()
	for i := range s.formats {
		s.formats[i].Decoder = faulty{s.formats[i].Decoder}
	}
	good := `{"trespass":"access/1","time":1795398957374}`
	bad := `{"trespass":"access/1","time":1795398957374,"service":"` + string(make([]byte, 200)) + `"}`
	for i, v := range []string{good, good + "\n" + bad, good} {
		s.Record(Record{Origin: detect.Origin{Source: "app", Offset: int64(i)}, Value: []byte(v)}, b)
	}
	if len(b.Events) != 2 || b.Events[0].Origin.Offset != 0 || b.Events[1].Origin.Offset != 2 {
		t.Errorf("%d events, want those of offsets 0 and 2", len(b.Events))
	}
	if len(b.Quarantined) != 1 || b.Quarantined[0].Reason != decode.Poison || b.Quarantined[0].Origin.Offset != 1 {
		t.Errorf("quarantined %+v, want offset 1 as poison", b.Quarantined)
	}
	if got, want := b.Quarantined[0].Detail, "the decoder failed: string"; got != want {
		t.Errorf("detail %q, want %q", got, want)
	}
}
