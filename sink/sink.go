// Package sink is where findings and reads land: ClickHouse (a server, or the
// embedded engine as a child process), or files of lines.
//
// A Sink takes batches and answers once they are safe. It never drops: an error
// of the network or the server is tried again for as long as it takes, and only a
// row that can never fit its table is set aside, into quarantine.
package sink

import (
	"context"
	"fmt"
	"strings"
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

// Kind of a sink address.
type Kind string

const (
	Server   Kind = "server"   // clickhouse://, clickhouses://, http://, https://
	Embedded Kind = "embedded" // embedded:DIR
	Lines    Kind = "lines"    // lines:DIR, NDJSON files
)

// Parse tells the kind of an address and the part that is its own.
func Parse(address string) (Kind, string, error) {
	switch scheme, rest, ok := strings.Cut(address, ":"); {
	case !ok:
	case scheme == "clickhouse", scheme == "clickhouses", scheme == "http", scheme == "https":
		return Server, address, nil
	case scheme == "embedded" && rest != "":
		return Embedded, strings.TrimPrefix(rest, "//"), nil
	case scheme == "lines" && rest != "":
		return Lines, strings.TrimPrefix(rest, "//"), nil
	}
	return "", "", fmt.Errorf("sink %q: want clickhouse://user@host:9000/database, https://user@host:8443/database, embedded:DIR or lines:DIR", redact(address))
}

// redact takes a password out of an address before it is shown.
func redact(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		return address
	}
	if name, _, has := strings.Cut(user, ":"); has {
		user = name + ":***"
	}
	return scheme + "://" + user + "@" + host
}
