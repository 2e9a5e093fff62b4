package service

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

// handler decodes one partition's records in its fetch goroutine and passes them
// to the owner.
type handler struct {
	task   *task
	part   *part
	rules  *Rules
	stream *ingest.Stream
	counts *received
	quiet  time.Time // since when fetches bring nothing; zero after one that did
}

// decoded is what one fetch brought, on its way from a fetch goroutine to the owner.
type decoded struct {
	part  *part
	batch *ingest.Batch // nil: no events
	raw   *kafka.Batch  // the memory that the events point into; nil: their own
	lost  *lost
	taken int64 // when Kafka took the last of it; event time, where lines tell one, is better
	next  int64 // records before it are all in this one or in one before
	read  int64 // records before it have been fetched; the stream may hold the last back

	caughtUp bool
	quiet    time.Duration // how long the partition has been found at its end
}

// lost is a range of records that nobody can read.
type lost struct {
	row     contract.Quarantined
	records int64
}

func (d *decoded) release() {
	if d.batch != nil {
		d.batch.Release()
	}
	if d.raw != nil {
		d.raw.Release()
	}
}

func (t *task) newHandler(p *part) *handler {
	return &handler{task: t, part: p, rules: t.rules, stream: ingest.NewStream(t.rules.Ingest), counts: t.s.metrics.received(p.Topic)}
}

// Records implements kafka.Handler.
func (h *handler) Records(ctx context.Context, raw *kafka.Batch) error {
	h.quiet = time.Time{}
	started := time.Now()
	batch := ingest.NewBatch()
	h.reload(batch)
	for i := range raw.Records {
		r := &raw.Records[i]
		h.stream.Record(ingest.Record{
			Origin: detect.Origin{Source: raw.Topic, Partition: raw.Partition, Offset: r.Offset},
			Value:  r.Value, Null: r.Null, Time: r.Time * 1e6,
		}, batch)
	}
	taken := int64(0)
	if n := len(raw.Records); n > 0 {
		taken = raw.Records[n-1].Time * 1e6
	}
	h.task.s.metrics.stage(stageDecode, time.Since(started))
	return h.send(ctx, &decoded{part: h.part, batch: batch, raw: raw, next: h.next(raw.Next), read: raw.Next, taken: taken})
}

// reload takes over a new way to find fields. A record that is held back is ended
// by that: its halves cannot be read in two ways.
func (h *handler) reload(batch *ingest.Batch) {
	rules := h.task.s.rules.Load()
	if rules == h.rules {
		return
	}
	if !reflect.DeepEqual(rules.Ingest, h.rules.Ingest) {
		h.stream.Flush(batch)
		h.stream = ingest.NewStream(rules.Ingest)
	}
	h.rules = rules
}

// next is the offset up to which nothing is held back: the first half of a record
// waits for the other, and must be read again after a crash.
func (h *handler) next(position int64) int64 {
	if o, held := h.stream.Held(); held {
		return min(position, o.Offset)
	}
	return position
}

// Gap implements kafka.Handler: records were deleted before they were read. That
// is put on record, counted and alerted, and reading goes on, since nobody can
// bring them back.
func (h *handler) Gap(ctx context.Context, g kafka.Gap) error {
	h.task.s.o.Log.Error().Str("topic", g.Partition.Topic).Int32("partition", g.Partition.Partition).
		Int64("from", g.From).Int64("to", g.To).Msg("records were deleted by Kafka before they were read: make retention longer than the longest outage")
	return h.send(ctx, h.jump(reasonGap, g.From, g.To,
		fmt.Sprintf("%d records up to offset %d were deleted before they were read", g.To-g.From, g.To-1)))
}

// BadBatch implements kafka.Handler: records that cannot be read go to
// quarantine by their offsets.
func (h *handler) BadBatch(ctx context.Context, b kafka.BadBatch) error {
	return h.send(ctx, h.jump(reasonBadBatch, b.First, b.Last+1, fmt.Sprintf("offsets %d to %d: %v", b.First, b.Last, b.Err)))
}

// jump passes over records. What was held back before them is ended: its other half
// does not come.
func (h *handler) jump(reason string, from, to int64, detail string) *decoded {
	h.quiet = time.Time{}
	batch := ingest.NewBatch()
	h.stream.Flush(batch)
	return &decoded{part: h.part, batch: batch, next: to, read: to, lost: &lost{
		records: to - from,
		row: contract.Quarantined{
			Origin: detect.Origin{Source: h.part.Topic, Partition: h.part.Partition.Partition, Offset: from},
			Reason: reason, Detail: detail,
		},
	}}
}

// CaughtUp implements kafka.Handler. When the partition has been quiet for so long
// that it is not waited for any more, what was held back is ended as well.
func (h *handler) CaughtUp(ctx context.Context, position int64) error {
	now := time.Now()
	if h.quiet.IsZero() {
		h.quiet = now
	}
	d := &decoded{part: h.part, read: position, caughtUp: true, quiet: now.Sub(h.quiet)}
	if _, held := h.stream.Held(); held && d.quiet >= h.task.s.o.Idle {
		d.batch = ingest.NewBatch()
		h.stream.Flush(d.batch)
	}
	d.next = h.next(position)
	return h.send(ctx, d)
}

// send waits for the owner, and before that for the facts, unless these are them.
func (h *handler) send(ctx context.Context, d *decoded) error {
	if d.batch != nil {
		h.counts.count(d.batch)
	}
	if !h.part.facts {
		select {
		case <-h.task.factsRead:
		case <-ctx.Done():
			d.release()
			return ctx.Err()
		}
	}
	select {
	case h.task.in <- d:
		return nil
	case <-ctx.Done():
		d.release()
		return ctx.Err()
	}
}
