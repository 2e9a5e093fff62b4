package ingest_test

import (
	"bytes"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
)

// mixed is a log of several formats: access events, pino lines, csvlog with pgaudit and
// facts, 1000 lines.
func mixed(t testing.TB) [][]byte {
	var list [][]byte
	pino := bytes.Split(bytes.TrimSpace(read(t, "testdata/samples/postgres/local_pino.ndjson")), []byte("\n"))
	for i := range 250 {
		list = append(list, []byte(access), pino[i%len(pino)], []byte(csv), []byte(fact))
	}
	return list
}

func reread(s *ingest.Stream, b *ingest.Batch, values [][]byte) {
	b.Reset()
	for i, v := range values {
		s.Record(ingest.Record{Origin: detect.Origin{Source: "app", Offset: int64(i)}, Value: v, Time: now}, b)
	}
}

// BenchmarkStream reads a log of mixed formats; one operation is one line.
func BenchmarkStream(b *testing.B) {
	filebeat := func(values [][]byte) (list [][]byte) {
		for _, v := range values {
			list = append(list, []byte(`{"@timestamp":"2026-11-23T09:25:56.935Z","@metadata":{"beat":"filebeat"},"message":`+quote(string(v))+`,"host":{"name":"vm"}}`))
		}
		return list
	}
	lines := mixed(b)
	for name, values := range map[string][][]byte{"bare": lines, "filebeat": filebeat(lines)} {
		b.Run(name, func(b *testing.B) {
			var bytes int64
			for _, v := range values {
				bytes += int64(len(v))
			}
			s, batch := ingest.NewStream(ingest.Config{}), ingest.NewBatch()
			b.SetBytes(bytes / int64(len(values)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n%len(values) == 0 {
					if n > 0 && (len(batch.Events) != len(values) || len(batch.Quarantined) != 0) {
						b.Fatalf("%d events, %d refused, want %d and none", len(batch.Events), len(batch.Quarantined), len(values))
					}
					batch.Reset()
				}
				i := n % len(values)
				s.Record(ingest.Record{Origin: detect.Origin{Source: "app", Offset: int64(i)}, Value: values[i], Time: now}, batch)
				n++
			}
		})
	}
}

// A stream makes no garbage once it has grown to the size of its batches: neither for
// bare lines nor for lines in envelopes nor for records put together from pieces.
func TestStreamAllocatesNothing(t *testing.T) {
	for name, values := range map[string][]string{
		"access":   {access},
		"pino":     {pino},
		"fact":     {fact},
		"csvlog":   {csv},
		"pieces":   {head, middle, tail},
		"filebeat": {`{"@timestamp":1795398957,"message":` + quote(csv) + "}"},
		"quoted":   {quote(pino)},
		"array":    {"[" + access + "," + fact + "]"},
		"ndjson":   {access + "\n" + pino + "\n"},
		"syslog":   {"<134>1 2026-11-23T09:13:37Z vm app 7 - - " + access},
	} {
		var list [][]byte
		for range 50 {
			for _, v := range values {
				list = append(list, []byte(v))
			}
		}
		s, b := ingest.NewStream(ingest.Config{}), ingest.NewBatch()
		reread(s, b, list)
		reread(s, b, list)
		if len(b.Quarantined) > 0 || len(b.Events) < 49 {
			t.Errorf("%s: %d refused, %d events", name, len(b.Quarantined), len(b.Events))
		}
		if n := testing.AllocsPerRun(5, func() { reread(s, b, list) }); n > 0 {
			t.Errorf("%s: %v allocations per %d values, want none", name, n, len(list))
		}
	}
}
