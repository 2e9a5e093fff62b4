package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

const (
	// queueBatches bounds what is decoded and not yet judged.
	queueBatches = 16
	// maxPending is how many rows may wait for the sink before no more input is
	// taken.
	maxPending = 50_000
	// writeRows and writeAfter say when what is pending is written: enough of it,
	// or old enough. Findings are written at once.
	writeRows   = 5_000
	writeAfter  = 500 * time.Millisecond
	commitAfter = 2 * time.Second
	// commitAnyway keeps the broker from forgetting the offsets of an idle group.
	commitAnyway = time.Hour
	beat         = 100 * time.Millisecond
)

// task is the work of one generation. All its fields but in and factsRead belong
// to the owner goroutine.
type task struct {
	s        *Service
	g        *kafka.Generation
	rules    *Rules
	detector *detect.Detector
	parts    []*part

	in        chan *decoded
	factsRead chan struct{} // closed once every facts partition is read to its end
	factsLeft int
	stop      chan struct{} // closed by Drain: no more batches come
	done      chan struct{} // closed by the owner when all is written and committed
	drain     context.Context
	cancel    context.CancelFunc

	out      detect.Output
	counted  detect.Stats // what the metrics have taken over
	newest   int64        // greatest event time seen
	pending  *contract.Batch
	since    time.Time // when pending stopped being empty
	writing  bool
	written  chan error
	frontier []detect.Progress // what may be committed when the write under way is safe
	safe     []detect.Progress // what may be committed now
	sent     []detect.Progress // what was committed last
	sentAt   time.Time
	fenced   error
}

// part is one partition.
type part struct {
	kafka.Partition
	index     int
	id        detect.Part
	facts     bool
	target    int64 // of a facts partition: read up to here before anything is judged
	storeFrom int64 // of a facts partition: what lies before is stored already
	position  int64
	caughtUp  time.Time // since when nothing is left to read; zero while something is
	idle      bool
}

// decoded is one batch on its way from a fetch goroutine to the owner. Without a
// batch it only says that the partition is read to its end.
type decoded struct {
	part     *part
	batch    *ingest.Batch
	raw      *kafka.Batch
	caughtUp bool
	lost     *contract.Quarantined
	next     int64
}

func newTask(s *Service, g *kafka.Generation) *task {
	rules := s.rules.Load()
	t := &task{
		s: s, g: g, rules: rules,
		detector:  detect.New(rules.Policy, s.o.Detect),
		in:        make(chan *decoded, queueBatches),
		factsRead: make(chan struct{}),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
		pending:   &contract.Batch{},
		written:   make(chan error, 1),
		sentAt:    time.Now(),
	}
	for _, p := range g.Partitions {
		if s.o.Facts[p.Topic] {
			t.factsLeft++
		}
	}
	if t.factsLeft == 0 {
		close(t.factsRead)
	}
	t.drain, t.cancel = context.WithCancel(context.Background())
	return t
}

// Open implements kafka.Task. All partitions are opened before the first record,
// so the owner starts with the last of them.
func (t *task) Open(_ context.Context, p kafka.Partition) (kafka.Handler, int64, error) {
	w := &part{Partition: p, index: len(t.parts), facts: t.s.o.Facts[p.Topic]}
	start := detect.Start{Source: p.Topic, Partition: p.Partition, Facts: w.facts}
	switch m, known := parseMetadata(p.Metadata); {
	case w.facts:
		// Facts live in memory, so they are read from their beginning each time.
		w.target, w.storeFrom = p.LogEnd, max(p.Committed, p.LogStart)
		start.Position, start.EmitFrom = p.LogStart, p.LogStart
	case p.Committed < 0:
		start.Position, start.EmitFrom, start.Cold = p.LogStart, p.LogStart, p.LogStart > 0
	case !known:
		start.Position, start.EmitFrom, start.Cold = p.Committed, p.Committed, true
	default:
		start.Position, start.EmitFrom, start.Watermark = p.Committed, max(m.EmitFrom, p.Committed), m.Watermark
	}
	w.position = start.Position
	w.id = t.detector.Open(start)
	t.parts = append(t.parts, w)
	t.s.o.Log.Info().Str("topic", p.Topic).Int32("partition", p.Partition).Int64("from", start.Position).
		Int64("emit_from", start.EmitFrom).Int64("end", p.LogEnd).Msg("reading")
	if w.facts && w.position >= w.target {
		t.factDone(w)
	}
	if len(t.parts) == len(t.g.Partitions) {
		t.safe = make([]detect.Progress, len(t.parts))
		t.sent = make([]detect.Progress, len(t.parts))
		t.frontier = make([]detect.Progress, len(t.parts))
		t.progress(t.safe)
		copy(t.sent, t.safe)
		go t.own()
	}
	return &handler{task: t, part: w, stream: ingest.NewStream(t.rules.Ingest)}, start.Position, nil
}

// Drain implements kafka.Task: what is decided is written and committed, if ctx
// leaves the time.
func (t *task) Drain(ctx context.Context) error {
	defer t.cancel()
	if len(t.parts) < len(t.g.Partitions) {
		return nil // the owner never began
	}
	close(t.stop)
	select {
	case <-t.done:
	case <-ctx.Done():
		t.cancel()
		<-t.done
	}
	if t.fenced != nil && !errors.Is(t.fenced, kafka.ErrFenced) && !errors.Is(t.fenced, kafka.ErrEnded) {
		return t.fenced
	}
	return nil
}

// own is the owner: the one goroutine that holds all state of the task.
func (t *task) own() {
	defer close(t.done)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	stop := t.stop
	for {
		in := t.in
		if t.rows() >= maxPending {
			in = nil
		}
		select {
		case d := <-in:
			t.take(d)
		case err := <-t.written:
			t.acknowledge(err)
		case now := <-tick.C:
			t.rest(now)
		case <-stop:
			t.finish()
			return
		}
		t.write(time.Now(), false)
	}
}

// finish empties the queue, writes, commits, and leaves the rest to the next
// owner, who reads it again.
func (t *task) finish() {
	for {
		select {
		case d := <-t.in:
			t.take(d)
			continue
		default:
		}
		break
	}
	for t.drain.Err() == nil && (t.writing || t.rows() > 0) {
		t.write(time.Now(), true)
		select {
		case err := <-t.written:
			t.acknowledge(err)
		case <-t.drain.Done():
		}
	}
	t.cancelWrite()
	if t.drain.Err() == nil {
		t.commit(time.Now(), true)
	}
}

// cancelWrite waits for a write that drain's end has cancelled.
func (t *task) cancelWrite() {
	if t.writing {
		<-t.written
		t.writing = false
	}
}

// take judges one batch.
func (t *task) take(d *decoded) {
	p := d.part
	if d.lost != nil {
		t.add(func(b *contract.Batch) { b.Quarantined = append(b.Quarantined, *d.lost) })
	}
	if d.batch == nil {
		if d.next > p.position {
			t.skipTo(p, d.next)
		}
		if d.caughtUp && p.caughtUp.IsZero() {
			p.caughtUp = time.Now()
		}
		t.factDone(p)
		return
	}
	if r := t.s.rules.Load(); r != t.rules {
		t.rules = r
		t.detector.Reload(r.Policy)
	}
	started := time.Now()
	p.caughtUp = time.Time{}
	if p.idle {
		p.idle = false
		t.detector.Idle(p.id, false)
	}
	t.judge(p, d)
	p.position = d.next
	d.batch.Release()
	d.raw.Release()
	t.collect()
	t.factDone(p)
	t.s.metrics.batch(started, t.newest)
}

// judge observes the events of a batch, in the order of their offsets.
func (t *task) judge(p *part, d *decoded) {
	quarantined := d.batch.Quarantined
	for i := range quarantined {
		q := &quarantined[i]
		t.s.metrics.quarantined(string(q.Reason))
		t.add(func(b *contract.Batch) { b.Quarantined = append(b.Quarantined, stored(q)) })
	}
	events := d.batch.Events
	for i := range events {
		e := &events[i]
		t.s.metrics.event(e)
		if e.Kind != detect.KindFact {
			t.newest = max(t.newest, e.Time)
		}
		if e.Kind == detect.KindFact && p.facts && e.Origin.Offset >= p.storeFrom {
			t.add(func(b *contract.Batch) { b.Facts = append(b.Facts, copyFact(e)) })
		}
		t.detector.Observe(p.id, e)
	}
	t.skipTo(p, d.next)
}

// skipTo tells the detector that offsets up to next carry nothing more.
func (t *task) skipTo(p *part, next int64) {
	t.detector.Skip(p.id, next-1)
	p.position = next
}

// collect moves what the detector decided into the pending batch.
func (t *task) collect() {
	t.out.Findings, t.out.Reads = t.out.Findings[:0], t.out.Reads[:0]
	t.detector.Take(&t.out)
	if len(t.out.Findings)+len(t.out.Reads) == 0 {
		return
	}
	for i := range t.out.Findings {
		t.s.metrics.found(&t.out.Findings[i])
	}
	for i := range t.out.Reads {
		t.s.metrics.read(&t.out.Reads[i])
	}
	t.add(func(b *contract.Batch) {
		b.Findings = append(b.Findings, t.out.Findings...)
		b.Reads = append(b.Reads, t.out.Reads...)
	})
}

func (t *task) add(put func(*contract.Batch)) {
	if t.pending.Empty() {
		t.since = time.Now()
	}
	t.pending.Policy = t.rules.Policy.Version
	put(t.pending)
}

func (t *task) rows() int {
	b := t.pending
	return len(b.Findings) + len(b.Reads) + len(b.Quarantined) + len(b.Facts)
}

// write hands the pending batch to the sink when none is under way and there is
// enough, or a finding, or it is old enough, or it must be now.
func (t *task) write(now time.Time, must bool) {
	if t.writing || t.rows() == 0 {
		return
	}
	if !must && len(t.pending.Findings) == 0 && t.rows() < writeRows && now.Sub(t.since) < writeAfter {
		return
	}
	t.progress(t.frontier)
	batch := t.pending
	t.pending = &contract.Batch{}
	t.writing = true
	go func() {
		err := t.s.o.Sink.Write(t.drain, batch)
		if err == nil {
			t.s.metrics.stored(batch, time.Now())
		}
		t.written <- err
	}()
}

// acknowledge makes what lies behind a write committable.
func (t *task) acknowledge(err error) {
	t.writing = false
	if err != nil {
		return // only when drain ended: nothing is passed, the next owner reads it again
	}
	copy(t.safe, t.frontier)
}

// rest does what time asks for: idle partitions, commits.
func (t *task) rest(now time.Time) {
	for _, p := range t.parts {
		if !p.facts && !p.idle && !p.caughtUp.IsZero() && now.Sub(p.caughtUp) >= t.s.o.Idle {
			p.idle = true
			t.detector.Idle(p.id, true)
			t.collect()
		}
	}
	if !t.writing && t.rows() == 0 {
		t.progress(t.safe)
	}
	t.s.metrics.judged(t.detector, &t.counted)
	if now.Sub(t.sentAt) >= commitAfter {
		t.commit(now, now.Sub(t.sentAt) >= commitAnyway)
	}
}

// progress asks the detector how far each partition is.
func (t *task) progress(into []detect.Progress) {
	for i, p := range t.parts {
		if p.facts {
			into[i] = detect.Progress{Safe: p.position, EmitFrom: p.position}
			continue
		}
		into[i] = t.detector.Progress(p.id)
	}
}

// commit sends the offsets that moved.
func (t *task) commit(now time.Time, all bool) {
	if t.fenced != nil {
		return
	}
	var offsets []kafka.Offset
	for i, p := range t.parts {
		to := t.safe[i]
		if to.Safe < p.Committed || to.Safe < t.sent[i].Safe || !all && to == t.sent[i] {
			continue
		}
		offsets = append(offsets, kafka.Offset{
			Topic: p.Topic, Partition: p.Partition.Partition, Offset: to.Safe,
			Metadata: formatMetadata(to, t.rules.Policy.Version),
		})
	}
	t.sentAt = now
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.drain, 3*time.Second)
	defer cancel()
	switch err := t.g.Commit(ctx, offsets...); {
	case err == nil:
		copy(t.sent, t.safe)
	case errors.Is(err, kafka.ErrFenced), errors.Is(err, kafka.ErrEnded):
		t.fenced = err
	case ctx.Err() != nil:
		t.s.o.Log.Warn().Err(err).Msg("commit not confirmed; it is sent again")
	default:
		t.fenced = fmt.Errorf("commit: %w", err)
		t.s.o.Log.Error().Err(err).Msg("commit refused")
	}
}

// factDone counts a facts partition that is read to where it ended at the start.
func (t *task) factDone(p *part) {
	if !p.facts || p.target < 0 || p.position < p.target {
		return
	}
	p.target = -1
	if t.factsLeft--; t.factsLeft == 0 {
		close(t.factsRead)
	}
}
