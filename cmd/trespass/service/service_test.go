package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/ingest/policy"
)

// commits looks at each commit before the broker does.
func commits(b *broker, look func(at place, offset int64, m metadata)) {
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Count: -1, Observe: true, When: func(r kmsg.Request) bool {
		for _, topic := range r.(*kmsg.OffsetCommitRequest).Topics {
			for _, p := range topic.Partitions {
				m := metadata{}
				if p.Metadata != nil {
					m, _ = parseMetadata(*p.Metadata)
				}
				look(place{topic.Topic, p.Partition}, p.Offset, m)
			}
		}
		return true
	}})
}

// TestWritesBeforeCommits: what comes out is what a Detector alone decides, and when a
// commit passes a line, everything that was decided with it has been acknowledged.
func TestWritesBeforeCommits(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(1, 150)
	want := decide(t, rules, lines)
	if len(want.findings) != 10 || len(want.reads) < 150 {
		t.Fatalf("the oracle has %d findings and %d reads", len(want.findings), len(want.reads))
	}
	var mu sync.Mutex
	passed := map[place]int64{}
	commits(b, func(at place, offset int64, m metadata) {
		mu.Lock()
		defer mu.Unlock()
		passed[at] = max(m.EmitFrom, passed[at])
		sink.look(func() {
			for key, origins := range want.origins {
				for _, o := range origins {
					if o.Source == at.topic && o.Partition == at.partition && o.Offset < m.EmitFrom && sink.acked.reads[key] == "" {
						t.Errorf("%v was passed up to %d before the read of %s was written: %s", at, m.EmitFrom, o, key)
					}
				}
			}
		})
	})
	s := startService(t, b, rules, sink)
	for _, piece := range lines.pieces(5) {
		had := sink.reads()
		b.feed(t, sink, piece)
		await(t, "the sink to have taken more", func() bool { return sink.reads() > had })
	}
	sink.awaitOutcome(t, want)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for at, l := range lines {
		if passed[at] != int64(len(l)) {
			t.Errorf("%v: passed up to %d of %d lines", at, passed[at], len(l))
		}
	}
	if n := value(t, s.metrics.findings.WithLabelValues("foreign_read", "high")); n == 0 {
		t.Error("findings_total is 0")
	}
	if sink.facts != len(lines[place{"facts", 0}]) {
		t.Errorf("%d facts stored, want %d", sink.facts, len(lines[place{"facts", 0}]))
	}
}

// TestSinkFails: a sink that fails for a while loses nothing, input waits, heartbeats
// go on, and readiness and metrics say why.
func TestSinkFails(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(2, 100)
	want := decide(t, rules, lines)
	well := make(chan struct{})
	sink.fail = func(context.Context, int) error {
		select {
		case <-well:
			return nil
		default:
			return errors.New("disk is full")
		}
	}
	var beats atomic.Int64
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Count: -1, Observe: true, When: func(kmsg.Request) bool { beats.Add(1); return true }})
	var early atomic.Int64
	commits(b, func(_ place, offset int64, m metadata) {
		select {
		case <-well:
		default:
			if m.EmitFrom > 0 {
				early.Add(1)
			}
		}
	})
	b.write(t, lines)
	s := startService(t, b, rules, sink)
	await(t, "three failed writes", func() bool { n := 0; sink.look(func() { n = sink.tries }); return n >= 3 })
	before := beats.Load()
	await(t, "heartbeats while the sink fails", func() bool { return beats.Load() > before+5 })
	if _, parts := s.Ready(); !strings.Contains(parts["sink"], "disk is full") {
		t.Errorf("readiness says of the sink: %q", parts["sink"])
	}
	if n := value(t, s.metrics.insertTries.WithLabelValues("error")); n < 3 {
		t.Errorf("insert_batches_total{error} is %v", n)
	}
	if early.Load() > 0 {
		t.Errorf("%d commits before anything was written", early.Load())
	}
	close(well)
	sink.awaitOutcome(t, want)
	await(t, "readiness", func() bool { ready, _ := s.Ready(); return ready })
}

// TestSinkRefuses: with a sink that never takes anything, a stop ends in time and no
// line is passed. One start later everything is there.
func TestSinkRefuses(t *testing.T) {
	for name, fail := range map[string]func(context.Context, int) error{
		"error": func(context.Context, int) error { return errors.New("no") },
		"hangs": func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			b, rules, sink := newBroker(t), marketRules(t), newRecorder()
			lines := marketTraffic(3, 60)
			sink.fail = fail
			b.write(t, lines)
			s := startService(t, b, rules, sink)
			await(t, "a write", func() bool { n := 0; sink.look(func() { n = sink.tries }); return n > 0 })
			began := time.Now()
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("stopping took %s", took)
			}
			for at := range lines {
				if _, text := b.Committed(t, "g", at.topic, int(at.partition)); text != "" {
					if m, _ := parseMetadata(text); m.EmitFrom > 0 {
						t.Errorf("%v was passed up to %d", at, m.EmitFrom)
					}
				}
			}
			sink.look(func() { sink.fail = nil })
			startService(t, b, rules, sink)
			sink.awaitOutcome(t, decide(t, rules, lines))
		})
	}
}

// TestRestarts: stopped again and again while lines come, with commits that get lost
// now and then, the sum of all runs is what one run decides.
func TestRestarts(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(4, 150)
	want := decide(t, rules, lines)
	had := 0
	for i, piece := range lines.pieces(6) {
		b.write(t, piece)
		var lost *kfake.FaultHandle
		if i%2 == 1 { // as if the process had died between the write and the commit
			lost = b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Count: -1, Err: kerr.CoordinatorNotAvailable})
		}
		s := startService(t, b, rules, sink)
		await(t, "all of the piece to be read", func() bool {
			read := 0
			for _, p := range s.source.Stats().Partitions {
				if p.Assigned && p.Lag == 0 && p.HighWatermark > 0 {
					read++
				}
			}
			return read == 5
		})
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if lost != nil {
			lost.Remove()
		}
		if n := sink.reads(); n <= had {
			t.Errorf("run %d wrote nothing: %d reads", i+1, n)
		} else {
			had = n
		}
	}
	startService(t, b, rules, sink)
	sink.awaitOutcome(t, want)
}

// TestReload: a new policy judges what comes next, each row is stored with the policy
// that decided it, and a wrong one changes nothing.
func TestReload(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	first, second := marketTraffic(5, 60), marketTraffic(6, 60)
	s := startService(t, b, rules, sink)
	b.feed(t, sink, first)
	want := decide(t, rules, first)
	sink.awaitOutcome(t, want)

	s.trouble.Reloaded(errors.New("line 3: unknown key"))
	if n := value(t, s.metrics.reloadOK); n != 0 {
		t.Errorf("config_last_reload_successful is %v after a wrong policy", n)
	}
	if ready, parts := s.Ready(); !ready || !strings.Contains(parts["policy"], "refused") {
		t.Errorf("ready %v, policy %q", ready, parts["policy"])
	}

	file, err := policy.Parse("policy.yaml", []byte(strings.Replace(string(market.Policy), "kind: public}", "kind: user}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	s.Reload(Rules{Policy: file.Detect})
	s.trouble.Reloaded(nil)
	if n := value(t, s.metrics.reloadOK); n != 1 {
		t.Errorf("config_last_reload_successful is %v", n)
	}
	b.feed(t, sink, second)
	await(t, "rows under the new policy", func() bool {
		done := false
		sink.look(func() { done = sink.policies[file.Detect.Version] && len(sink.acked.reads) > len(want.reads) })
		return done
	})
	sink.look(func() {
		if file.Detect.Version == rules.Policy.Version || !sink.policies[rules.Policy.Version] {
			t.Errorf("policies of the rows: %v", sink.policies)
		}
	})
}

// TestQuarantine: what cannot be decoded is on record with its place and reason, once,
// and the rest is judged as if it were not there.
func TestQuarantine(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(7, 60)
	app := place{"app", 0}
	lines[app] = append([]string{`{"trespass":"access/1","time":"yesterday"}`, "\x00\x01\x02", `{"trespass":"access/9"}`, strings.Repeat("[", 100)}, lines[app]...)
	b.write(t, lines)
	s := startService(t, b, rules, sink)
	sink.awaitOutcome(t, decide(t, rules, lines))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	startService(t, b, rules, sink)
	b.Produce(t, "app", 1, 0, "no line of any log")
	await(t, "the last of the quarantined", func() bool {
		found := false
		sink.look(func() {
			for _, q := range sink.quarantined {
				found = found || q.Origin.Partition == 1
			}
		})
		return found
	})
	places := map[string]int{}
	for _, q := range sink.quarantined {
		if q.Reason == "" || q.Hash == "" || q.Size == 0 {
			t.Errorf("incomplete: %+v", q)
		}
		places[q.Origin.String()]++
	}
	for offset := range 4 {
		if at := fmt.Sprintf("app/0@%d", offset); places[at] != 1 {
			t.Errorf("%s is in quarantine %d times", at, places[at])
		}
	}
	if len(sink.quarantined) != 5 {
		t.Errorf("quarantined: %+v", sink.quarantined)
	}
}

// TestGap: records that Kafka deleted before they were read are on record and counted,
// and reading goes on behind them.
func TestGap(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	s := startService(t, b, rules, sink)
	at := time.Now().Add(-time.Hour)
	beat := func(n int) string { return string(market.Heartbeat(at.Add(time.Duration(n) * time.Second))) }
	for _, p := range []place{{"app", 0}, {"app", 1}, {"audit", 0}, {"audit", 1}} {
		b.Produce(t, p.topic, int(p.partition), 0, beat(1), beat(2))
	}
	await(t, "a commit", func() bool { o, _ := b.Committed(t, "g", "app", 0); return o >= 0 })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	from, _ := b.Committed(t, "g", "app", 0)
	b.Produce(t, "app", 0, 0, beat(3), beat(4), beat(5), beat(6))
	if err := b.cluster.DeleteRecords("app", 0, 5); err != nil {
		t.Fatal(err)
	}
	s = startService(t, b, rules, sink)
	await(t, "the gap to be on record", func() bool { n := 0; sink.look(func() { n = len(sink.quarantined) }); return n > 0 })
	q := sink.quarantined[0]
	if q.Reason != "data_gap" || q.Origin.String() != fmt.Sprintf("app/0@%d", from) || !strings.Contains(q.Detail, "up to offset 4") {
		t.Errorf("on record: %+v, committed was %d", q, from)
	}
	if n := value(t, s.metrics.gaps.WithLabelValues()); n != float64(5-from) {
		t.Errorf("data_gap_records_total is %v, want %d", n, 5-from)
	}
	if n := value(t, s.metrics.refused.WithLabelValues("data_gap")); n != 1 {
		t.Errorf("events_quarantined_total{data_gap} is %v", n)
	}
	await(t, "the last record to be read", func() bool {
		for _, p := range s.source.Stats().Partitions {
			if p.Topic == "app" && p.Partition == 0 {
				return p.Position == 6
			}
		}
		return false
	})
}
