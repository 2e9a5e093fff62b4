package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// leaveTimeout is how long leaving the group may take when Run ends. A member
// that did not leave is expelled after the session timeout.
const leaveTimeout = 10 * time.Second

// Source is one member of a consumer group.
type Source struct {
	cfg       Config
	log       zerolog.Logger
	conns     *connections
	directory *directory
	pool      *wire.Pool
	batches   *batchPool
	status    *status
	counters  counters
	ledger    *ledger
	known     *topicIDs
}

// New checks the configuration, certificates included, and connects to nothing.
func New(cfg Config, log zerolog.Logger) (*Source, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	conns, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	pool := &wire.Pool{}
	return &Source{
		cfg: cfg, log: log.With().Str("group", cfg.Group).Logger(), conns: conns, pool: pool, batches: &batchPool{},
		directory: &directory{conns: conns, cfg: cfg, pool: pool},
		status:    newStatus(), ledger: &ledger{partitions: map[partitionID]*progress{}},
		known: &topicIDs{seen: map[string]wire.TopicID{}},
	}, nil
}

// State says whether the source is reading or standing by, and why not. It
// never blocks.
func (s *Source) State() State {
	state := s.status.get()
	if state.Ready && state.Active {
		s.ledger.each(func(id partitionID, p *progress) {
			if why := p.trouble(); state.Ready && why != "" && p.assigned.Load() {
				state.Ready = false
				state.Reason = fmt.Sprintf("reading %s/%d: %s", id.topic, id.partition, why)
			}
		})
	}
	return state
}

// Stats returns a snapshot. It never blocks.
func (s *Source) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Generations: c.generations.Load(), JoinErrors: c.joinErrors.Load(),
		Commits: c.commits.Load(), CommitErrors: c.commitErrors.Load(), Fenced: c.fenced.Load(),
	}
	s.ledger.each(func(id partitionID, p *progress) { stats.Partitions = append(stats.Partitions, p.snapshot(id)) })
	return stats
}

// Run reads until ctx is done, which returns nil after the group was left, or
// until something happens that no retry can heal: a topic that was created
// again, an offset beyond the end of its log, or an error of the consumer.
// Everything else, unreachable brokers, missing topics and denied rights
// included, is waited for and shown in State. Run may be called once.
func (s *Source) Run(ctx context.Context, consumer Consumer) (err error) {
	defer s.conns.close()
	defer func() {
		switch {
		case err == nil:
			s.status.outside("stopped")
		default:
			s.status.outside("stopped: " + err.Error())
		}
	}()
	stalls, stopWatchdog := context.WithCancel(ctx)
	defer stopWatchdog()
	go s.watchdog(stalls)

	for {
		if err := s.awaitTopics(ctx); err != nil {
			return ignoreCancel(ctx, err)
		}
		err := s.member(ctx, consumer)
		var again *rejoin
		if !errors.As(err, &again) {
			return ignoreCancel(ctx, err)
		}
		s.status.outside("joining again: " + again.why)
		s.log.Info().Str("why", again.why).Msg("left the group to join again")
	}
}

// ignoreCancel returns nil where err is only the wish to stop.
func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// rejoin ends a membership that has to start anew.
type rejoin struct{ why string }

func (e *rejoin) Error() string { return "leaving the group: " + e.why }

// awaitTopics returns when all topics exist. It runs before every join, because
// kafka-go's group gives nobody any partition while one topic is missing, and
// creates missing topics on brokers that allow it.
func (s *Source) awaitTopics(ctx context.Context) error {
	shown := ""
	for {
		v, err := s.directory.look(ctx)
		if err == nil {
			err = s.directory.problem(v)
		}
		if err == nil {
			return s.known.remember(v)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reason := describe(err)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			reason += "; the broker closed the connection: do the TLS and SASL settings, user and password fit its port?"
		}
		s.status.outside(reason)
		if reason != shown {
			s.log.Warn().Str("reason", reason).Msg("not joining the group yet")
			shown = reason
		}
		if !pause(ctx, s.cfg.WatchInterval) {
			return ctx.Err()
		}
	}
}

// topicIDs are the ids of the topics as first seen by this process.
type topicIDs struct {
	mu   sync.Mutex
	seen map[string]wire.TopicID
}

// remember keeps new ids and returns a *TopicRecreatedError for an id that is
// not the one seen before.
func (t *topicIDs) remember(v view) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, topic := range v.topics {
		if topic.ID.IsZero() {
			continue
		}
		if old, ok := t.seen[name]; ok && old != topic.ID {
			return &TopicRecreatedError{Topic: name, Old: old, New: topic.ID}
		}
		t.seen[name] = topic.ID
	}
	return nil
}

// member joins the group and works through its generations until ctx is done
// or one of them says that the membership must end.
func (s *Source) member(ctx context.Context, consumer Consumer) error {
	s.status.outside("joining group " + s.cfg.Group)
	balancer := &oneActive{}
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: s.cfg.Group, Brokers: s.cfg.Brokers, Topics: s.cfg.Topics, Dialer: s.conns.dialer,
		GroupBalancers:    []kafkago.GroupBalancer{balancer},
		HeartbeatInterval: s.cfg.Heartbeat, SessionTimeout: s.cfg.SessionTimeout,
		RebalanceTimeout: s.cfg.RebalanceTimeout, JoinGroupBackoff: s.cfg.JoinBackoff,
		StartOffset: kafkago.FirstOffset,
	})
	if err != nil {
		return fmt.Errorf("kafka: joining group %s: %w", s.cfg.Group, err)
	}
	defer s.leave(group)

	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	shown := ""
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.counters.joinErrors.Add(1)
			reason := describe(err)
			s.status.outside(reason)
			if reason != shown {
				s.log.Warn().Str("reason", reason).Msg("could not join the group; trying again")
				shown = reason
			}
			continue
		}
		shown = ""
		s.counters.generations.Add(1)
		assigned := balancer.take()
		// kafka-go ends the generation when this function returns, and joins
		// the next one only then.
		generation.Start(func(ctx context.Context) {
			if err := s.generation(ctx, generation, assigned, consumer); err != nil {
				end(err)
				<-ctx.Done() // until the group is closed: no join in between
				return
			}
			s.status.outside("rebalancing: waiting for the group's next generation")
		})
	}
}

// leave closes the group within leaveTimeout.
func (s *Source) leave(group *kafkago.ConsumerGroup) {
	done := make(chan error, 1)
	go func() { done <- group.Close() }()
	timer := time.NewTimer(leaveTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			s.log.Warn().Err(err).Msg("leaving the group failed; it will expel this member after the session timeout")
		}
	case <-timer.C:
		s.log.Warn().Dur("waited", leaveTimeout).Msg("leaving the group takes too long; it will expel this member after the session timeout")
	}
}
