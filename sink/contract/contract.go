// Package contract is what every sink shares: the batch that is written, the
// promise of a sink, and who is told when it is in trouble.
//
// A Sink takes batches and answers once they are safe. It never drops: an error
// of the network or the server is tried again for as long as it takes, and only a
// row that can never fit its table is set aside, into quarantine.
package contract

import (
	"context"
	"time"

	"trespass.dev/trespass/detect"
)

// Batch is what one write makes safe.
type Batch struct {
	Findings    []detect.Finding
	Reads       []detect.Read
	Quarantined []Quarantined
	Facts       []Fact
	Policy      string // version of the policy that decided
}

// Empty reports whether there is nothing to write.
func (b *Batch) Empty() bool {
	return len(b.Findings)+len(b.Reads)+len(b.Quarantined)+len(b.Facts) == 0
}

// Reset makes the batch empty and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Findings)
	clear(b.Reads)
	clear(b.Facts)
	b.Findings, b.Reads = b.Findings[:0], b.Reads[:0]
	b.Quarantined, b.Facts = b.Quarantined[:0], b.Facts[:0]
}

// Fact is one fact with its receipt, as it is stored.
type Fact struct {
	detect.Fact
	Origin detect.Origin
}

// Quarantined is one record that could not be decided, by its place and the
// reason. It never holds what the record said.
type Quarantined struct {
	Origin detect.Origin
	Time   int64 // of the record, where its carrier tells; nanoseconds, 0 unknown
	Reason string
	Format string
	Detail string
	Size   int
	Hash   string // first half of the SHA-256 of the bytes, in hex
}

// Sink keeps what was decided.
//
// Write returns nil once everything in b is safe: a crash right after loses
// nothing. Writing the same batch twice keeps one of each. It blocks while the
// store is away, trying again without end, and gives up only when ctx ends; then
// nothing is known about what was stored, and the same batch must be written
// again. One goroutine writes at a time.
type Sink interface {
	Write(ctx context.Context, b *Batch) error
	Close() error
}

// Trouble is told of each failed try, so that readiness and metrics can say why
// nothing moves. It must not block.
type Trouble interface {
	Retrying(err error, since time.Time)
	Recovered()
	Inserted(table string, rows int, took time.Duration)
	Refused(table, reason string) // one row of a wrong shape
}

// Quiet is a Trouble that tells nobody.
type Quiet struct{}

func (Quiet) Retrying(error, time.Time)           {}
func (Quiet) Recovered()                          {}
func (Quiet) Inserted(string, int, time.Duration) {}
func (Quiet) Refused(string, string)              {}
