package wire_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

const fuzzLimit = 8 << 20

// FuzzBatches reads anything as record batches: no panic, no endless loop,
// offsets that rise within a batch and stay inside its header's claim.
func FuzzBatches(f *testing.F) {
	for _, codec := range codecs {
		f.Add(golden(f, "golden-"+codec.String()+".bin"))
		f.Add(wiretest.Batch{Base: 5, Codec: codec, Records: wiretest.Values("a", "b"), Headers: []string{"k", "v"}}.Bytes())
	}
	f.Add(wiretest.Batch{Base: 100, LastDelta: 99}.Bytes())
	f.Add(append(wiretest.Batch{Base: 1, Transactional: true, ProducerID: 9, Records: wiretest.Values("x")}.Bytes(),
		wiretest.Marker(2, 9, false).Bytes()...))
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, data)
		// The same bytes as a payload behind a right header, so that the
		// checksum does not keep the fuzzer out of the records.
		if len(data) > 0 {
			codec := wire.Codec(data[0] % 6)
			readAll(t, wiretest.Batch{Base: 3, Compressed: data[1:], Codec: codec % 5, Count: int32(len(data) % 9), LastDelta: 20}.Bytes())
		}
	})
}

func readAll(t *testing.T, data []byte) {
	batches := wire.NewBatches(data)
	unpack := wire.NewDecompressor(fuzzLimit)
	transactions := wire.NewTransactions([]wire.Aborted{{ProducerID: 9, FirstOffset: 1}})
	var b wire.RecordBatch
	for steps := 0; ; steps++ {
		if steps > len(data) {
			t.Fatal("the walk over the batches does not end")
		}
		err := batches.Next(&b)
		if err == io.EOF {
			return
		}
		if err != nil {
			wantBatchError(t, err)
			continue
		}
		if b.LastOffset < b.BaseOffset || b.Count < 0 {
			t.Fatalf("batch %+v", b)
		}
		if _, err := transactions.Next(&b); err != nil {
			wantBatchError(t, err)
		}
		payload := b.Payload
		if b.Codec() != wire.None {
			if payload, err = unpack.Append(b.Codec(), nil, b.Payload); err != nil {
				continue
			}
			if len(payload) > fuzzLimit {
				t.Fatalf("%d bytes unpacked, the limit is %d", len(payload), fuzzLimit)
			}
		}
		readRecords(t, &b, payload)
	}
}

func readRecords(t *testing.T, b *wire.RecordBatch, payload []byte) {
	records, err := b.Records(payload)
	if err != nil {
		wantBatchError(t, err)
		return
	}
	last := b.BaseOffset - 1
	for n := 0; ; n++ {
		var r wire.Record
		err := records.Next(&r)
		if err == io.EOF {
			if n != b.Count {
				t.Fatalf("%d records, the header says %d", n, b.Count)
			}
			return
		}
		if err != nil {
			wantBatchError(t, err)
			if err := records.Next(&r); err != io.EOF {
				t.Fatalf("after an error the walk goes on with %v", err)
			}
			return
		}
		if r.Offset <= last || r.Offset > b.LastOffset {
			t.Fatalf("offset %d after %d in a batch of %d to %d", r.Offset, last, b.BaseOffset, b.LastOffset)
		}
		last = r.Offset
		for k, v := range r.Headers() {
			_, _ = k, v
		}
	}
}

func wantBatchError(t *testing.T, err error) {
	t.Helper()
	var bad *wire.BatchError
	if !errors.As(err, &bad) {
		t.Fatalf("%v is not a BatchError", err)
	}
	if bad.Last < bad.First {
		t.Fatalf("%v: the offsets run backwards", err)
	}
}

// FuzzParseFetch reads anything as a fetch answer: no panic, and the batches
// are part of the input.
func FuzzParseFetch(f *testing.F) {
	batches := wiretest.Batch{Base: 10, Records: wiretest.Values("a")}.Bytes()
	f.Add(false, fetchAnswer(wire.FetchByName, batches))
	f.Add(true, append([]byte{0}, fetchAnswer(wire.FetchByID, batches)...))
	f.Fuzz(func(t *testing.T, flexible bool, body []byte) {
		version := wire.FetchByName
		if flexible {
			version = wire.FetchByID
		}
		a, err := wire.ParseFetch(version, body, "app", id, 3)
		if err == nil && len(a.Batches) > 0 && !bytes.Contains(body, a.Batches) {
			t.Fatal("the batches are not part of the answer")
		}
	})
}

// FuzzParseMetadata reads anything as an answer to Metadata and ApiVersions.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01\x05host\x00\x00\x23\x84\x00\x00\x00\x00\x00\x00\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := wire.ParseMetadata(body); err == nil && len(a.Topics) > len(body) {
			t.Fatal("more topics than bytes")
		}
		if a, err := wire.ParseVersions(body); err == nil && a == nil {
			t.Fatal("neither an answer nor an error")
		}
	})
}

// FuzzCompression packs anything and unpacks it with the decoders here.
func FuzzCompression(f *testing.F) {
	f.Add([]byte(""))
	f.Add(bytes.Repeat([]byte("the quick brown fox "), 4000))
	f.Add(golden(f, "recorded-none.bin"))
	f.Fuzz(func(t *testing.T, data []byte) {
		unpack := wire.NewDecompressor(fuzzLimit)
		for _, codec := range compressed {
			got, err := unpack.Append(codec, nil, wiretest.Compress(codec, data))
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s: %d bytes of %d, %v", codec, len(got), len(data), err)
			}
		}
	})
}
