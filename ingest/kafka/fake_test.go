package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

// The tests in this file run against the in-process broker of franz-go, which
// answers with the errors it is told to. What a real broker does is tested in
// the folder realbroker.

const patience = 20 * time.Second

// fake is a broker with topic app, four records in each of two partitions.
type fake struct {
	*kafkatest.Broker
	cluster *kfake.Cluster
}

func startFake(t *testing.T, options ...kfake.Opt) *fake {
	t.Helper()
	options = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "app"),
		kfake.GroupMinSessionTimeout(300 * time.Millisecond)}, options...)
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &fake{Broker: kafkatest.At(cluster.ListenAddrs()...), cluster: cluster}
}

func (f *fake) fill(t *testing.T) {
	t.Helper()
	for p := range 2 {
		f.Produce(t, "app", p, 0, "a", "b", "c", "d")
	}
}

func config(f *fake) kafka.Config {
	return kafka.Config{
		Brokers: f.Addresses, Group: "g", Topics: []string{"app"},
		SessionTimeout: 2 * time.Second, Heartbeat: 100 * time.Millisecond, RebalanceTimeout: 2 * time.Second,
		JoinBackoff: 50 * time.Millisecond, WatchInterval: 100 * time.Millisecond,
		MaxWait: 50 * time.Millisecond, RequestTimeout: 2 * time.Second,
	}
}

func newSource(t *testing.T, cfg kafka.Config) *kafka.Source {
	t.Helper()
	s, err := kafka.New(cfg, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// all waits for the eight records and checks that each came once, in order.
func all(t *testing.T, r *kafkatest.Recorder) kafkatest.Seen {
	t.Helper()
	seen := r.Wait(t, patience, "all records", func(s kafkatest.Seen) bool {
		return s.CaughtUp["app/0"] == 4 && s.CaughtUp["app/1"] == 4
	})
	for name, records := range seen.Records {
		var got []string
		for _, rec := range records {
			got = append(got, rec.Value)
		}
		if !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: records %q", name, got)
		}
	}
	return seen
}

func TestBothFetchVersions(t *testing.T) {
	for name, test := range map[string]struct {
		broker *kversion.Versions
		want   int16
	}{
		"Kafka 2.3": {kversion.V2_3_0(), wire.FetchByName},
		"Kafka 3.0": {kversion.V3_0_0(), wire.FetchByName},
		"Kafka 3.1": {kversion.V3_1_0(), wire.FetchByID},
		"Kafka 3.9": {kversion.V3_9_0(), wire.FetchByID},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, kfake.MaxVersions(test.broker))
			f.fill(t)
			var other atomic.Int32
			f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Observe: true, When: func(r kmsg.Request) bool {
				if r.GetVersion() != test.want {
					other.Store(int32(r.GetVersion()) + 1)
				}
				return true
			}})
			r := &kafkatest.Recorder{}
			kafkatest.Run(t, newSource(t, config(f)), r)
			all(t, r)
			if v := other.Load(); v != 0 {
				t.Errorf("a fetch of version %d was sent, want %d only", v-1, test.want)
			}
		})
	}
}

func TestTooOldBrokerIsNamed(t *testing.T) {
	f := startFake(t, kfake.MaxVersions(kversion.V2_0_0()))
	m := kafkatest.Run(t, newSource(t, config(f)), &kafkatest.Recorder{})
	m.AwaitState(t, patience, "the reason", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "needs Kafka 2.3 or later")
	})
}

// Every error that a fetch can answer with and that may pass by itself is
// answered a few times; nothing is lost and nothing comes twice.
func TestFetchErrorsAreOvercome(t *testing.T) {
	for _, code := range []int16{-1, 2, 3, 5, 6, 7, 8, 9, 13, 29, 31, 35, 56, 70, 71, 74, 75, 78, 89, 100, 103, 106, 120} {
		for _, top := range []bool{false, true} {
			t.Run(fmt.Sprintf("code %d top %v", code, top), func(t *testing.T) {
				t.Parallel()
				f := startFake(t)
				f.fill(t)
				fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, TopLevel: top, Count: 3, Err: kerr.TypedErrorForCode(code)})
				r := &kafkatest.Recorder{}
				m := kafkatest.Run(t, newSource(t, config(f)), r)
				seen := all(t, r)
				if fault.Hits() != 3 {
					t.Errorf("the fault was answered %d times, want 3", fault.Hits())
				}
				if len(seen.Gaps)+len(seen.Bad) > 0 {
					t.Errorf("seen %s", seen)
				}
				var errs uint64
				for _, p := range m.Source.Stats().Partitions {
					errs += p.FetchErrors
				}
				if errs != 3 && !top { // a top-level error may close a long poll twice
					t.Errorf("counted %d fetch errors, want 3", errs)
				}
			})
		}
	}
}

func TestLastingFetchErrorIsShown(t *testing.T) {
	f := startFake(t)
	f.fill(t)
	fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Partitions: []int32{1}, Count: -1, Err: kerr.TopicAuthorizationFailed})
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	m.AwaitState(t, patience, "the reason", func(s kafka.State) bool {
		return !s.Ready && s.Active && strings.Contains(s.Reason, "app/1") && strings.Contains(s.Reason, "grant READ")
	})
	fault.Remove()
	all(t, r)
	m.AwaitState(t, patience, "the recovery", func(s kafka.State) bool { return s.Ready && s.Active })
}

func TestHopelessFetchErrorStops(t *testing.T) {
	f := startFake(t)
	f.fill(t)
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Err: kerr.UnsupportedCompressionType})
	m := kafkatest.Run(t, newSource(t, config(f)), &kafkatest.Recorder{})
	if err := m.Ended(t, patience); err == nil || !strings.Contains(err.Error(), "[76]") {
		t.Errorf("Run returned %v, want error 76", err)
	}
}

// stored is an encoded batch and the offsets it covers.
type stored struct {
	bytes []byte
	last  int64
}

// serving answers every fetch of partition 0 with crafted batches, as the log
// would: those that end at the asked offset or later. The first answer with data
// comes from the first log, and so on; the last log stays.
func (f *fake) serving(logs ...[]wiretest.Batch) {
	encoded := make([][]stored, len(logs))
	for i, log := range logs {
		for _, b := range log {
			last := b.Base + int64(b.LastDelta)
			if n := len(b.Records); n > 0 && b.LastDelta == 0 {
				last = b.Base + b.Records[n-1].Offset
			}
			encoded[i] = append(encoded[i], stored{bytes: b.Bytes(), last: last})
		}
	}
	fetches := 0
	f.cluster.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
		q := request.(*kmsg.FetchRequest)
		if len(q.Topics) != 1 || q.Topics[0].Partitions[0].Partition != 0 {
			return nil, nil, false
		}
		a := q.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = q.Topics[0].Topic, q.Topics[0].TopicID
		p := kmsg.NewFetchResponseTopicPartition()
		for _, b := range encoded[min(fetches, len(encoded)-1)] {
			p.HighWatermark = b.last + 1
			if b.last >= q.Topics[0].Partitions[0].FetchOffset {
				p.RecordBatches = append(p.RecordBatches, b.bytes...)
			}
		}
		p.LastStableOffset = p.HighWatermark
		if len(p.RecordBatches) > 0 {
			fetches++
		}
		topic.Partitions = append(topic.Partitions, p)
		a.Topics = append(a.Topics, topic)
		return a, nil, true
	})
}

func caughtUp(offset int64) func(kafkatest.Seen) bool {
	return func(s kafkatest.Seen) bool { return s.CaughtUp["app/0"] == offset }
}

func recordsOf(s kafkatest.Seen) string {
	var b strings.Builder
	for _, r := range s.Records["app/0"] {
		fmt.Fprintf(&b, "%d=%s ", r.Offset, r.Value)
	}
	return strings.TrimSpace(b.String())
}

func TestBombIsPassedOverWithItsOffsets(t *testing.T) {
	for _, codec := range []wire.Codec{wire.Gzip, wire.Snappy, wire.LZ4, wire.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			f := startFake(t)
			bomb := wiretest.Batch{Base: 2, Codec: codec, LastDelta: 9, Count: 1, Payload: make([]byte, 20<<20)}
			f.serving([]wiretest.Batch{{Records: wiretest.Values("a", "b")}, bomb, {Base: 12, Records: wiretest.Values("c")}})
			cfg := config(f)
			cfg.MaxUnpacked = 16 << 20
			r := &kafkatest.Recorder{}
			m := kafkatest.Run(t, newSource(t, cfg), r)
			seen := r.Wait(t, patience, "the end", caughtUp(13))
			if got := recordsOf(seen); got != "0=a 1=b 12=c" {
				t.Errorf("records %s", got)
			}
			if len(seen.Bad) != 1 || seen.Bad[0].First != 2 || seen.Bad[0].Last != 11 || !errors.Is(seen.Bad[0].Err, wire.ErrTooLarge) {
				t.Errorf("bad batches %v, want 2 to 11 as too large", seen.Bad)
			}
			if n := m.Source.Stats().Partitions[0].BadBatches; n != 1 {
				t.Errorf("counted %d bad batches, want 1", n)
			}
		})
	}
}

func TestDamageThatPassesIsFetchedAgain(t *testing.T) {
	f := startFake(t)
	good := []wiretest.Batch{{Records: wiretest.Values("a", "b")}, {Base: 2, Records: wiretest.Values("c")}}
	damaged := slices.Clone(good)
	damaged[1].Magic = 7
	f.serving(damaged, damaged, good)
	r := &kafkatest.Recorder{}
	kafkatest.Run(t, newSource(t, config(f)), r)
	seen := r.Wait(t, patience, "the end", caughtUp(3))
	if got := recordsOf(seen); got != "0=a 1=b 2=c" || len(seen.Bad) != 0 {
		t.Errorf("records %s, bad %v", got, seen.Bad)
	}
}

func TestDamageThatStaysIsReportedAndBounded(t *testing.T) {
	f := startFake(t)
	// What a damaged header claims is not believed: the next good batch bounds it.
	f.serving([]wiretest.Batch{{Records: wiretest.Values("a")}, {Base: 1, Magic: 7, LastDelta: 4}, {Base: 6, Records: wiretest.Values("b")}})
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	seen := r.Wait(t, patience, "the end", caughtUp(7))
	if got := recordsOf(seen); got != "0=a 6=b" {
		t.Errorf("records %s", got)
	}
	if len(seen.Bad) != 1 || seen.Bad[0].First != 1 || seen.Bad[0].Last != 5 || !errors.Is(seen.Bad[0].Err, wire.ErrUnknownFormat) {
		t.Errorf("bad batches %v, want 1 to 5", seen.Bad)
	}
	if n := m.Source.Stats().Partitions[0].FetchErrors; n != 2 {
		t.Errorf("%d fetches failed before the batch was given up, want 2", n)
	}
}

func TestHeldBadBatchIsNotPassed(t *testing.T) {
	f := startFake(t)
	f.serving([]wiretest.Batch{{Codec: wire.Gzip, Compressed: []byte("no gzip"), Count: 1}, {Base: 1, Records: wiretest.Values("b")}})
	r := &kafkatest.Recorder{OnBad: func(kafka.BadBatch) error { return kafka.ErrHold }}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	m.AwaitState(t, patience, "the reason", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "offsets 0 to 0") && strings.Contains(s.Reason, "gzip")
	})
	if seen := r.Wait(t, patience, "two questions", func(s kafkatest.Seen) bool { return len(s.Bad) >= 2 }); len(seen.Records) != 0 {
		t.Errorf("records behind the held batch were delivered: %s", seen)
	}
}

func TestEmptySparseAndEarlyBatches(t *testing.T) {
	f := startFake(t)
	f.serving([]wiretest.Batch{
		{Records: wiretest.Values("a", "b", "c", "d")}, // starts before the asked offset
		{Base: 4, LastDelta: 5},                        // emptied by compaction
		{Base: 20, LastDelta: 9, Records: []wiretest.Record{{Offset: 2, Value: "x"}, {Offset: 9, Value: "y"}}},
		wiretest.Marker(30, 5, true),
	})
	r := &kafkatest.Recorder{Start: func(p kafka.Partition) int64 { return int64(2 * (1 - p.Partition)) }}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	seen := r.Wait(t, patience, "the end", caughtUp(31))
	if got := recordsOf(seen); got != "2=c 3=d 22=x 29=y" {
		t.Errorf("records %s", got)
	}
	// 10 to 21 and 23 to 28 were never there.
	if p := m.Source.Stats().Partitions[0]; p.EmptyBatches != 1 || p.ControlBatches != 1 || p.JumpedOffsets != 18 || p.Lag != 0 || p.Records != 4 {
		t.Errorf("stats %+v", p)
	}
}

func TestJoinErrorsAreWaitedFor(t *testing.T) {
	for code, want := range map[int16]string{14: "[14]", 15: "coordinator is starting or moving", 16: "[16]", 25: "joining again", 30: "grant READ on it", 23: "another assignment protocol"} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			f := startFake(t)
			f.fill(t)
			fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Count: -1, Err: kerr.TypedErrorForCode(code)})
			r := &kafkatest.Recorder{}
			m := kafkatest.Run(t, newSource(t, config(f)), r)
			m.AwaitState(t, patience, "the reason", func(s kafka.State) bool { return !s.Ready && strings.Contains(s.Reason, want) })
			fault.Remove()
			all(t, r)
			if stats := m.Source.Stats(); stats.JoinErrors == 0 || stats.Generations == 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestCommitErrors(t *testing.T) {
	offset := kafka.Offset{Topic: "app", Partition: 0, Offset: 3, Metadata: "m"}
	for code, want := range map[int16]error{
		14: nil, 15: nil, 16: nil, 7: nil, 29: nil, // retried until they pass
		22: kafka.ErrFenced, 25: kafka.ErrFenced, 27: kafka.ErrFenced,
		12: kerr.OffsetMetadataTooLarge, 3: kerr.UnknownTopicOrPartition,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			f := startFake(t)
			f.fill(t)
			r := &kafkatest.Recorder{}
			m := kafkatest.Run(t, newSource(t, config(f)), r)
			g := all(t, r).Generations[0]
			f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Count: 2, Err: kerr.TypedErrorForCode(code)})
			err := g.Commit(t.Context(), offset)
			switch {
			case want == nil:
				if err != nil {
					t.Fatal(err)
				}
				if at, metadata := f.Committed(t, "g", "app", 0); at != 3 || metadata != "m" {
					t.Errorf("committed %d, %q", at, metadata)
				}
				if stats := m.Source.Stats(); stats.CommitErrors != 2 || stats.Commits != 1 {
					t.Errorf("stats %+v, want 2 errors and 1 commit", stats)
				}
			case errors.Is(want, kafka.ErrFenced):
				if !errors.Is(err, kafka.ErrFenced) {
					t.Fatalf("got %v, want ErrFenced", err)
				}
				r.Wait(t, patience, "the next generation", func(s kafkatest.Seen) bool { return len(s.Generations) > 1 && s.Drains > 0 })
			default:
				if err == nil || errors.Is(err, kafka.ErrFenced) || !strings.Contains(err.Error(), fmt.Sprintf("[%d]", code)) {
					t.Fatalf("got %v, want error %d", err, code)
				}
			}
		})
	}
}

func TestCommitsThatAreRefusedHere(t *testing.T) {
	f := startFake(t)
	f.fill(t)
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	g := all(t, r).Generations[0]
	ok := func(o kafka.Offset) {
		t.Helper()
		if err := g.Commit(t.Context(), o); err != nil {
			t.Errorf("commit of %+v: %v", o, err)
		}
	}
	refused := func(o kafka.Offset) error {
		t.Helper()
		err := g.Commit(t.Context(), o)
		if err == nil {
			t.Errorf("commit of %d bytes at %s/%d %d was accepted", len(o.Metadata), o.Topic, o.Partition, o.Offset)
		}
		return err
	}
	if err := g.Commit(t.Context()); err != nil {
		t.Errorf("nothing to commit: %v", err)
	}
	ok(kafka.Offset{Topic: "app", Offset: 3})
	ok(kafka.Offset{Topic: "app", Offset: 3, Metadata: strings.Repeat("m", kafka.MaxMetadata)})
	refused(kafka.Offset{Topic: "app", Offset: 4, Metadata: strings.Repeat("m", kafka.MaxMetadata+1)})
	refused(kafka.Offset{Topic: "app", Partition: 9, Offset: 4})
	refused(kafka.Offset{Topic: "other", Offset: 4})
	refused(kafka.Offset{Topic: "app", Partition: 1, Offset: -1})
	var back *kafka.BackwardsError
	if err := refused(kafka.Offset{Topic: "app", Offset: 2}); !errors.As(err, &back) || back.Floor != 3 {
		t.Errorf("going back: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Commit(ctx, kafka.Offset{Topic: "app", Offset: 4}); !errors.Is(err, context.Canceled) {
		t.Errorf("commit with a context that is done: %v", err)
	}
	// That commit may have arrived, so its offset is the floor now.
	refused(kafka.Offset{Topic: "app", Offset: 3})
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := refused(kafka.Offset{Topic: "app", Offset: 4}); !errors.Is(err, kafka.ErrEnded) {
		t.Errorf("commit after the end: %v, want ErrEnded", err)
	}
}

// A blocked handler stops its own partition and nothing else: the other one is
// read, heartbeats go on far beyond the session timeout, the stall is reported.
func TestSlowHandlerKeepsItsGeneration(t *testing.T) {
	f := startFake(t)
	f.fill(t)
	release := make(chan struct{})
	stalls := make(chan kafka.Stall, 10)
	cfg := config(f)
	cfg.SessionTimeout, cfg.StallAfter = 600*time.Millisecond, 900*time.Millisecond
	cfg.OnStall = func(s kafka.Stall) { stalls <- s }
	r := &kafkatest.Recorder{OnRecords: func(ctx context.Context, b *kafka.Batch) error {
		if b.Partition == 1 {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}}
	kafkatest.Run(t, newSource(t, cfg), r)
	r.Wait(t, patience, "the other partition", func(s kafkatest.Seen) bool { return s.CaughtUp["app/0"] == 4 })
	select {
	case s := <-stalls:
		if s.Topic != "app" || s.Partition != 1 || !s.InHandler || s.Position != 0 || s.HighWatermark != 4 || s.For < cfg.StallAfter {
			t.Errorf("stall %+v", s)
		}
	case <-time.After(patience):
		t.Fatal("no stall was reported")
	}
	close(release)
	seen := all(t, r)
	if len(seen.Generations) != 1 {
		t.Errorf("%d generations, want 1: the slow handler cost the membership", len(seen.Generations))
	}
	if len(stalls) != 0 {
		t.Errorf("the stall was reported %d times more", len(stalls))
	}
}

func TestErrorsOfTheConsumerEndRun(t *testing.T) {
	f := startFake(t)
	f.fill(t)
	broken := errors.New("broken")
	r := &kafkatest.Recorder{OnRecords: func(context.Context, *kafka.Batch) error { return broken }}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	if err := m.Ended(t, patience); !errors.Is(err, broken) {
		t.Errorf("Run returned %v, want the handler's error", err)
	}
	if seen := r.Wait(t, patience, "nothing", func(kafkatest.Seen) bool { return true }); seen.Drains != 1 {
		t.Errorf("Drain was called %d times, want 1", seen.Drains)
	}
	if state := m.Source.State(); state.Ready || !strings.Contains(state.Reason, "broken") {
		t.Errorf("state %+v", state)
	}
}

// A broker that hangs costs a deadline and nothing else.
func TestHangingFetchIsGivenUp(t *testing.T) {
	f := startFake(t, kfake.SleepOutOfOrder())
	f.fill(t)
	cfg := config(f)
	cfg.RequestTimeout = 300 * time.Millisecond
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	var once atomic.Bool
	f.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if once.CompareAndSwap(false, true) {
			f.cluster.SleepControl(func() { <-hung })
		}
		return nil, nil, false
	})
	r := &kafkatest.Recorder{}
	kafkatest.Run(t, newSource(t, cfg), r)
	all(t, r)
}

func TestUnreachableBrokersAreShown(t *testing.T) {
	s := newSource(t, kafka.Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"app"}})
	m := kafkatest.Run(t, s, &kafkatest.Recorder{})
	m.AwaitState(t, patience, "the reason", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "connection refused")
	})
	if err := m.Stop(); err != nil {
		t.Errorf("Run returned %v after a wish to stop", err)
	}
}

func TestRunLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	f := startFake(t)
	f.fill(t)
	f.Close()
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, newSource(t, config(f)), r)
	all(t, r)
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if state := m.Source.State(); state.Ready || state.Reason != "stopped" {
		t.Errorf("state %+v", state)
	}
	f.cluster.Close()
	goleak.VerifyNone(t, before)
}
