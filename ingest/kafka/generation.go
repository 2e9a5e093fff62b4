package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// Generation is one period in which this member holds the partitions. Its
// methods are safe for use by many goroutines.
type Generation struct {
	ID         int32
	Member     string
	Partitions []Partition

	source *Source
	pulse  *pulse
	lost   context.CancelCauseFunc // ends the generation from inside
	fenced sync.Once
	topics atomic.Pointer[view] // the last look at the topics
	look   chan struct{}        // asks the watcher to look now

	over    context.Context // done when no commit may go on
	setOver context.CancelFunc

	mu     sync.Mutex            // one commit at a time
	floor  map[partitionID]int64 // offsets sent so far
	closed error                 // why no commit is taken any more
}

// generation does the work of one generation of the group and returns when it
// has ended: nil to go on with the next one, an error to end the membership.
func (s *Source) generation(ctx context.Context, g *kafkago.Generation, assigned map[string]int, consumer Consumer) error {
	var parts []Partition
	for topic, list := range g.Assignments {
		for _, a := range list {
			parts = append(parts, Partition{Topic: topic, Partition: int32(a.ID), Committed: -1})
		}
	}
	log := s.log.With().Int32("generation", g.ID).Str("member", g.MemberID).Logger()
	if len(parts) == 0 {
		log.Info().Msg("standing by: another member holds the partitions")
		s.status.set(State{Ready: true, Reason: "standing by: another member of the group holds the partitions",
			Generation: g.ID, Member: g.MemberID})
		return ended(ctx, s.watchTopics(ctx, &Generation{source: s, look: make(chan struct{}, 1)}, assigned))
	}
	s.status.set(State{Active: true, Reason: "asking for the committed offsets", Generation: g.ID, Member: g.MemberID})
	v, err := s.prepare(ctx, parts, assigned)
	if err != nil {
		return ended(ctx, err)
	}

	inner, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	generation := &Generation{
		ID: g.ID, Member: g.MemberID, Partitions: parts, source: s, lost: lost,
		pulse: newPulse(s.cfg.SessionTimeout, time.Now),
		look:  make(chan struct{}, 1), floor: map[partitionID]int64{},
	}
	generation.over, generation.setOver = context.WithCancel(context.WithoutCancel(ctx))
	generation.topics.Store(&v)
	for _, p := range parts {
		generation.floor[partitionID{p.Topic, p.Partition}] = p.Committed
	}
	log.Info().Int("partitions", len(parts)).Msg("holding all partitions")
	err = generation.work(inner, consumer, assigned)
	if errors.Is(err, ErrFenced) {
		log.Warn().Err(err).Msg("generation lost")
		return nil // the group decides what comes next
	}
	return ended(ctx, err)
}

// ended returns nil where err only says that the generation is over.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, kafkago.ErrGenerationEnded)) {
		return nil
	}
	return err
}

// prepare looks topics and offsets up, again and again until it succeeds or the
// generation ends.
func (s *Source) prepare(ctx context.Context, parts []Partition, assigned map[string]int) (view, error) {
	pause := newBackoff()
	for {
		v, err := s.directory.look(ctx)
		if err == nil {
			if err := s.compare(v, parts, assigned); err != nil {
				var gone *topicMissing
				if errors.As(err, &gone) {
					err = &rejoin{why: gone.Error()}
				}
				return view{}, err
			}
			for i := range parts {
				parts[i].TopicID = v.topics[parts[i].Topic].ID
			}
			err = s.directory.offsets(ctx, parts)
		}
		if err == nil {
			return v, nil
		}
		if ctx.Err() != nil {
			return view{}, ctx.Err()
		}
		state := s.status.get()
		state.Reason = describe(err)
		s.status.set(state)
		s.log.Warn().Err(err).Msg("could not prepare the generation; trying again")
		if !pause.wait(ctx) {
			return view{}, ctx.Err()
		}
	}
}

// work runs the task of the generation until it ends.
func (g *Generation) work(ctx context.Context, consumer Consumer, assigned map[string]int) error {
	task, err := consumer.Begin(ctx, g)
	if err != nil {
		g.close(ErrEnded)
		return fmt.Errorf("kafka: starting generation %d: %w", g.ID, err)
	}
	err = g.read(ctx, task, assigned)

	// Heartbeats have stopped by now. The coordinator takes commits until the
	// group has joined again or the session is over; a third of that is ours.
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.source.cfg.budget())
	defer cancel()
	if !errors.Is(err, ErrFenced) && !g.pulse.beat() {
		err = g.fence(errStopped)
	}
	if errors.Is(err, ErrFenced) {
		cancel() // nothing may be written or committed any more
		g.close(err)
	}
	if drainErr := task.Drain(left); drainErr != nil && !errors.Is(err, ErrFenced) {
		g.source.log.Warn().Err(drainErr).Int32("generation", g.ID).
			Msg("the generation ended before everything was written and committed; it will be read again")
	}
	g.close(ErrEnded)
	return err
}

// read opens and reads all partitions until the first error or the end of the
// generation.
func (g *Generation) read(ctx context.Context, task Task, assigned map[string]int) error {
	s := g.source
	fetchers := make([]*fetcher, 0, len(g.Partitions))
	for _, p := range g.Partitions {
		handler, start, err := task.Open(ctx, p)
		if err != nil {
			return fmt.Errorf("kafka: opening %s: %w", p, err)
		}
		if start == Earliest {
			start = p.LogStart
		}
		if start < 0 {
			return fmt.Errorf("kafka: opening %s: start offset %d is negative", p, start)
		}
		fetchers = append(fetchers, newFetcher(g, p, handler, start))
	}
	s.status.set(State{Ready: true, Active: true, Reason: "reading", Generation: g.ID, Member: g.Member})

	group, ctx := errgroup.WithContext(ctx)
	for _, f := range fetchers {
		group.Go(func() error { return f.run(ctx) })
	}
	group.Go(func() error { return s.watchTopics(ctx, g, assigned) })
	group.Go(func() error { return g.keepPulse(ctx) })
	err := group.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, ErrFenced) {
		return cause
	}
	return err
}

// keepPulse notices when the process did not run for a session timeout.
func (g *Generation) keepPulse(ctx context.Context) error {
	tick := time.NewTicker(g.pulse.limit / 20)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if !g.pulse.beat() {
				return g.fence(errStopped)
			}
		}
	}
}

var errStopped = fmt.Errorf("%w: the process did not run for longer than the session timeout", ErrFenced)

// fence ends the generation as lost and returns the reason.
func (g *Generation) fence(why error) error {
	g.fenced.Do(func() {
		g.source.counters.fenced.Add(1)
		g.lost(why)
	})
	return why
}

// lookSoon asks the topic watcher not to wait for its next turn.
func (g *Generation) lookSoon() {
	select {
	case g.look <- struct{}{}:
	default:
	}
}

// topic returns what the last look said about a topic, and the Fetch version
// to use for it.
func (g *Generation) topic(name string) (id wire.TopicID, version int16) {
	v := g.topics.Load()
	id, version = v.topics[name].ID, v.fetchVersion
	if id.IsZero() {
		version = wire.FetchByName
	}
	return id, version
}
