package service

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"trespass.dev/trespass/cmd/trespass/market"
)

// TestFactsComeFirst: nothing is judged before the facts are read to where they ended at
// the start, even if their last line is cut; until then the service is not ready.
func TestFactsComeFirst(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(8, 60)
	want := decide(t, rules, lines)
	without := traffic{}
	for at, l := range lines {
		if at.topic != "facts" {
			without[at] = l
		}
	}
	if want.differs(decide(t, rules, without)) == "" {
		t.Fatal("the facts make no difference here")
	}
	away := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "facts", Count: -1, Err: kerr.LeaderNotAvailable})
	b.write(t, lines)
	b.Produce(t, "facts", 0, 0, `{"trespass":"fact/1","fact":"owner","table":`)
	s := startService(t, b, rules, sink)
	await(t, "app and audit to be fetched", func() bool {
		fetched := 0
		for _, p := range s.source.Stats().Partitions {
			if p.Topic != "facts" && p.FetchedBytes > 0 {
				fetched++
			}
		}
		return fetched == 4
	})
	if ready, parts := s.Ready(); ready || !strings.Contains(parts["facts"], "1 partitions to go") {
		t.Errorf("ready %v while the facts are missing: %v", ready, parts)
	}
	if n := sink.reads(); n > 0 {
		t.Errorf("%d records were judged before the facts were read", n)
	}
	if n := value(t, s.metrics.factsAt); n != 0 {
		t.Errorf("facts_loaded_timestamp_seconds is %v", n)
	}
	away.Remove()
	sink.awaitOutcome(t, want)
	await(t, "readiness", func() bool { ready, _ := s.Ready(); return ready })
	if n := value(t, s.metrics.factsAt); n == 0 {
		t.Error("facts_loaded_timestamp_seconds is 0")
	}
}

// TestQuietPartitions: a partition without input is not waited for, and the half of a
// record that it holds back is given up.
func TestQuietPartitions(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines, quiet := marketTraffic(9, 60), place{"app", 1}
	lines[place{"app", 0}] = append(lines[quiet], lines[place{"app", 0}]...)
	delete(lines, quiet)
	want := decide(t, rules, lines)
	b.write(t, lines)
	b.Produce(t, "app", 1, 0, `{"trespass":"access/1","time":"2026-11-2`)
	startService(t, b, rules, sink, func(o *Options) { o.Idle = 3 * time.Second }) // longer than a busy machine takes to read the others
	// The others go on, as they do where somebody works: once all are silent, nobody moves
	// the clock, and which falls silent first is chance.
	beaten := time.Now()
	beat := func() {
		if time.Since(beaten) < 500*time.Millisecond {
			return
		}
		beaten = time.Now()
		for at := range lines {
			if at.topic != "facts" {
				b.Produce(t, at.topic, int(at.partition), 0, string(market.Heartbeat(beaten)))
			}
		}
	}
	await(t, "the half record in quarantine", func() bool {
		beat()
		n := 0
		sink.look(func() { n = len(sink.quarantined) })
		return n == 1
	})
	if q := sink.quarantined[0]; q.Reason != "cut" || q.Origin.String() != "app/1@0" {
		t.Errorf("in quarantine: %+v", q)
	}
	sink.awaitOutcome(t, want)
	await(t, "the commit behind it", func() bool {
		_, text := b.Committed(t, "g", "app", 1)
		m, _ := parseMetadata(text)
		return m.EmitFrom == 1
	})
}

// TestCommitsRefused: a broker that refuses commits makes the service unready, with the
// reason, and nothing else: reading goes on and commits are tried again.
func TestCommitsRefused(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	lines := marketTraffic(10, 60)
	refused := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Count: -1, Err: kerr.InvalidCommitOffsetSize})
	b.write(t, lines)
	s := startService(t, b, rules, sink)
	sink.awaitOutcome(t, decide(t, rules, lines))
	await(t, "the service to say so", func() bool {
		ready, parts := s.Ready()
		return !ready && strings.Contains(parts["commits"], "group g")
	})
	refused.Remove()
	await(t, "readiness", func() bool { ready, parts := s.Ready(); return ready && parts["commits"] == "" })
	for at, l := range lines {
		await(t, "the commit of "+at.topic, func() bool {
			offset, text := b.Committed(t, "g", at.topic, int(at.partition))
			m, _ := parseMetadata(text)
			return offset >= 0 && m.EmitFrom == int64(len(l))
		})
	}
}
