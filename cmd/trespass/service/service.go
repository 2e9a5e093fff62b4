// Package service is the program that runs day and night: it reads Kafka, judges,
// writes what it decided, and passes an offset only when everything before it is
// safe.
//
//	Kafka ── one goroutine a partition: fetch, unpack, decode ──┐
//	                                                            ▼
//	                                  one owner goroutine: join, judge, collect
//	                                                            │ one write at a time
//	                                                            ▼
//	                          sink ── acknowledged ──► commit of the offsets behind it
//
// While the sink is away the owner stops taking batches, so fetching stops and
// heartbeats go on. Nothing that belongs to one generation of the consumer group
// outlives it.
package service

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

// Rules is what one policy file gives: the policy and the way fields are found.
type Rules struct {
	Policy *detect.Policy
	Ingest ingest.Config
}

// Options are the parts that a service is made of.
type Options struct {
	Kafka    kafka.Config
	Facts    map[string]bool // topics that carry facts
	Join     join.Options
	Idle     time.Duration // a partition without input for so long is not waited for
	Rules    Rules
	Sink     contract.Sink
	Log      zerolog.Logger
	Registry *prometheus.Registry
}

// Service reads, judges and writes until Run's context ends.
type Service struct {
	o       Options
	source  *kafka.Source
	trouble *Trouble
	metrics *metrics
	rules   atomic.Pointer[Rules]
	stalled chan error

	standing  standing               // how far the partitions are
	factsLeft atomic.Int64           // facts partitions that must be read before anything is judged
	uncommit  atomic.Pointer[string] // why offsets are not committed; nil: they are
}

// New makes a service and connects to nothing.
func New(o Options, trouble *Trouble) (*Service, error) {
	s := &Service{o: o, trouble: trouble, metrics: trouble.metrics, stalled: make(chan error, 1)}
	s.rules.Store(&o.Rules)
	o.Kafka.OnStall = s.onStall
	source, err := kafka.New(o.Kafka, o.Log)
	if err != nil {
		return nil, err
	}
	s.source = source
	o.Registry.MustRegister(newKafkaCollector(source, &s.standing))
	s.metrics.sources(o.Kafka.Topics)
	return s, nil
}

// Run works until ctx ends, then writes and commits what is decided, and returns
// nil. Any other end is an error that says why reading cannot go on.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-s.stalled:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err := s.source.Run(ctx, consumer{s})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Reload makes the next batch be judged by other rules. What waits for a partner
// is judged by the rules in force when it is decided.
func (s *Service) Reload(r Rules) { s.rules.Store(&r) }

// Ready says whether the service does its work, with a reason for each part.
func (s *Service) Ready() (bool, map[string]string) {
	state := s.source.State()
	ready, sink := s.trouble.Sink()
	ready = ready && state.Ready
	parts := map[string]string{"kafka": state.Reason, "sink": sink, "policy": s.trouble.policy()}
	if len(s.o.Facts) > 0 {
		parts["facts"] = "read"
		if left := s.factsLeft.Load(); left > 0 {
			ready, parts["facts"] = false, fmt.Sprintf("reading them from their beginning, %d partitions to go; nothing is judged before", left)
		}
	}
	if why := s.uncommit.Load(); why != nil {
		ready, parts["commits"] = false, *why
	}
	return ready, parts
}

// commitTrouble is told how each commit went.
func (s *Service) commitTrouble(err error) {
	if err == nil {
		s.uncommit.Store(nil)
		return
	}
	why := err.Error()
	s.uncommit.Store(&why)
}

// onStall ends the program when input waits and nothing moves, unless it waits for
// what heals by itself: the sink, or the facts.
func (s *Service) onStall(stall kafka.Stall) {
	if stall.InHandler {
		if _, reason := s.trouble.Sink(); reason != sinkWell {
			return
		}
		if s.factsLeft.Load() > 0 && !s.o.Facts[stall.Topic] {
			return
		}
	}
	var dump strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&dump, 1)
	s.o.Log.Error().Str("topic", stall.Topic).Int32("partition", stall.Partition).Int64("position", stall.Position).
		Dur("for", stall.For).Str("goroutines", dump.String()).Msg("input waits and nothing moves: stopping so that another member takes over")
	select {
	case s.stalled <- fmt.Errorf("%s/%d has input at offset %d and made no progress for %s", stall.Topic, stall.Partition, stall.Position, stall.For.Round(time.Second)):
	default:
	}
}

type consumer struct{ *Service }

// Begin starts the work of one generation.
func (c consumer) Begin(_ context.Context, g *kafka.Generation) (kafka.Task, error) {
	return newTask(c.Service, g), nil
}
