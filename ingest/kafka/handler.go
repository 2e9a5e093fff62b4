package kafka

import (
	"context"
	"fmt"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// Earliest, as a start offset, means the first record that still exists.
const Earliest int64 = -2

// Partition is an assigned partition with what the group knows about it.
type Partition struct {
	Topic     string
	TopicID   wire.TopicID // zero when the brokers are too old to tell
	Partition int32
	Committed int64  // the group's offset; -1 without one
	Metadata  string // what was committed with it
	LogStart  int64  // first offset that exists
	LogEnd    int64  // offset of the next record to be written
}

// String returns topic/partition.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

// A Consumer starts the work of each generation.
type Consumer interface {
	// Begin is called once for each generation in which this member holds
	// partitions, never twice at a time. An error ends Run with it. ctx ends
	// with the generation.
	Begin(ctx context.Context, g *Generation) (Task, error)
}

// A Task is the work of one generation. It owns all state made from the
// records; none of it may outlive the generation.
type Task interface {
	// Open is called once per partition, one after the other, before any
	// record is delivered. It returns the handler and the offset to start at,
	// which may be Earliest. An error ends Run with it.
	Open(ctx context.Context, p Partition) (h Handler, start int64, err error)

	// Drain is called after the last handler has returned. ctx carries the
	// time that is left to write what was decided and to commit it. Drain must
	// return when ctx is done, and nothing of the task may use the generation
	// afterwards. It is called after every successful Begin.
	Drain(ctx context.Context) error
}

// A Handler takes what one partition yields. All its methods are called from
// that partition's fetch goroutine and must return when ctx is done. A blocked
// method stops the fetching of this partition and nothing else. An error ends
// the generation; unless it is ctx's, Run ends with it.
type Handler interface {
	// Records takes over b and must see to it that b.Release is called once,
	// also when it returns an error. b is never empty.
	Records(ctx context.Context, b *Batch) error

	// Gap says that the records g.From up to but not including g.To were
	// deleted before they were read. Returning nil accepts the loss; ErrHold
	// waits without passing it.
	Gap(ctx context.Context, g Gap) error

	// BadBatch says that the records b.First to b.Last cannot be read, after
	// all attempts. Returning nil passes over them, so the handler should have
	// put them on record; ErrHold waits without passing them.
	BadBatch(ctx context.Context, b BadBatch) error

	// CaughtUp is called after a fetch that found nothing beyond position,
	// which is then equal to the high watermark, about every MaxWait.
	CaughtUp(ctx context.Context, position int64) error
}

// Gap is a range of records that no longer exist.
type Gap struct {
	Partition Partition
	From, To  int64 // From inclusive, To exclusive
}

func (g Gap) String() string {
	return fmt.Sprintf("%s: %d records, offsets %d to %d, were deleted by Kafka before they were read",
		g.Partition, g.To-g.From, g.From, g.To-1)
}

// BadBatch is a range of records that exist but cannot be read.
type BadBatch struct {
	Partition   Partition
	First, Last int64 // inclusive
	// Err says why. errors.Is tells wire.ErrTooLarge, wire.ErrChecksum and the
	// other reasons apart.
	Err error
}

func (b BadBatch) String() string {
	return fmt.Sprintf("%s: offsets %d to %d cannot be read: %v", b.Partition, b.First, b.Last, b.Err)
}
