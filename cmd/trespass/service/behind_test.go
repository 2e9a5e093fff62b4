package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"trespass.dev/trespass/cmd/trespass/market"
)

// age is what kafka_consumer_lag_seconds says of a partition.
func (s *running) age(t *testing.T, topic, partition string) float64 {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "trespass_kafka_consumer_lag_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == partition && m.GetLabel()[1].GetValue() == topic {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// TestLagSeconds: a partition is as far behind as its newest judged line is old, while
// others wait behind it: here because the sink takes nothing. One that is read to its end
// is not behind, however old its last line.
func TestLagSeconds(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	well := make(chan struct{})
	sink.fail = func(context.Context, int) error {
		select {
		case <-well:
			return nil
		default:
			return errors.New("disk is full")
		}
	}
	s := startService(t, b, rules, sink)
	old := time.Now().Add(-2 * time.Hour)
	b.Produce(t, "app", 0, 0, string(market.Heartbeat(old)))
	await(t, "the old line", func() bool { return s.positionOf("app", 0) == 1 })
	if got := s.age(t, "app", "0"); got != 0 {
		t.Errorf("a topic that is read to its end is %v s behind", got)
	}
	// More rows than may wait for the sink: the owner takes nothing behind them.
	junk := strings.Split(strings.Repeat("no line of any log\n", 5000), "\n")[:5000]
	for range maxPending/len(junk) + 5 {
		b.Produce(t, "app", 0, 0, junk...)
	}
	await(t, "the partition to be behind", func() bool { return s.age(t, "app", "0") > 0 })
	// The junk tells no time of its own, so the time at which Kafka took it counts.
	if got := s.age(t, "app", "0"); got > 60 {
		t.Errorf("lines that Kafka took just now are %v s behind", got)
	}
	if got := s.age(t, "audit", "0"); got != 0 {
		t.Errorf("an empty topic is %v s behind", got)
	}
	close(well)
	await(t, "the partition to have caught up", func() bool { return s.age(t, "app", "0") == 0 })
}

// TestBehind: until a line tells a time the earlier run's counts, else the time of the
// start; time never goes back.
func TestBehind(t *testing.T) {
	now := time.Now()
	b := newBehind(3, 0, now)
	if got := b.seconds(4, now.Add(5*time.Second)); got != 5 {
		t.Errorf("without any time: %v s, want 5", got)
	}
	b = newBehind(3, now.Add(-time.Minute).UnixNano(), now)
	if got := b.seconds(4, now); got != 60 {
		t.Errorf("with the time of an earlier run: %v s, want 60", got)
	}
	b.reach(now.Add(-time.Second).UnixNano())
	b.reach(now.Add(-time.Hour).UnixNano())
	b.reach(0)
	if got := b.seconds(4, now); got != 1 {
		t.Errorf("after an older line: %v s, want 1", got)
	}
	if got := b.seconds(3, now); got != 0 {
		t.Errorf("at the end: %v s", got)
	}
	b.reach(now.Add(time.Hour).UnixNano())
	if got := b.seconds(4, now); got != 0 {
		t.Errorf("with a line of tomorrow: %v s", got)
	}
}
