package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

const limit = 64 << 20

var codecs = []wire.Codec{wire.None, wire.Gzip, wire.Snappy, wire.LZ4, wire.Zstd}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "batches", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// walk reads everything and returns copies of the records and the first error
// other than the end.
func walk(data []byte) (records []wiretest.Record, next int64, err error) {
	batches := wire.NewBatches(data)
	unpack := wire.NewDecompressor(limit)
	var b wire.RecordBatch
	for {
		if err := batches.Next(&b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return records, next, err
		}
		next = b.Next()
		payload := b.Payload
		if b.Codec() != wire.None {
			if payload, err = unpack.Append(b.Codec(), nil, b.Payload); err != nil {
				return records, next, err
			}
		}
		walk, err := b.Records(payload)
		if err != nil {
			return records, next, err
		}
		for {
			var r wire.Record
			if err := walk.Next(&r); err == io.EOF {
				break
			} else if err != nil {
				return records, next, err
			}
			records = append(records, wiretest.Record{Offset: r.Offset, Time: r.Time,
				Key: string(r.Key), Value: string(r.Value), Null: r.Null})
		}
	}
}

// The golden files were fetched from Apache Kafka 4.1.0, written by its own
// Java producer.
func TestGoldenBatchesOfTheJavaProducer(t *testing.T) {
	var want []string
	for line := range strings.Lines(string(golden(t, "golden.txt"))) {
		want = append(want, strings.TrimSuffix(line, "\n"))
	}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			records, next, err := walk(golden(t, "golden-"+codec.String()+".bin"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, r := range records {
				got = append(got, r.Key+"\t"+r.Value)
				if r.Offset != int64(i) || r.Time < 1e12 || r.Null {
					t.Errorf("record %d: %+v", i, r)
				}
			}
			if !slices.Equal(got, want) || next != int64(len(want)) {
				t.Errorf("next %d, got\n%q\nwant\n%q", next, got, want)
			}
		})
	}
}

// twice is a batch followed by itself with the offsets that follow.
func twice(first []byte) []byte {
	var b wire.RecordBatch
	batches := wire.NewBatches(first)
	if err := batches.Next(&b); err != nil {
		panic(err)
	}
	second := slices.Clone(first)
	binary.BigEndian.PutUint64(second, uint64(b.Next()))
	return append(slices.Clone(first), second...)
}

func TestTailCutAtEveryByteIsLeftForTheNextFetch(t *testing.T) {
	for _, codec := range codecs {
		first := golden(t, "golden-"+codec.String()+".bin")
		both := twice(first)
		for n := len(first); n < len(both); n++ {
			records, next, err := walk(both[:n])
			if err != nil || len(records) != 20 || next != 20 {
				t.Fatalf("%s, %d of %d bytes: %d records, next %d, %v", codec, n, len(both), len(records), next, err)
			}
		}
		if records, next, err := walk(both); err != nil || len(records) != 40 || next != 40 {
			t.Fatalf("%s, whole: %d records, next %d, %v", codec, len(records), next, err)
		}
		// A first batch is never cut by a broker, so a cut means damage.
		for n := 1; n < len(first); n++ {
			records, _, err := walk(first[:n])
			if !errors.Is(err, wire.ErrBatchLength) || len(records) != 0 {
				t.Fatalf("%s, %d bytes of the first batch: %d records, %v", codec, n, len(records), err)
			}
		}
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	for _, codec := range codecs {
		data := golden(t, "golden-"+codec.String()+".bin")
		for bit := range 8 * len(data) {
			at := bit / 8
			damaged := slices.Clone(data)
			damaged[at] ^= 1 << (bit % 8)
			records, _, err := walk(damaged)
			switch {
			case at < 8 || at >= 12 && at < 16:
				// Base offset and leader epoch are not under the checksum, because
				// the broker sets them; the offsets must then be consistent at least.
				if err != nil && !errors.Is(err, wire.ErrBatchOffsets) {
					t.Fatalf("%s, bit %d of byte %d: %v", codec, bit%8, at, err)
				}
			case err == nil:
				t.Fatalf("%s, bit %d of byte %d: %d records and no error", codec, bit%8, at, len(records))
			case at >= 17 && !errors.Is(err, wire.ErrChecksum) && !errors.Is(err, wire.ErrBatchOffsets):
				t.Fatalf("%s, bit %d of byte %d: %v, want a checksum error", codec, bit%8, at, err)
			}
		}
	}
}

func TestDamagedBatchDoesNotHideTheNext(t *testing.T) {
	first := golden(t, "golden-none.bin")
	both := twice(first)
	both[100] ^= 1
	batches := wire.NewBatches(both)
	var b wire.RecordBatch
	err := batches.Next(&b)
	var bad *wire.BatchError
	if !errors.As(err, &bad) || bad.First != 0 || bad.Last != 19 || !errors.Is(err, wire.ErrChecksum) {
		t.Fatalf("first batch: %v", err)
	}
	if err := batches.Next(&b); err != nil || b.BaseOffset != 20 {
		t.Fatalf("second batch: base %d, %v", b.BaseOffset, err)
	}
}

func TestOldAndUnknownFormatsAreRefused(t *testing.T) {
	for magic, want := range map[byte]error{0xFF: wire.ErrUnknownFormat, 1: wire.ErrOldFormat, 3: wire.ErrUnknownFormat} {
		data := wiretest.Batch{Base: 7, Magic: magic, Records: wiretest.Values("a")}.Bytes()
		if _, _, err := walk(data); !errors.Is(err, want) {
			t.Errorf("magic %d: %v, want %v", magic, err, want)
		}
	}
	// A message of format 0: offset 3, then length, checksum, magic, attributes, key, value.
	old := append([]byte{0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 15, 1, 2, 3, 4, 0, 0}, "\xff\xff\xff\xff\x00\x00\x00\x01x"...)
	_, _, err := walk(old)
	var bad *wire.BatchError
	if !errors.As(err, &bad) || !errors.Is(err, wire.ErrOldFormat) || bad.First != 3 {
		t.Errorf("format 0: %v", err)
	}
}

func TestEmptyAndSparseBatches(t *testing.T) {
	data := wiretest.Batch{Base: 100, LastDelta: 99}.Bytes() // emptied by compaction
	data = append(data, wiretest.Batch{Base: 200, LastDelta: 50, LogAppendTime: true, MaxTime: 77, Headers: []string{"a", "1", "b", "2", "a", "3"},
		Records: []wiretest.Record{{Offset: 3, Time: 5, Value: "x"}, {Offset: 40, Null: true, Key: "k"}}}.Bytes()...)
	records, next, err := walk(data)
	want := []wiretest.Record{{Offset: 203, Time: 77, Value: "x"}, {Offset: 240, Time: 77, Key: "k", Null: true}}
	if err != nil || !slices.Equal(records, want) || next != 251 {
		t.Errorf("got %+v, next %d, %v; want %+v and 251", records, next, err, want)
	}
}

func TestHeaders(t *testing.T) {
	data := wiretest.Batch{Headers: []string{"a", "1", "b", "", "a", "3"}, Records: wiretest.Values("x")}.Bytes()
	batches := wire.NewBatches(data)
	var b wire.RecordBatch
	if err := batches.Next(&b); err != nil {
		t.Fatal(err)
	}
	records, err := b.Records(b.Payload)
	if err != nil {
		t.Fatal(err)
	}
	var r wire.Record
	if err := records.Next(&r); err != nil {
		t.Fatal(err)
	}
	var all []string
	for k, v := range r.Headers() {
		all = append(all, string(k)+"="+string(v))
	}
	if !slices.Equal(all, []string{"a=1", "b=", "a=3"}) {
		t.Errorf("headers %q", all)
	}
	if v, ok := r.Header("a"); !ok || string(v) != "3" {
		t.Errorf("header a: %q, %v; want the last", v, ok)
	}
	if _, ok := r.Header("c"); ok {
		t.Error("a header that is not there was found")
	}
}

func TestRecordsThatDoNotFitAreRefused(t *testing.T) {
	good := wiretest.Batch{Records: wiretest.Values("a", "b")}
	for name, change := range map[string]func(b *wiretest.Batch){
		"more records than counted":       func(b *wiretest.Batch) { b.Count = 1 },
		"fewer records than counted":      func(b *wiretest.Batch) { b.Count = 3; b.LastDelta = 2 },
		"a negative count":                func(b *wiretest.Batch) { b.Count = -5 },
		"a count beyond all bytes":        func(b *wiretest.Batch) { b.Count = 1 << 30 },
		"an offset beyond the last":       func(b *wiretest.Batch) { b.Records[1].Offset = 9; b.LastDelta = 1 },
		"an offset before the first":      func(b *wiretest.Batch) { b.Records[0].Offset = -1; b.LastDelta = 1 },
		"an offset twice":                 func(b *wiretest.Batch) { b.Records[1].Offset = 0; b.LastDelta = 1 },
		"a length beyond the batch":       func(b *wiretest.Batch) { b.Payload = []byte("\x7e\x00\x00\x00\x01\x02a\x00\x00\x00") },
		"a negative length":               func(b *wiretest.Batch) { b.Payload = []byte("\x01\x00\x00\x00\x01\x02a\x00\x00\x00\x00\x00\x00\x00") },
		"a value beyond its record":       func(b *wiretest.Batch) { b.Payload = []byte("\x0e\x00\x00\x00\x01\x70a\x00"); b.Count = 1 },
		"a key of length minus two":       func(b *wiretest.Batch) { b.Payload = []byte("\x0e\x00\x00\x00\x03\x02a\x00"); b.Count = 1 },
		"a varint that never ends":        func(b *wiretest.Batch) { b.Payload = bytes.Repeat([]byte{0xff}, 40) },
		"a time that is cut off":          func(b *wiretest.Batch) { b.Payload = []byte("\x0c\x00\xff\xff\xff\xff\xff"); b.Count = 1 },
		"a payload shorter than a record": func(b *wiretest.Batch) { b.Payload = []byte{0} },
	} {
		b := good
		b.Records = slices.Clone(good.Records)
		change(&b)
		if b.LastDelta == 0 {
			b.LastDelta = 1
		}
		_, _, err := walk(b.Bytes())
		var bad *wire.BatchError
		if !errors.As(err, &bad) || !errors.Is(err, wire.ErrRecord) || bad.First < 0 || bad.Last < bad.First {
			t.Errorf("%s: %v, want ErrRecord with offsets", name, err)
		}
	}
}

func TestRecordsBeforeABadOneAreGood(t *testing.T) {
	b := wiretest.Batch{Base: 10, Records: wiretest.Values("a", "b", "c"), Count: 4, LastDelta: 3}
	full := wiretest.Batch{Records: wiretest.Values("a", "b", "c")}.Bytes()[61:]
	b.Payload = append(slices.Clone(full), "\x02\x00\x00\x00\x00\x00\x00\x00"...)
	records, _, err := walk(b.Bytes())
	var bad *wire.BatchError
	if len(records) != 3 || !errors.As(err, &bad) || bad.First != 13 || bad.Last != 13 {
		t.Errorf("%d records, %v; want 3 and an error at 13", len(records), err)
	}
}
