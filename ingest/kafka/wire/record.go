package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

// Record is one message. Its slices alias the buffer it was decoded from.
type Record struct {
	Offset int64
	Time   int64 // ms since 1970, set by the producer or by the broker
	Key    []byte
	Value  []byte
	Null   bool // the value is null (a tombstone), not empty

	headers []byte // count and headers, not looked at yet
}

// Headers yields the headers in their order. A malformed header section ends
// the sequence early. The slices alias the record's buffer; a null value is
// nil.
func (r *Record) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		rest := r.headers
		n, used := binary.Varint(rest)
		if used <= 0 {
			return
		}
		rest = rest[used:]
		for ; n > 0; n-- {
			var key, value []byte
			var ok bool
			if key, rest, ok = field(rest); !ok {
				return
			}
			if value, rest, ok = field(rest); !ok || !yield(key, value) {
				return
			}
		}
	}
}

// Header returns the value of the last header of that name, as Kafka's own
// clients do.
func (r *Record) Header(name string) (value []byte, ok bool) {
	for k, v := range r.Headers() {
		if string(k) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// field takes one length-prefixed value; length -1 is null and gives nil.
func field(b []byte) (value, rest []byte, ok bool) {
	n, used := binary.Varint(b)
	if used <= 0 || n < -1 || n > int64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	if n < 0 {
		return nil, b, true
	}
	return b[:n:n], b[n:], true
}

// Records walks the records of one batch in place.
type Records struct {
	rest     []byte
	left     int
	expected int64 // lowest offset the next record may have
	batch    RecordBatch
}

// minRecord is the size of the smallest record: seven one-byte varints.
const minRecord = 7

// Records starts the walk over the batch's uncompressed records.
func (b *RecordBatch) Records(uncompressed []byte) (Records, error) {
	if b.Count > len(uncompressed)/minRecord {
		return Records{}, &BatchError{First: b.BaseOffset, Last: b.LastOffset,
			Err: fmt.Errorf("%w: it claims %d records in %d bytes", ErrRecord, b.Count, len(uncompressed))}
	}
	return Records{rest: uncompressed, left: b.Count, expected: b.BaseOffset, batch: *b}, nil
}

// Next fills r with the next record. It returns io.EOF at the end and a
// *BatchError, which covers the rest of the batch, where the bytes make no
// sense; then the walk is over.
func (s *Records) Next(r *Record) error {
	if s.left == 0 {
		if len(s.rest) != 0 {
			return s.refuse("bytes are left after the last record")
		}
		return io.EOF
	}
	body, rest, ok := field(s.rest)
	if !ok || len(body) < minRecord-1 {
		return s.refuse("its length is out of bounds")
	}
	s.rest = rest
	s.left--

	b := body[1:] // attributes, unused
	timeDelta, n := varint(b)
	if n <= 0 {
		return s.refuse("its time is cut off")
	}
	b = b[n:]
	offsetDelta, n := varint(b)
	if n <= 0 {
		return s.refuse("its offset is cut off")
	}
	b = b[n:]
	// The delta is bounded before the addition, so that it cannot overflow.
	if offsetDelta < 0 || offsetDelta > s.batch.LastOffset-s.batch.BaseOffset ||
		s.batch.BaseOffset+offsetDelta < s.expected {
		return s.refuse("its offset is out of order")
	}
	if r.Key, b, ok = field(b); !ok {
		return s.refuse("its key is out of bounds")
	}
	if r.Value, b, ok = field(b); !ok {
		return s.refuse("its value is out of bounds")
	}
	r.Null = r.Value == nil
	r.headers = b
	r.Offset = s.batch.BaseOffset + offsetDelta
	r.Time = s.batch.FirstTime + timeDelta
	if s.batch.attributes&logAppendTimeBit != 0 {
		r.Time = s.batch.MaxTime
	}
	s.expected = r.Offset + 1
	return nil
}

// refuse ends the walk with an error for everything not delivered yet.
func (s *Records) refuse(what string) error {
	err := &BatchError{First: min(s.expected, s.batch.LastOffset), Last: s.batch.LastOffset,
		Err: fmt.Errorf("%w: %s", ErrRecord, what)}
	s.rest, s.left = nil, 0
	return err
}

// varint is binary.Varint with the common one-byte case first.
func varint(b []byte) (int64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	return binary.Varint(b)
}
