package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Where the fields of a record batch header stand.
const (
	lengthEnd  = 12 // base offset and batch length
	magicAt    = 16
	headerSize = 61
)

// Attribute bits of a record batch.
const (
	codecBits        = 0x07
	logAppendTimeBit = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

// What can be wrong with a record batch. The errors arrive inside a
// [BatchError].
var (
	ErrChecksum  = errors.New("checksum (CRC32C) mismatch: the batch was damaged on disk or on the way")
	ErrOldFormat = errors.New("message format older than Kafka 0.11 (magic 0 or 1), which Trespass does not read; " +
		"set log.message.format.version to 0.11 or later and produce again")
	ErrUnknownFormat = errors.New("unknown message format")
	ErrBatchLength   = errors.New("the length of the batch is impossible")
	ErrBatchOffsets  = errors.New("the offsets of the batch are impossible")
	ErrRecord        = errors.New("a record does not fit into its batch")
)

// BatchError says that a record batch, or the rest of one, cannot be read. The
// offsets are the ones its header claims, starting with the first record that
// was not delivered.
type BatchError struct {
	First, Last int64 // inclusive
	Err         error
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("record batch at offsets %d to %d: %v", e.First, e.Last, e.Err)
}

func (e *BatchError) Unwrap() error { return e.Err }

// RecordBatch is one batch, checked against its CRC32C. Payload aliases the
// answer it came from.
type RecordBatch struct {
	BaseOffset int64
	LastOffset int64
	FirstTime  int64 // ms since 1970
	MaxTime    int64
	ProducerID int64
	Count      int // records, never more than Payload could hold when uncompressed
	Payload    []byte
	attributes int16
}

// Next is the offset that follows the batch. It comes from the header, so it
// leads past control batches and batches that compaction emptied.
func (b *RecordBatch) Next() int64 { return b.LastOffset + 1 }

// Codec names the compression of Payload.
func (b *RecordBatch) Codec() Codec { return Codec(b.attributes & codecBits) }

// Control reports whether the batch holds a transaction marker and no data.
func (b *RecordBatch) Control() bool { return b.attributes&controlBit != 0 }

// Transactional reports whether the batch belongs to a transaction.
func (b *RecordBatch) Transactional() bool { return b.attributes&transactionalBit != 0 }

// Batches steps through the record batches of one fetch answer. The zero value
// is at its end.
type Batches struct {
	rest  []byte
	first bool
	crc   *crc32.Table
}

// NewBatches starts at the first batch of data.
func NewBatches(data []byte) Batches {
	return Batches{rest: data, first: true, crc: crc32.MakeTable(crc32.Castagnoli)}
}

// Next fills b with the next batch. It returns io.EOF at the end, which
// includes a last batch that was cut off, and a *BatchError for a batch that
// cannot be used. After such an error Next goes on with the following batch
// where the length can be believed, and with io.EOF where it cannot.
func (s *Batches) Next(b *RecordBatch) error {
	data := s.rest
	first := s.first
	s.first = false
	if len(data) < lengthEnd {
		s.rest = nil
		if first && len(data) > 0 {
			return &BatchError{First: -1, Last: -1, Err: ErrBatchLength}
		}
		return io.EOF
	}
	base := int64(binary.BigEndian.Uint64(data))
	length := int64(int32(binary.BigEndian.Uint32(data[8:])))
	if length <= magicAt-lengthEnd {
		s.rest = nil
		return &BatchError{First: base, Last: base, Err: ErrBatchLength}
	}
	if length > int64(len(data)-lengthEnd) {
		s.rest = nil
		if first { // a broker always sends the first batch whole
			return &BatchError{First: base, Last: base, Err: ErrBatchLength}
		}
		return io.EOF
	}
	size := lengthEnd + int(length)
	s.rest = data[size:]
	return readBatch(data[:size], base, s.crc, b)
}

// readBatch checks a whole batch and fills b.
func readBatch(data []byte, base int64, table *crc32.Table, b *RecordBatch) error {
	refuse := func(last int64, err error) error { return &BatchError{First: base, Last: last, Err: err} }
	switch magic := data[magicAt]; {
	case magic < 2:
		return refuse(base, ErrOldFormat)
	case magic > 2:
		return refuse(base, fmt.Errorf("%w: magic %d", ErrUnknownFormat, magic))
	case len(data) < headerSize:
		return refuse(base, ErrBatchLength)
	}
	delta := int64(int32(binary.BigEndian.Uint32(data[23:])))
	last := base + delta
	if base < 0 || delta < 0 || last < base {
		return refuse(base, ErrBatchOffsets)
	}
	if crc32.Checksum(data[21:], table) != binary.BigEndian.Uint32(data[17:]) {
		return refuse(last, ErrChecksum)
	}
	count := int32(binary.BigEndian.Uint32(data[57:]))
	if count < 0 {
		return refuse(last, fmt.Errorf("%w: it claims %d records", ErrRecord, count))
	}
	*b = RecordBatch{
		BaseOffset: base,
		LastOffset: last,
		FirstTime:  int64(binary.BigEndian.Uint64(data[27:])),
		MaxTime:    int64(binary.BigEndian.Uint64(data[35:])),
		ProducerID: int64(binary.BigEndian.Uint64(data[43:])),
		Count:      int(count),
		Payload:    data[headerSize:],
		attributes: int16(binary.BigEndian.Uint16(data[21:])),
	}
	return nil
}
