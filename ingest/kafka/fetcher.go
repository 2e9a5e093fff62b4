package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/ingest/kafka/wire"
)

const (
	// damageTries is how often a damaged batch is fetched before it counts as
	// unreadable: the damage may have happened on the way.
	damageTries = 3
	// offsetSlack is how far behind the reported high watermark the end of a
	// batch may lie. A little is normal, because the broker reads the watermark
	// first; far more means that the unprotected base offset was damaged.
	offsetSlack = 1 << 20
)

// fetcher reads one partition during one generation. Everything runs in one
// goroutine.
type fetcher struct {
	gen      *Generation
	part     Partition
	handler  Handler
	progress *progress
	unpack   *wire.Decompressor

	position    int64
	correlation int32
	request     *wire.FetchRequest // used again unless an exchange may be going on
	damagedAt   int64
	damagedFor  int // fetches in a row that found damage at damagedAt
}

func newFetcher(g *Generation, p Partition, h Handler, start int64) *fetcher {
	f := &fetcher{
		gen: g, part: p, handler: h, position: start, damagedAt: -1,
		progress: g.source.ledger.of(partitionID{p.Topic, p.Partition}),
		unpack:   wire.NewDecompressor(g.source.cfg.MaxUnpacked),
	}
	f.progress.position.Store(start)
	f.progress.highWater.Store(p.LogEnd)
	f.progress.lastStable.Store(p.LogEnd)
	f.progress.logStart.Store(p.LogStart)
	f.progress.committed.Store(p.Committed)
	f.progress.worked()
	return f
}

// transient is an error that another attempt may heal.
type transient struct{ err error }

func (e *transient) Error() string { return e.err.Error() }
func (e *transient) Unwrap() error { return e.err }

// run fetches until ctx is done or an error ends the generation.
func (f *fetcher) run(ctx context.Context) error {
	f.progress.assigned.Store(true)
	defer f.progress.assigned.Store(false)
	pause := newBackoff()
	for {
		err := f.step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var again *transient
		switch {
		case err == nil:
			pause.reset()
			f.progress.worked()
		case errors.As(err, &again):
			f.failed(again.err)
			if !pause.wait(ctx) {
				return ctx.Err()
			}
		default:
			return err
		}
	}
}

func (f *fetcher) failed(err error) {
	reason := describe(err)
	f.progress.failed(reason)
	if f.progress.failures.Load() == failuresShown {
		f.gen.source.log.Warn().Str("topic", f.part.Topic).Int32("partition", f.part.Partition).
			Int64("position", f.position).Str("reason", reason).Msg("fetching keeps failing")
	}
}

// step makes one fetch and delivers what it brought.
func (f *fetcher) step(ctx context.Context) error {
	answer, err := f.ask(ctx)
	if err != nil {
		f.gen.lookSoon()
		return &transient{err}
	}
	defer answer.Buffer.Release()
	f.progress.fetches.Add(1)

	code := kafkago.Error(answer.TopError)
	if code == 0 {
		code = kafkago.Error(answer.Error)
	}
	switch fetchAction(code) {
	case proceed:
		if !answer.HasData {
			return &transient{errors.New("the broker's answer does not mention the partition")}
		}
		return f.deliver(ctx, answer)
	case lookUp:
		return f.outOfRange(ctx)
	case refresh, renegotiate:
		f.gen.lookSoon()
		return &transient{code}
	case stop:
		return fmt.Errorf("kafka: reading %s at offset %d: %w", f.part, f.position, code)
	default: // retry, denied
		return &transient{code}
	}
}

// ask makes one exchange with a deadline. The message is used again only after
// a success: on an error the exchange may still be going on in kafka-go's
// connection and own the message and its buffer.
func (f *fetcher) ask(ctx context.Context) (*wire.FetchAnswer, error) {
	cfg := &f.gen.source.cfg
	r := f.request
	f.request = nil
	if r == nil {
		r = &wire.FetchRequest{
			ClientID: cfg.ClientID, Topic: f.part.Topic, Partition: f.part.Partition, Pool: f.gen.source.pool,
			MinBytes: 1, MaxBytes: int32(cfg.MaxBytes), MaxWait: cfg.MaxWait, MaxAnswer: cfg.maxAnswer(),
		}
	}
	f.correlation++
	r.Correlation = f.correlation
	r.TopicID, r.Version = f.gen.topic(f.part.Topic)
	r.Offset = f.position

	ctx, cancel := context.WithTimeout(ctx, cfg.MaxWait+cfg.RequestTimeout)
	defer cancel()
	message, err := f.gen.source.conns.transport.RoundTrip(ctx, f.gen.source.conns.addr, r)
	if err != nil {
		return nil, err
	}
	answer, ok := message.(*wire.FetchAnswer)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", message)
	}
	f.request = r
	return answer, nil
}

// outOfRange finds out why the broker does not have the position: deleted
// records, or an offset beyond the end. The broker's answer does not say.
func (f *fetcher) outOfRange(ctx context.Context) error {
	now := []Partition{f.part}
	if err := f.gen.source.directory.bounds(ctx, now); err != nil {
		return &transient{err}
	}
	first, end := now[0].LogStart, now[0].LogEnd
	f.progress.logStart.Store(first)
	switch {
	case f.position < first:
		err := f.call(func() error {
			return f.handler.Gap(ctx, Gap{Partition: f.part, From: f.position, To: first})
		})
		if errors.Is(err, ErrHold) {
			return &transient{fmt.Errorf("offsets %d to %d were deleted by Kafka before they were read: %w", f.position, first-1, err)}
		}
		if err != nil {
			return err
		}
		f.progress.lost.Add(uint64(first - f.position))
		f.moveTo(first)
		return nil
	case f.position > end:
		return &BeyondEndError{Partition: f.part, Offset: f.position, End: end}
	default: // it has moved into range, or this was a replica that lags
		return &transient{kafkago.OffsetOutOfRange}
	}
}

// deliver hands the records of an answer to the handler.
func (f *fetcher) deliver(ctx context.Context, answer *wire.FetchAnswer) error {
	f.progress.highWater.Store(answer.HighWater)
	f.progress.lastStable.Store(answer.LastStable)
	f.progress.logStart.Store(answer.LogStart)
	f.progress.fetchedBytes.Add(uint64(len(answer.Batches)))
	if len(answer.Batches) == 0 {
		return f.nothing(ctx, answer)
	}
	before := f.position
	d := delivery{fetcher: f, answer: answer}
	err := d.walk(ctx)
	d.close()
	var bad *wire.BatchError
	switch {
	case errors.As(err, &bad):
		return f.bad(ctx, bad, d.trusted)
	case err != nil:
		return err
	case f.position == before:
		return f.bad(ctx, &wire.BatchError{First: before, Last: before, Err: wire.ErrBatchOffsets}, false)
	}
	return nil
}

// nothing handles an answer without records.
func (f *fetcher) nothing(ctx context.Context, answer *wire.FetchAnswer) error {
	if f.position == answer.HighWater {
		if err := f.call(func() error { return f.handler.CaughtUp(ctx, f.position) }); err != nil {
			return err
		}
	}
	if answer.Throttle > 0 {
		pause(ctx, min(answer.Throttle, f.gen.source.cfg.RequestTimeout))
	}
	return nil
}

// bad handles a batch that cannot be read. Without trust in its header it is
// fetched again a few times first.
func (f *fetcher) bad(ctx context.Context, e *wire.BatchError, trusted bool) error {
	if f.damagedAt != f.position {
		f.damagedAt, f.damagedFor = f.position, 0
	}
	f.damagedFor++
	if !trusted && f.damagedFor < damageTries {
		return &transient{e}
	}
	b := BadBatch{Partition: f.part, First: f.position, Last: max(e.Last, f.position), Err: e.Err}
	err := f.call(func() error { return f.handler.BadBatch(ctx, b) })
	if errors.Is(err, ErrHold) {
		return &transient{fmt.Errorf("%w: %w", e, err)}
	}
	if err != nil {
		return err
	}
	f.progress.badBatches.Add(1)
	f.moveTo(b.Last + 1)
	return nil
}

// call runs a method of the handler.
func (f *fetcher) call(method func() error) error {
	f.progress.inHandler.Store(true)
	defer f.progress.inHandler.Store(false)
	return method()
}

func (f *fetcher) moveTo(offset int64) {
	f.position = offset
	f.progress.position.Store(offset)
}

// delivery takes one answer apart.
type delivery struct {
	fetcher *fetcher
	answer  *wire.FetchAnswer
	arena   *wire.Buffer // unpacked records of one or more small batches
	out     *Batch       // being filled; nil when empty
	trusted bool         // the offsets of the batch in hand passed its checksum
}

// close gives back what the walk still holds.
func (d *delivery) close() {
	if d.out != nil {
		d.out.Release()
		d.out = nil
	}
	if d.arena != nil {
		d.arena.Release()
		d.arena = nil
	}
}

// walk delivers all whole batches. A *wire.BatchError names a batch that
// cannot be read, with everything before it delivered.
func (d *delivery) walk(ctx context.Context) error {
	f := d.fetcher
	batches := wire.NewBatches(d.answer.Batches)
	transactions := wire.NewTransactions(d.answer.Aborted)
	var b wire.RecordBatch
	for {
		d.trusted = false
		err := batches.Next(&b)
		if err == io.EOF {
			return d.flush(ctx)
		}
		if err != nil {
			return d.stopAt(ctx, d.bounded(err, &batches))
		}
		if b.LastOffset > d.answer.HighWater+offsetSlack {
			return d.stopAt(ctx, d.bounded(&wire.BatchError{First: b.BaseOffset, Last: b.LastOffset, Err: wire.ErrBatchOffsets}, &batches))
		}
		d.trusted = true
		what, err := transactions.Next(&b)
		if err != nil {
			return d.stopAt(ctx, err)
		}
		if b.Next() <= f.position {
			continue // the whole batch lies before the asked offset
		}
		switch {
		case what == wire.ControlData:
			f.progress.controlBatches.Add(1)
		case what == wire.AbortedData:
			f.progress.abortedBatches.Add(1)
		case b.Count == 0:
			f.progress.emptyBatches.Add(1)
		default:
			if err := d.records(ctx, &b); err != nil {
				return d.stopAt(ctx, err)
			}
		}
		d.pass(&b)
	}
}

// pass moves beyond a batch. Records not yet handed over keep the visible
// position back.
func (d *delivery) pass(b *wire.RecordBatch) {
	d.fetcher.position = b.Next()
	if d.out == nil {
		d.fetcher.moveTo(b.Next())
	}
}

// stopAt hands over what was read before err.
func (d *delivery) stopAt(ctx context.Context, err error) error {
	if flushErr := d.flush(ctx); flushErr != nil {
		return flushErr
	}
	return err
}

// bounded limits the claim of a damaged header: passing over a batch must not
// pass over the good ones behind it.
func (d *delivery) bounded(err error, rest *wire.Batches) error {
	var bad *wire.BatchError
	if !errors.As(err, &bad) {
		return err
	}
	last := min(bad.Last, max(d.answer.HighWater-1, d.fetcher.position))
	var next wire.RecordBatch
	if rest.Next(&next) == nil && next.BaseOffset > d.fetcher.position {
		last = next.BaseOffset - 1
	}
	return &wire.BatchError{First: d.fetcher.position, Last: last, Err: bad.Err}
}

// records delivers the records of one batch of data.
func (d *delivery) records(ctx context.Context, b *wire.RecordBatch) error {
	f := d.fetcher
	payload, home, err := d.uncompressed(b)
	if err != nil {
		return &wire.BatchError{First: b.BaseOffset, Last: b.LastOffset, Err: err}
	}
	records, err := b.Records(payload)
	if err != nil {
		return err
	}
	jumps := max(0, b.BaseOffset-f.position)
	for {
		if d.out == nil {
			d.out = f.gen.source.batches.get(f.part.Topic, f.part.Partition)
			d.out.HighWatermark = d.answer.HighWater
		}
		n := len(d.out.Records)
		d.out.Records = d.out.Records[:n+1]
		r := &d.out.Records[n]
		if err := records.Next(r); err != nil {
			d.out.Records = d.out.Records[:n]
			f.progress.jumped.Add(uint64(jumps))
			if err == io.EOF {
				f.progress.jumped.Add(uint64(b.Next() - max(f.position, b.BaseOffset)))
				return nil
			}
			return err
		}
		if r.Offset < f.position {
			d.out.Records = d.out.Records[:n]
			continue
		}
		jumps += r.Offset - max(f.position, b.BaseOffset)
		f.position = r.Offset + 1
		d.out.Next = f.position
		d.out.bytes += len(r.Key) + len(r.Value)
		d.out.hold(home)
		if d.out.full() {
			if err := d.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// uncompressed returns the records of a batch and the buffer they live in.
func (d *delivery) uncompressed(b *wire.RecordBatch) ([]byte, *wire.Buffer, error) {
	if b.Codec() == wire.None {
		return b.Payload, d.answer.Buffer, nil
	}
	if a := d.arena; a != nil && (len(a.Data) >= batchBytes || cap(a.Data)-len(a.Data) < 4*len(b.Payload)) {
		d.arena.Release()
		d.arena = nil
	}
	if d.arena == nil {
		d.arena = d.fetcher.gen.source.pool.Get(max(batchBytes, 4*len(b.Payload)))
	}
	start := len(d.arena.Data)
	data, err := d.fetcher.unpack.Append(b.Codec(), d.arena.Data, b.Payload)
	if err != nil {
		return nil, nil, err
	}
	d.arena.Data = data
	return data[start:], d.arena, nil
}

// flush hands the filled batch to the handler, which now owns it.
func (d *delivery) flush(ctx context.Context) error {
	out := d.out
	d.out = nil
	if out == nil {
		d.fetcher.moveTo(d.fetcher.position)
		return nil
	}
	f := d.fetcher
	if len(out.Records) == 0 {
		out.Release()
		f.moveTo(f.position)
		return nil
	}
	records, bytes := len(out.Records), out.bytes
	if err := f.call(func() error { return f.handler.Records(ctx, out) }); err != nil {
		return err
	}
	f.progress.records.Add(uint64(records))
	f.progress.recordBytes.Add(uint64(bytes))
	f.moveTo(f.position)
	return nil
}
