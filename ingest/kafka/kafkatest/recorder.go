package kafkatest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

// Record is a copy of what was delivered.
type Record = wiretest.Record

// Recorder is a kafka.Consumer that keeps what it is given. Its settings must
// not change while a source runs.
type Recorder struct {
	// Start chooses where a partition starts; nil: the committed offset, else
	// the first record.
	Start func(p kafka.Partition) int64
	// OnBegin is told of each generation.
	OnBegin func(*kafka.Generation)
	// OnRecords, OnGap and OnBad decide what the handler answers; nil: accept.
	OnRecords func(ctx context.Context, b *kafka.Batch) error
	OnGap     func(kafka.Gap) error
	OnBad     func(kafka.BadBatch) error
	// OnDrain runs at the end of each generation, with a commit still possible.
	OnDrain func(ctx context.Context, g *kafka.Generation) error

	mu          sync.Mutex
	changed     chan struct{}
	generations []*kafka.Generation
	opened      []kafka.Partition
	records     map[string][]Record
	gaps        []kafka.Gap
	bad         []kafka.BadBatch
	caughtUp    map[string]int64
	drains      int
}

// Begin implements kafka.Consumer.
func (r *Recorder) Begin(_ context.Context, g *kafka.Generation) (kafka.Task, error) {
	r.update(func() { r.generations = append(r.generations, g) })
	if r.OnBegin != nil {
		r.OnBegin(g)
	}
	return &task{r: r, g: g}, nil
}

// update changes the recorder and wakes those who wait.
func (r *Recorder) update(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

type task struct {
	r *Recorder
	g *kafka.Generation
}

func (t *task) Open(_ context.Context, p kafka.Partition) (kafka.Handler, int64, error) {
	t.r.update(func() { t.r.opened = append(t.r.opened, p) })
	start := p.Committed
	if start < 0 {
		start = kafka.Earliest
	}
	if t.r.Start != nil {
		start = t.r.Start(p)
	}
	return &handler{r: t.r, name: Name(p.Topic, p.Partition)}, start, nil
}

func (t *task) Drain(ctx context.Context) error {
	defer t.r.update(func() { t.r.drains++ })
	if t.r.OnDrain != nil {
		return t.r.OnDrain(ctx, t.g)
	}
	return nil
}

type handler struct {
	r    *Recorder
	name string
}

func (h *handler) Records(ctx context.Context, b *kafka.Batch) error {
	defer b.Release()
	if h.r.OnRecords != nil {
		if err := h.r.OnRecords(ctx, b); err != nil {
			return err
		}
	}
	h.r.update(func() {
		if h.r.records == nil {
			h.r.records = map[string][]Record{}
		}
		for i := range b.Records {
			rec := &b.Records[i]
			h.r.records[h.name] = append(h.r.records[h.name], Record{
				Offset: rec.Offset, Time: rec.Time, Key: string(rec.Key), Value: string(rec.Value), Null: rec.Null})
		}
	})
	return nil
}

func (h *handler) Gap(_ context.Context, g kafka.Gap) error {
	h.r.update(func() { h.r.gaps = append(h.r.gaps, g) })
	if h.r.OnGap != nil {
		return h.r.OnGap(g)
	}
	return nil
}

func (h *handler) BadBatch(_ context.Context, b kafka.BadBatch) error {
	h.r.update(func() { h.r.bad = append(h.r.bad, b) })
	if h.r.OnBad != nil {
		return h.r.OnBad(b)
	}
	return nil
}

func (h *handler) CaughtUp(_ context.Context, position int64) error {
	h.r.update(func() {
		if h.r.caughtUp == nil {
			h.r.caughtUp = map[string]int64{}
		}
		h.r.caughtUp[h.name] = position
	})
	return nil
}

// Name is how a partition is called in the recorder's answers.
func Name(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }

// Seen is what the recorder has got so far.
type Seen struct {
	Generations []*kafka.Generation
	Opened      []kafka.Partition
	Records     map[string][]Record // by Name
	Gaps        []kafka.Gap
	Bad         []kafka.BadBatch
	CaughtUp    map[string]int64 // by Name
	Drains      int
}

// Wait returns what was seen as soon as enough says so, and fails the test
// after the limit, naming what it waited for.
func (r *Recorder) Wait(t testing.TB, limit time.Duration, what string, enough func(Seen) bool) Seen {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		r.mu.Lock()
		seen := Seen{Generations: r.generations, Opened: r.opened, Gaps: r.gaps, Bad: r.bad, Drains: r.drains,
			Records: map[string][]Record{}, CaughtUp: map[string]int64{}}
		for k, v := range r.records {
			seen.Records[k] = v
		}
		for k, v := range r.caughtUp {
			seen.CaughtUp[k] = v
		}
		if enough(seen) {
			r.mu.Unlock()
			return seen
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			t.Fatalf("waited %v for %s; seen: %s", limit, what, seen)
		}
	}
}

// String is short: counts, not contents.
func (s Seen) String() string {
	counts := map[string]int{}
	for name, list := range s.Records {
		counts[name] = len(list)
	}
	return fmt.Sprintf("%d generations, %d drains, records %v, caught up %v, gaps %v, bad %v",
		len(s.Generations), s.Drains, counts, s.CaughtUp, s.Gaps, s.Bad)
}

// Member is a source that runs in the background of a test.
type Member struct {
	Source *kafka.Source
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Run starts the source and stops it at the end of the test at the latest.
func Run(t testing.TB, s *kafka.Source, c kafka.Consumer) *Member {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &Member{Source: s, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		m.err = s.Run(ctx, c)
	}()
	t.Cleanup(func() {
		cancel()
		<-m.done
	})
	return m
}

// Stop ends the source the way SIGTERM does and returns what Run returned.
func (m *Member) Stop() error {
	m.cancel()
	<-m.done
	return m.err
}

// Ended waits for Run to return by itself.
func (m *Member) Ended(t testing.TB, limit time.Duration) error {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-m.done:
		return m.err
	case <-timer.C:
		t.Fatalf("waited %v for Run to return; state %+v", limit, m.Source.State())
		return nil
	}
}

// AwaitState polls the state until it is as wanted.
func (m *Member) AwaitState(t testing.TB, limit time.Duration, what string, wanted func(kafka.State) bool) kafka.State {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if state := m.Source.State(); wanted(state) {
			return state
		}
		select {
		case <-tick.C:
		case <-timer.C:
			t.Fatalf("waited %v for %s; state %+v", limit, what, m.Source.State())
		}
	}
}
