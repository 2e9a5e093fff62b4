package facts

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

func TestStories(t *testing.T) {
	decodetest.Run(t, "testdata/fact", func() decode.Decoder { return new(Decoder) })
}

func TestSchema(t *testing.T) {
	decodetest.Schema(t, "testdata/fact", "../../deploy/schema/fact.v1.json", "ends-before-it-begins.json")
}

// The schema's kinds are written by hand; each must demand what the decoder demands.
func TestSchemaKnowsAllKinds(t *testing.T) {
	text, err := os.ReadFile("../../deploy/schema/fact.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		for _, want := range []string{string(k.Kind), k.About} {
			if !strings.Contains(string(text), strconv.Quote(want)) {
				t.Errorf("the schema does not hold %q", want)
			}
		}
	}
}

func FuzzFact(f *testing.F) {
	decodetest.Seed(f, "testdata/fact")
	f.Fuzz(func(t *testing.T, line []byte) { decodetest.Fuzz(t, new(Decoder), line) })
}

func BenchmarkFact(b *testing.B) {
	line := []byte(`{"trespass":"fact/1","fact":"owner","table":"orders","record":"0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0002","column":"buyer_id","user":"11111111-1111-4111-8111-111111111111","valid_from":"2026-01-01T00:00:00Z"}`)
	var (
		d   Decoder
		mem decode.Scratch
		ev  detect.Event
		n   int
	)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%1000 == 0 {
			mem.Reset()
		}
		if err := d.Decode(line, &mem, &ev); err != nil || ev.Fact.Kind != detect.FactOwner || ev.Fact.User == "" {
			b.Fatal(err, ev.Fact)
		}
	}
}
