package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// Record is what a source delivers: the value of a Kafka record, or a line of a file.
type Record struct {
	Origin detect.Origin
	Value  []byte
	Null   bool  // the value is null, not empty
	Time   int64 // when the carrier took it, in nanoseconds; 0 unknown
}

// Quarantine says that a line could not be read: where it is, why, and enough to know
// it again. It never holds any of its text.
type Quarantine struct {
	Origin detect.Origin
	Time   int64 // of the carrier; 0 unknown
	Reason decode.Reason
	Format string // what it was read as
	Detail string // names, positions and what was wanted
	Size   int    // bytes
	Hash   string // first half of the SHA-256 of the bytes, in hex
}

// Batch is what a run of records says, with the memory that it is said in. One
// goroutine fills a Batch with Stream.Record, then hands it over to another, which
// reads it and calls Release. Its events point into the records' values as well, so
// those must stay as they are until then.
type Batch struct {
	Events      []detect.Event
	Quarantined []Quarantine
	Skipped     int // values that are empty, null, or silent without a time
	Clamped     int // events later than their carrier took them; their time was put back

	mem decode.Scratch
}

// batches lends Batch values with memory that has grown to its size.
var batches = sync.Pool{New: func() any { return new(Batch) }}

// NewBatch gives an empty Batch.
func NewBatch() *Batch { return batches.Get().(*Batch) }

// Release empties b and gives it back for reuse. Nothing taken from b, no event and
// no string, may be used afterwards, and Release may not be called again.
func (b *Batch) Release() {
	b.Reset()
	batches.Put(b)
}

// Reset empties b for the next run, with the memory it has.
func (b *Batch) Reset() {
	clear(b.Events)
	clear(b.Quarantined)
	b.Events, b.Quarantined = b.Events[:0], b.Quarantined[:0]
	b.Skipped, b.Clamped = 0, 0
	b.mem.Reset()
}

// Bytes gives n bytes that live as long as what is in b: for sources that read
// straight into a batch.
func (b *Batch) Bytes(n int) []byte { return b.mem.Bytes(n) }

// keep copies text into b.
func (b *Batch) keep(text []byte) []byte {
	room := b.mem.Bytes(len(text))
	copy(room, text)
	return room
}

// refuse puts a line on record that could not be read.
func (b *Batch) refuse(r *Record, text []byte, e *decode.Error) {
	sum := sha256.Sum256(text)
	b.Quarantined = append(b.Quarantined, Quarantine{
		Origin: r.Origin, Time: r.Time, Reason: e.Reason, Format: e.Format, Detail: detail(e),
		Size: len(text), Hash: hex.EncodeToString(sum[:len(sum)/2]),
	})
}
