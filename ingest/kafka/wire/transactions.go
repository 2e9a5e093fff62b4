package wire

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Transactions tells the data of aborted transactions from other data while
// the batches of one fetch answer go by in their order.
type Transactions struct {
	pending []Aborted // not begun yet, by offset
	active  []int64   // producers inside an aborted transaction
}

// NewTransactions takes the list of aborted transactions of a fetch answer,
// which it may reorder.
func NewTransactions(aborted []Aborted) Transactions {
	slices.SortFunc(aborted, func(a, b Aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return Transactions{pending: aborted}
}

// A Disposition says what to do with a batch.
type Disposition int

// The dispositions of a batch.
const (
	Data        Disposition = iota // deliver it
	ControlData                    // step over it: a transaction marker
	AbortedData                    // step over it: written in an aborted transaction
)

// Next says what to do with the next batch. A marker that cannot be read gives
// a *BatchError, because without it the end of a transaction is unknown.
func (t *Transactions) Next(b *RecordBatch) (Disposition, error) {
	for len(t.pending) > 0 && t.pending[0].FirstOffset <= b.LastOffset {
		if !slices.Contains(t.active, t.pending[0].ProducerID) {
			t.active = append(t.active, t.pending[0].ProducerID)
		}
		t.pending = t.pending[1:]
	}
	switch {
	case b.Control():
		abort, err := abortMarker(b)
		if err != nil {
			return ControlData, err
		}
		if abort {
			t.active = slices.DeleteFunc(t.active, func(id int64) bool { return id == b.ProducerID })
		}
		return ControlData, nil
	case b.Transactional() && slices.Contains(t.active, b.ProducerID):
		return AbortedData, nil
	default:
		return Data, nil
	}
}

// abortMarker reports whether a control batch ends a transaction by aborting
// it. Its record's key is version and type, 16 bits each; type 0 is abort. A
// control batch that compaction emptied, or of a type that is not a
// transaction's end, is neither commit nor abort.
func abortMarker(b *RecordBatch) (bool, error) {
	if b.Count == 0 {
		return false, nil
	}
	if b.Codec() != None {
		return false, &BatchError{First: b.BaseOffset, Last: b.LastOffset,
			Err: fmt.Errorf("%w: a compressed transaction marker", ErrRecord)}
	}
	records, err := b.Records(b.Payload)
	if err != nil {
		return false, err
	}
	var r Record
	if err := records.Next(&r); err != nil {
		return false, err
	}
	if len(r.Key) < 4 {
		return false, &BatchError{First: b.BaseOffset, Last: b.LastOffset,
			Err: fmt.Errorf("%w: a transaction marker without a type", ErrRecord)}
	}
	return binary.BigEndian.Uint16(r.Key[2:]) == 0, nil
}
