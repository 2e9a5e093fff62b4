package service

import (
	"context"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

const (
	// queueBatches bounds what is decoded and not yet judged.
	queueBatches = 16
	// maxPending is how many rows may wait for the sink before no more input is
	// taken.
	maxPending = 50_000
	beat       = 100 * time.Millisecond
	// drainLimit bounds Drain, whatever the session timeout leaves: a stop must not
	// take longer than people wait for one.
	drainLimit = 5 * time.Second
)

// task is the work of one generation. All its fields but in, factsRead and the
// channels belong to the owner goroutine, once that has begun.
type task struct {
	s        *Service
	group    committer
	count    int // of partitions
	rules    *Rules
	detector *join.Detector
	parts    []*part
	ids      map[string]string // of the topics, by name
	former   map[string]string // the ids that their committed offsets belong to
	renew    bool              // all offsets must be committed, because the ids with them are old

	in        chan *decoded
	factsRead chan struct{} // closed once every facts partition is read to its end
	stop      chan struct{} // closed by Drain: no more batches come
	done      chan struct{} // closed by the owner when all is written and committed
	drain     context.Context
	cancel    context.CancelFunc
	begun     bool // the owner runs

	factsLeft int
	out       detect.Output
	failed    map[string]time.Time // when the failure of a rule was logged last
	counted   join.Stats           // what the metrics have taken over

	delivery delivery
	ledger   ledger
}

// part is one partition.
type part struct {
	kafka.Partition
	index    int
	id       join.Part
	facts    bool
	target   int64 // of a facts partition: read up to here before anything is judged
	fresh    int64 // records before it were decided, stored and counted by an earlier run
	position int64 // records before it are observed
	idle     bool
	behind   *behind
}

func newTask(s *Service, g *kafka.Generation) *task {
	rules := s.rules.Load()
	t := &task{
		s: s, group: g, count: len(g.Partitions), rules: rules,
		detector: join.New(rules.Policy, s.o.Join),
		failed:   map[string]time.Time{},
		ids:      topicIDs(g.Partitions), former: formerIDs(g.Partitions),
		in:        make(chan *decoded, queueBatches),
		factsRead: make(chan struct{}),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
	}
	t.delivery.init()
	for _, p := range g.Partitions {
		if s.o.Facts[p.Topic] {
			t.factsLeft++
		}
	}
	s.factsLeft.Store(int64(t.factsLeft))
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
	start := join.Start{Source: p.Topic, Partition: p.Partition, Facts: w.facts}
	former, again := t.recreated(p)
	if again {
		t.restart(w, former)
		p = w.Partition
	}
	switch m, known := parseMetadata(p.Metadata); {
	case w.facts && p.Committed > p.LogEnd:
		return nil, 0, &kafka.BeyondEndError{Partition: p, Offset: p.Committed, End: p.LogEnd}
	case w.facts:
		// Facts live in memory, so they are read from their beginning each time.
		start.Position, start.EmitFrom = p.LogStart, p.LogStart
	case p.Committed < 0:
		start.Position, start.EmitFrom, start.Cold = p.LogStart, p.LogStart, p.LogStart > 0 || again
	case !known:
		start.Position, start.EmitFrom, start.Cold = p.Committed, p.Committed, true
	default:
		start.Position, start.EmitFrom, start.Watermark = p.Committed, max(m.EmitFrom, p.Committed), m.Watermark
	}
	w.position, w.target, w.fresh = start.Position, p.LogEnd, max(start.EmitFrom, p.Committed)
	w.id = t.detector.Open(start)
	w.behind = newBehind(start.Position, start.Watermark, time.Now())
	t.s.standing.set(p, w.behind)
	t.parts = append(t.parts, w)
	t.s.o.Log.Info().Str("topic", p.Topic).Int32("partition", p.Partition).Int64("from", start.Position).
		Int64("emit_from", start.EmitFrom).Int64("end", p.LogEnd).Msg("reading")
	t.factDone(w, w.position)
	if len(t.parts) == t.count {
		t.ledger.init(len(t.parts), time.Now())
		t.progress(t.ledger.safe)
		copy(t.ledger.sent, t.ledger.safe)
		t.begun = true
		go t.own()
	}
	return t.newHandler(w), start.Position, nil
}

// Drain implements kafka.Task: what is decided is written and committed, if ctx
// leaves the time.
func (t *task) Drain(ctx context.Context) error {
	defer t.cancel()
	defer t.s.factsLeft.Store(0)
	if !t.begun {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	if ctx.Err() != nil {
		t.cancel() // the generation is lost: nothing may be written any more
	}
	close(t.stop)
	select {
	case <-t.done:
	case <-ctx.Done():
		t.cancel()
		<-t.done
	}
	t.s.metrics.idle()
	return t.ledger.unsent(t.parts)
}

// own is the owner: the one goroutine that holds all state of the task.
func (t *task) own() {
	defer close(t.done)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		in := t.in
		if t.delivery.rows() >= maxPending {
			in = nil
		}
		select {
		case d := <-in:
			t.take(d)
		case err := <-t.delivery.written:
			t.acknowledge(err, time.Now())
		case now := <-tick.C:
			t.rest(now)
		case <-t.stop:
			t.finish(tick)
			return
		}
		t.write(time.Now(), false)
		t.reload()
	}
}

// finish empties the queue, writes, commits, and leaves the rest to the next
// owner, who reads it again.
func (t *task) finish(tick *time.Ticker) {
	for queued := true; queued; {
		select {
		case d := <-t.in:
			if t.drain.Err() == nil {
				t.take(d)
			} else {
				d.release()
			}
		default:
			queued = false
		}
	}
	for t.drain.Err() == nil && !t.delivery.idle() {
		t.write(time.Now(), true)
		select {
		case err := <-t.delivery.written:
			t.acknowledge(err, time.Now())
		case <-tick.C:
		case <-t.drain.Done():
		}
	}
	if t.delivery.busy { // Drain's end has cancelled it
		t.acknowledge(<-t.delivery.written, time.Now())
	}
	t.s.metrics.judged(t.detector, &t.counted)
	if t.drain.Err() == nil {
		t.progressIfSafe()
		t.commit(time.Now(), true)
	}
}

// take judges what one fetch brought.
func (t *task) take(d *decoded) {
	defer d.release()
	started := time.Now()
	p := d.part
	idle := !p.facts && d.caughtUp && d.quiet >= t.s.o.Idle
	if p.idle && !idle {
		p.idle = false
		t.detector.Idle(p.id, false)
	}
	if d.batch != nil {
		t.judge(p, d)
	}
	if d.lost != nil {
		t.s.metrics.lost(d.lost)
		t.add(func(b *contract.Batch) { b.Quarantined = append(b.Quarantined, d.lost.row) })
	}
	if d.next > p.position {
		p.position = d.next
		p.behind.position.Store(d.next)
		t.detector.Skip(p.id, d.next-1)
	}
	if idle && !p.idle {
		p.idle = true
		t.detector.Idle(p.id, true)
	}
	t.collect()
	t.factDone(p, d.read)
	if d.batch != nil {
		t.s.metrics.stage(stageJudge, time.Since(started))
	}
}

// judge observes the events of a batch, in the order of their offsets.
func (t *task) judge(p *part, d *decoded) {
	quarantined := d.batch.Quarantined
	for i := range quarantined {
		q := &quarantined[i]
		if q.Origin.Offset < p.fresh {
			continue
		}
		t.s.metrics.quarantined(string(q.Reason))
		t.add(func(b *contract.Batch) { b.Quarantined = append(b.Quarantined, stored(q)) })
	}
	newest, beat := int64(0), int64(0)
	events := d.batch.Events
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case detect.KindHeartbeat:
			beat = max(beat, e.Time)
		case detect.KindFact:
			if p.facts && e.Origin.Offset >= p.fresh {
				t.add(func(b *contract.Batch) { b.Facts = append(b.Facts, copyFact(e)) })
			}
		default:
			newest = max(newest, e.Time)
		}
	}
	t.detector.ObserveAll(p.id, events)
	t.s.metrics.eventTimes(p.Topic, newest, beat)
	t.s.metrics.processed.WithLabelValues(p.Topic).Add(float64(len(events)))
	if newest = max(newest, beat); newest == 0 {
		newest = d.taken
	}
	p.behind.reach(newest)
}

// collect moves what the detector decided to what is to be written.
func (t *task) collect() {
	t.out.Findings, t.out.Reads, t.out.Failures = t.out.Findings[:0], t.out.Reads[:0], t.out.Failures[:0]
	t.detector.Take(&t.out)
	for i := range t.out.Failures {
		t.fail(&t.out.Failures[i], time.Now())
	}
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

// reload takes over a new policy once everything that the old one decided is on its
// way to the sink, since a write is stored with the policy that decided it.
func (t *task) reload() {
	rules := t.s.rules.Load()
	if rules == t.rules {
		return
	}
	t.write(time.Now(), true)
	if t.delivery.rows() > 0 {
		return
	}
	t.rules = rules
	t.detector.Reload(rules.Policy)
}

// rest does what time asks for.
func (t *task) rest(now time.Time) {
	t.progressIfSafe()
	t.s.metrics.judged(t.detector, &t.counted)
	if now.Sub(t.ledger.tried) >= commitAfter {
		t.commit(now, now.Sub(t.ledger.confirmed) >= commitAnyway)
	}
}

// factDone counts a facts partition that is read to where it ended at the start.
// What its stream holds back is waited for no longer: it may never come.
func (t *task) factDone(p *part, read int64) {
	if !p.facts || p.target < 0 || read < p.target {
		return
	}
	p.target = -1
	t.factsLeft--
	t.s.factsLeft.Store(int64(t.factsLeft))
	if t.factsLeft == 0 {
		t.s.metrics.factsRead()
		close(t.factsRead)
	}
}
