package ingest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

// sample is one value as a shipper wrote it to Kafka.
type sample struct {
	Topic   string
	Offset  int64
	TS      int64
	Payload *string
}

// TestSamples reads all logs that real servers and real shippers have written, and
// compares what came of each with testdata/samples/table.txt: how many events of which
// kind, how many lines in quarantine and why.
func TestSamples(t *testing.T) {
	var got strings.Builder
	for _, path := range glob(t, "testdata/samples/postgres/*") {
		row(&got, strings.TrimPrefix(path, "testdata/samples/"), readFile(t, path))
	}
	for _, path := range glob(t, "testdata/samples/shippers/*.ndjson") {
		streams := map[string]*ingest.Stream{}
		batches := map[string]*ingest.Batch{}
		var topics []string
		for _, v := range shipped(t, path) {
			if streams[v.Topic] == nil {
				streams[v.Topic], batches[v.Topic] = ingest.NewStream(ingest.Config{}), ingest.NewBatch()
				topics = append(topics, v.Topic)
			}
			streams[v.Topic].Record(v.record(), batches[v.Topic])
		}
		for _, topic := range topics {
			streams[topic].Flush(batches[topic])
			row(&got, strings.TrimPrefix(path, "testdata/samples/")+" "+topic, batches[topic])
		}
	}
	const table = "testdata/samples/table.txt"
	if decodetest.Updating() {
		if err := os.WriteFile(table, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, table)); got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

func readFile(t *testing.T, path string) *ingest.Batch {
	b, s := ingest.NewBatch(), ingest.NewStream(ingest.Config{})
	text := bytes.TrimSuffix(read(t, path), []byte("\n"))
	for i, line := range bytes.Split(text, []byte("\n")) {
		s.Record(ingest.Record{Origin: detect.Origin{Source: path, Partition: -1, Offset: int64(i + 1)}, Value: line}, b)
	}
	s.Flush(b)
	return b
}

func (v sample) record() ingest.Record {
	r := ingest.Record{Origin: detect.Origin{Source: v.Topic, Offset: v.Offset}, Time: v.TS * 1e6, Null: v.Payload == nil}
	if v.Payload != nil {
		r.Value = []byte(*v.Payload)
	}
	return r
}

func shipped(t testing.TB, path string) (list []sample) {
	in := bufio.NewScanner(bytes.NewReader(read(t, path)))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if len(in.Bytes()) == 0 {
			continue
		}
		var v sample
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, v)
	}
	return list
}

// row writes what came of one log.
func row(to *strings.Builder, name string, b *ingest.Batch) {
	counts := map[string]int{}
	for _, ev := range b.Events {
		counts[[...]string{"none", "request", "statement", "fact", "heartbeat"}[ev.Kind]]++
	}
	for _, q := range b.Quarantined {
		counts[fmt.Sprintf("refused %s %s (%s)", q.Format, q.Reason, q.Detail)]++
	}
	if b.Skipped > 0 {
		counts["skipped"] = b.Skipped
	}
	if b.Clamped > 0 {
		counts["clamped"] = b.Clamped
	}
	fmt.Fprintf(to, "%s\n", name)
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(to, "  %d %s\n", counts[k], k)
	}
}

func glob(t testing.TB, pattern string) []string {
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return list
}

func read(t testing.TB, path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
