package kafka

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

func TestPulseNoticesALongStop(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPulse(10*time.Second, func() time.Time { return now })
	for _, step := range []struct {
		by   time.Duration
		want bool
	}{{time.Second, true}, {9 * time.Second, true}, {9999 * time.Millisecond, true}, {10 * time.Second, false}, {0, false}, {time.Second, false}} {
		now = now.Add(step.by)
		if got := p.beat(); got != step.want {
			t.Errorf("after %v at %v: %v, want %v", step.by, now, got, step.want)
		}
	}
}

// A process that was stopped does not commit, although its generation's context
// does not know yet and no broker was asked.
func TestStoppedProcessDoesNotCommit(t *testing.T) {
	s, err := New(Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"t"}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	ctx, lost := context.WithCancelCause(t.Context())
	g := &Generation{source: s, lost: lost, floor: map[partitionID]int64{{"t", 0}: 5},
		pulse: newPulse(s.cfg.SessionTimeout, func() time.Time { return now })}
	g.over, g.setOver = context.WithCancel(t.Context())
	now = now.Add(20 * time.Second)
	if err := g.Commit(t.Context(), Offset{Topic: "t", Offset: 6}); !errors.Is(err, ErrFenced) {
		t.Errorf("commit after 20 s without running: %v, want ErrFenced", err)
	}
	if !errors.Is(context.Cause(ctx), ErrFenced) {
		t.Errorf("the generation's context says %v, want ErrFenced", context.Cause(ctx))
	}
	if err := g.Commit(t.Context(), Offset{Topic: "t", Offset: 7}); !errors.Is(err, ErrFenced) {
		t.Errorf("the next commit: %v, want ErrFenced", err)
	}
	if n := s.Stats().Fenced; n != 1 {
		t.Errorf("counted %d lost generations, want 1", n)
	}
}

func TestOneMemberGetsEverything(t *testing.T) {
	member := func(id string, topics ...string) kafkago.GroupMember {
		return kafkago.GroupMember{ID: id, Topics: topics}
	}
	partitions := []kafkago.Partition{{Topic: "a", ID: 0}, {Topic: "a", ID: 1}, {Topic: "b", ID: 0}}
	everything := map[string][]int{"a": {0, 1}, "b": {0}}
	nothing := map[string][]int{}
	for name, test := range map[string]struct {
		members  []kafkago.GroupMember
		want     kafkago.GroupMemberAssignments
		assigned map[string]int
	}{
		"one":                   {[]kafkago.GroupMember{member("m", "a", "b")}, kafkago.GroupMemberAssignments{"m": everything}, map[string]int{"a": 2, "b": 1}},
		"the lowest id":         {[]kafkago.GroupMember{member("n", "a", "b"), member("m", "b", "a"), member("o", "a", "b")}, kafkago.GroupMemberAssignments{"m": everything, "n": nothing, "o": nothing}, map[string]int{"a": 2, "b": 1}},
		"one that reads all":    {[]kafkago.GroupMember{member("m", "a"), member("n", "a", "b")}, kafkago.GroupMemberAssignments{"m": nothing, "n": everything}, map[string]int{"a": 2, "b": 1}},
		"nobody that reads all": {[]kafkago.GroupMember{member("m", "a"), member("n", "b")}, kafkago.GroupMemberAssignments{"m": nothing, "n": nothing}, map[string]int{}},
	} {
		b := &oneActive{}
		if got := b.AssignGroups(test.members, partitions); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if got := b.take(); !reflect.DeepEqual(got, test.assigned) {
			t.Errorf("%s: remembered %v, want %v", name, got, test.assigned)
		}
		if got := b.take(); got != nil {
			t.Errorf("%s: remembered %v for a generation it did not lead", name, got)
		}
	}
}

func TestWhatTheWatcherConcludes(t *testing.T) {
	topic := func(name string, id byte, code kafkago.Error, partitions ...int32) wire.TopicMetadata {
		return wire.TopicMetadata{Name: name, ID: wire.TopicID{id}, Error: int16(code), Partitions: partitions}
	}
	see := func(list ...wire.TopicMetadata) view {
		v := view{topics: map[string]wire.TopicMetadata{}}
		for _, t := range list {
			v.topics[t.Name] = t
		}
		return v
	}
	held := []Partition{{Topic: "a"}, {Topic: "a", Partition: 1}, {Topic: "b"}}
	a, b := topic("a", 1, 0, 0, 1), topic("b", 2, 0, 0)
	for name, test := range map[string]struct {
		view     view
		parts    []Partition
		assigned map[string]int
		want     any // a pointer to the error type, or nil
	}{
		"all as it was":                  {see(a, b), held, map[string]int{"a": 2, "b": 1}, nil},
		"a partition added":              {see(topic("a", 1, 0, 0, 1, 2), b), held, nil, new(*rejoin)},
		"a topic gone":                   {see(a, topic("b", 0, kafkago.UnknownTopicOrPartition)), held, nil, new(*topicMissing)},
		"a topic created again":          {see(a, topic("b", 9, 0, 0)), held, nil, new(*TopicRecreatedError)},
		"a topic denied":                 {see(a, topic("b", 0, kafkago.TopicAuthorizationFailed)), held, nil, nil},
		"a standby":                      {see(topic("a", 1, 0, 0, 1, 2), b), nil, nil, nil},
		"a leader that gave nothing":     {see(a, b), nil, map[string]int{}, new(*rejoin)},
		"a leader that gave all":         {see(a, b), nil, map[string]int{"a": 2, "b": 1}, nil},
		"brokers that do not tell an id": {see(topic("a", 0, 0, 0, 1), topic("b", 0, 0, 0)), held, nil, nil},
	} {
		s, err := New(Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"a", "b"}}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.known.remember(see(a, b)); err != nil {
			t.Fatal(err)
		}
		err = s.compare(test.view, test.parts, test.assigned)
		if test.want == nil && err != nil || test.want != nil && (err == nil || !errors.As(err, test.want)) {
			t.Errorf("%s: %v (%T), want %T", name, err, err, test.want)
		}
	}
}

// keeping is a handler that keeps its batches.
type keeping struct{ batches []*Batch }

func (h *keeping) Records(_ context.Context, b *Batch) error {
	h.batches = append(h.batches, b)
	return nil
}
func (*keeping) Gap(context.Context, Gap) error               { return ErrHold }
func (*keeping) BadBatch(_ context.Context, b BadBatch) error { return b.Err }
func (*keeping) CaughtUp(context.Context, int64) error        { return nil }

// Small batches are delivered together, large ones in parts, and what was
// delivered stays valid while later batches are unpacked into the same memory.
func TestBatchesAreOfAUsefulSize(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.LZ4} {
		f, _ := testFetcher(t)
		h := &keeping{}
		f.handler = h
		var log []byte
		next := int64(0)
		add := func(count int) {
			records := make([]wiretest.Record, count)
			for i := range records {
				records[i] = wiretest.Record{Offset: int64(i), Value: fmt.Sprintf("value %d", next+int64(i))}
			}
			log = append(log, wiretest.Batch{Base: next, Codec: codec, Records: records}.Bytes()...)
			next += int64(count)
		}
		for range 500 {
			add(1)
		}
		add(5000)
		buffer := f.gen.source.pool.Get(len(log))
		buffer.Data = append(buffer.Data, log...)
		answer := &wire.FetchAnswer{HasData: true, HighWater: next, Batches: buffer.Data, Buffer: buffer}
		if err := f.deliver(t.Context(), answer); err != nil {
			t.Fatal(err)
		}
		buffer.Release()

		if want := 6; len(h.batches) != want {
			t.Errorf("%s: %d batches for %d records in 501 batches, want %d", codec, len(h.batches), next, want)
		}
		offset := int64(0)
		for _, b := range h.batches {
			for i := range b.Records {
				r := &b.Records[i]
				if want := fmt.Sprintf("value %d", offset); r.Offset != offset || string(r.Value) != want {
					t.Fatalf("%s: record %d is %q, want %d %q", codec, r.Offset, r.Value, offset, want)
				}
				offset++
			}
			if b.Next != offset || b.HighWatermark != next {
				t.Errorf("%s: batch ends at %d with high watermark %d, want %d and %d", codec, b.Next, b.HighWatermark, offset, next)
			}
		}
		if offset != next {
			t.Errorf("%s: %d records, want %d", codec, offset, next)
		}
		for _, b := range h.batches {
			b.Release()
		}
	}
}

// testFetcher is a fetcher without a broker.
func testFetcher(t testing.TB) (*fetcher, *Source) {
	t.Helper()
	s, err := New(Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"t"}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return newFetcher(&Generation{source: s, look: make(chan struct{}, 1)}, Partition{Topic: "t"}, nil, 0), s
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	b := backoff{first: time.Microsecond, most: 5 * time.Microsecond}
	for _, want := range []time.Duration{1, 2, 4, 5, 5} {
		if !b.wait(t.Context()) || b.next != want*time.Microsecond {
			t.Errorf("paused %v, want %v", b.next, want*time.Microsecond)
		}
	}
	b.reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b.wait(ctx) {
		t.Error("wait said true with a context that is done")
	}
}
