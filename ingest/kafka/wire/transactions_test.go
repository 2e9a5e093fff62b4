package wire_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

func TestAbortedTransactions(t *testing.T) {
	data := func(base, producer int64) wiretest.Batch {
		return wiretest.Batch{Base: base, Transactional: true, ProducerID: producer, Records: wiretest.Values("x")}
	}
	plain := func(base int64) wiretest.Batch {
		return wiretest.Batch{Base: base, ProducerID: -1, Records: wiretest.Values("x")}
	}
	const d, c, a = wire.Data, wire.ControlData, wire.AbortedData
	for name, test := range map[string]struct {
		aborted []wire.Aborted
		batches []wiretest.Batch
		want    []wire.Disposition
	}{
		"no list": {nil,
			[]wiretest.Batch{plain(0), data(1, 9), wiretest.Marker(2, 9, true)},
			[]wire.Disposition{d, d, c}},
		"two producers interleaved, the list out of order": {[]wire.Aborted{{ProducerID: 8, FirstOffset: 2}, {ProducerID: 9, FirstOffset: 1}},
			[]wiretest.Batch{plain(0), data(1, 9), data(2, 8), data(3, 7), wiretest.Marker(4, 9, false), data(5, 9),
				data(6, 8), wiretest.Marker(7, 8, false), data(8, 8)},
			[]wire.Disposition{d, a, a, d, c, d, a, c, d}},
		"the fetch begins inside": {[]wire.Aborted{{ProducerID: 9, FirstOffset: 1}},
			[]wiretest.Batch{data(50, 9), wiretest.Marker(51, 9, false), data(52, 9)},
			[]wire.Disposition{a, c, d}},
		"one producer aborts twice": {[]wire.Aborted{{ProducerID: 9, FirstOffset: 0}, {ProducerID: 9, FirstOffset: 4}},
			[]wiretest.Batch{data(0, 9), wiretest.Marker(1, 9, false), data(2, 9), wiretest.Marker(3, 9, true), data(4, 9), wiretest.Marker(5, 9, false)},
			[]wire.Disposition{a, c, d, c, a, c}},
		"plain records of an aborting producer": {[]wire.Aborted{{ProducerID: 9, FirstOffset: 0}},
			[]wiretest.Batch{{Base: 0, ProducerID: 9, Records: wiretest.Values("x")}},
			[]wire.Disposition{d}},
	} {
		var log []byte
		for _, b := range test.batches {
			log = append(log, b.Bytes()...)
		}
		var got []wire.Disposition
		transactions := wire.NewTransactions(test.aborted)
		batches := wire.NewBatches(log)
		var b wire.RecordBatch
		for {
			err := batches.Next(&b)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			what, err := transactions.Next(&b)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, what)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestUnreadableMarkersAreErrors(t *testing.T) {
	for name, b := range map[string]wiretest.Batch{
		"a key without type":    {Base: 4, Control: true, Records: []wiretest.Record{{Key: "\x00\x00"}}},
		"a record out of shape": {Base: 4, Control: true, Records: wiretest.Values("x"), Payload: []byte("\x02\x00\x00\x00\x00\x00\x00")},
		"compressed":            {Base: 4, Control: true, Codec: wire.Gzip, Records: wiretest.Values("x")},
	} {
		batches := wire.NewBatches(b.Bytes())
		var rb wire.RecordBatch
		if err := batches.Next(&rb); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		transactions := wire.NewTransactions(nil)
		_, err := transactions.Next(&rb)
		var bad *wire.BatchError
		if !errors.As(err, &bad) || bad.First != 4 {
			t.Errorf("%s: %v, want a BatchError at 4", name, err)
		}
	}
}
