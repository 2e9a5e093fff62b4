package service

import (
	"context"
	"fmt"

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
	stream *ingest.Stream
}

// Records implements kafka.Handler.
func (h *handler) Records(ctx context.Context, raw *kafka.Batch) error {
	batch := ingest.NewBatch()
	for i := range raw.Records {
		r := &raw.Records[i]
		h.stream.Record(ingest.Record{
			Origin: detect.Origin{Source: raw.Topic, Partition: raw.Partition, Offset: r.Offset},
			Value:  r.Value, Null: r.Null, Time: r.Time * 1e6,
		}, batch)
	}
	return h.send(ctx, &decoded{part: h.part, batch: batch, raw: raw, next: h.next(raw.Next)})
}

// next is the offset up to which nothing is held back: the first half of a record
// waits for the other, and must be read again after a crash.
func (h *handler) next(position int64) int64 {
	if o, held := h.stream.Held(); held {
		return min(position, o.Offset)
	}
	return position
}

// send waits for the owner, and before that for the facts, unless these are them.
func (h *handler) send(ctx context.Context, d *decoded) error {
	release := func() error {
		if d.raw != nil {
			d.batch.Release()
			d.raw.Release()
		}
		return ctx.Err()
	}
	if !h.part.facts {
		select {
		case <-h.task.factsRead:
		case <-ctx.Done():
			return release()
		}
	}
	select {
	case h.task.in <- d:
		return nil
	case <-ctx.Done():
		return release()
	}
}

// Gap implements kafka.Handler: records were deleted before they were read. That
// is put on record, counted and alerted, and reading goes on, since nobody can
// bring them back.
func (h *handler) Gap(ctx context.Context, g kafka.Gap) error {
	h.task.s.metrics.gap(g)
	h.task.s.o.Log.Error().Str("topic", g.Partition.Topic).Int32("partition", g.Partition.Partition).
		Int64("from", g.From).Int64("to", g.To).Msg("records were deleted by Kafka before they were read: make retention longer than the longest outage")
	return h.send(ctx, &decoded{part: h.part, next: g.To, lost: &contract.Quarantined{
		Origin: detect.Origin{Source: g.Partition.Topic, Partition: g.Partition.Partition, Offset: g.From},
		Reason: "data_gap", Detail: fmt.Sprintf("%d records up to offset %d were deleted before they were read", g.To-g.From, g.To-1),
	}})
}

// BadBatch implements kafka.Handler: records that cannot be read go to
// quarantine by their offsets.
func (h *handler) BadBatch(ctx context.Context, b kafka.BadBatch) error {
	h.task.s.metrics.quarantined("bad_batch")
	return h.send(ctx, &decoded{part: h.part, next: b.Last + 1, lost: &contract.Quarantined{
		Origin: detect.Origin{Source: b.Partition.Topic, Partition: b.Partition.Partition, Offset: b.First},
		Reason: "bad_batch", Detail: fmt.Sprintf("offsets %d to %d: %v", b.First, b.Last, b.Err),
	}})
}

// CaughtUp implements kafka.Handler.
func (h *handler) CaughtUp(ctx context.Context, position int64) error {
	return h.send(ctx, &decoded{part: h.part, caughtUp: true, next: h.next(position)})
}
