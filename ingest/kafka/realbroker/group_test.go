package realbroker

import (
	"context"
	"errors"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

func asError[E error](err error, target *E) bool { return errors.As(err, target) }

func active(s kafka.State) bool  { return s.Ready && s.Active }
func standby(s kafka.State) bool { return s.Ready && !s.Active }

func TestStandbyTakesOver(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 2)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	name := kafkatest.Name(topic, 0)
	commit := func(ctx context.Context, g *kafka.Generation) error {
		return g.Commit(ctx, kafka.Offset{Topic: topic, Partition: 0, Offset: 7, Metadata: "seven"})
	}

	recorders := [2]*kafkatest.Recorder{{OnDrain: commit}, {}}
	members := [2]*kafkatest.Member{}
	members[0] = kafkatest.Run(t, source(t, topic, topic), recorders[0])
	recorders[0].Wait(t, patience, "10 records", reads(name, 10))
	members[1] = kafkatest.Run(t, source(t, topic, topic), recorders[1])

	// Either of the two has the lower id. Whichever it is, exactly one reads.
	members[1].AwaitState(t, patience, "the second member", func(s kafka.State) bool { return s.Ready })
	members[0].AwaitState(t, patience, "the first member", func(s kafka.State) bool { return s.Ready })
	first, second := 0, 1
	if active(members[1].Source.State()) {
		first, second = 1, 0
		recorders[1].Wait(t, patience, "what the first left", reads(name, 3))
	}
	members[second].AwaitState(t, patience, "the standby", standby)
	had := recorders[second].Wait(t, patience, "nothing", func(kafkatest.Seen) bool { return true })

	if err := members[first].Stop(); err != nil {
		t.Fatal(err)
	}
	members[second].AwaitState(t, patience, "the take-over", active)
	seen := recorders[second].Wait(t, patience, "records after the take-over",
		reads(name, len(had.Records[name])+3))
	wantValues(t, seen.Records[name][len(had.Records[name]):][:3], numbered(7, 10))
	if got := len(seen.Opened) - len(had.Opened); got != 2 {
		t.Errorf("opened %d partitions at the take-over, want both", got)
	}
	for _, p := range seen.Opened[len(had.Opened):] {
		if p.Partition == 0 && p.Metadata != "seven" {
			t.Errorf("the committed metadata is %q, want %q", p.Metadata, "seven")
		}
	}
}

func TestStrangersCannotCommit(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	r := &kafkatest.Recorder{}
	kafkatest.Run(t, source(t, topic, topic), r)
	g := r.Wait(t, patience, "10 records", reads(kafkatest.Name(topic, 0), 10)).Generations[0]
	if err := g.Commit(t.Context(), kafka.Offset{Topic: topic, Offset: 5}); err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]struct {
		generation int
		member     string
		want       error
	}{
		"an older generation": {int(g.ID) - 1, g.Member, kafkago.IllegalGeneration},
		"a later generation":  {int(g.ID) + 1, g.Member, kafkago.IllegalGeneration},
		"another member":      {int(g.ID), "somebody", kafkago.UnknownMemberId},
		"a tool without one":  {-1, "", kafkago.UnknownMemberId},
	} {
		if err := broker.Commit(t, topic, try.generation, try.member, topic, 0, 1); !errors.Is(err, try.want) {
			t.Errorf("commit of %s: %v, want %v", what, err, try.want)
		}
	}
	if offset, _ := broker.Committed(t, topic, topic, 0); offset != 5 {
		t.Errorf("the committed offset is %d, want 5", offset)
	}
}

// The end of a generation from outside: the member is expelled, its next commit
// is refused, it discards and joins again.
func TestExpelledMemberIsFenced(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	var drained error
	r := &kafkatest.Recorder{OnDrain: func(ctx context.Context, _ *kafka.Generation) error {
		drained = ctx.Err()
		return nil
	}}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	g := r.Wait(t, patience, "10 records", reads(kafkatest.Name(topic, 0), 10)).Generations[0]
	broker.Expel(t, topic, g.Member)
	if err := g.Commit(t.Context(), kafka.Offset{Topic: topic, Offset: 9}); !errors.Is(err, kafka.ErrFenced) {
		t.Fatalf("commit of an expelled member: %v, want ErrFenced", err)
	}
	seen := r.Wait(t, patience, "a second generation", func(s kafkatest.Seen) bool { return len(s.Generations) == 2 })
	if seen.Drains == 1 && drained == nil {
		t.Error("Drain of a lost generation got time to write")
	}
	if err := g.Commit(t.Context(), kafka.Offset{Topic: topic, Offset: 9}); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("second commit of the lost generation: %v, want ErrFenced", err)
	}
	if offset, _ := broker.Committed(t, topic, topic, 0); offset != -1 {
		t.Errorf("the committed offset is %d, want none", offset)
	}
	if stats := m.Source.Stats(); stats.Fenced != 1 {
		t.Errorf("counted %d lost generations, want 1", stats.Fenced)
	}
}

func TestMissingTopicIsWaitedFor(t *testing.T) {
	topic, missing := kafkatest.FreshName(t), kafkatest.FreshName(t)+"-missing"
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, "here")
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, source(t, topic, topic, missing), r)
	state := m.AwaitState(t, patience, "the missing topic in the state", func(s kafka.State) bool {
		return strings.Contains(s.Reason, missing)
	})
	if state.Ready || !strings.Contains(state.Reason, "--create --topic "+missing) {
		t.Errorf("state %+v, want not ready with the command that creates the topic", state)
	}
	broker.CreateTopic(t, missing, 1)
	broker.Produce(t, missing, 0, 0, "now here too")
	r.Wait(t, patience, "both topics", func(s kafkatest.Seen) bool {
		return len(s.Records[kafkatest.Name(topic, 0)]) == 1 && len(s.Records[kafkatest.Name(missing, 0)]) == 1
	})
}

func TestAddedPartitionsAreRead(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, "first")
	r := &kafkatest.Recorder{}
	kafkatest.Run(t, source(t, topic, topic), r)
	r.Wait(t, patience, "the first partition", reads(kafkatest.Name(topic, 0), 1))
	broker.AddPartitions(t, topic, 3)
	broker.Produce(t, topic, 2, 0, "third")
	seen := r.Wait(t, patience, "the third partition", reads(kafkatest.Name(topic, 2), 1))
	if got := len(seen.Generations[len(seen.Generations)-1].Partitions); got != 3 {
		t.Errorf("the last generation holds %d partitions, want 3", got)
	}
}

func TestRecreatedTopicStops(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	r.Wait(t, patience, "10 records", reads(kafkatest.Name(topic, 0), 10))
	broker.DeleteTopic(t, topic)
	m.AwaitState(t, patience, "the topic to be missed", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "does not exist")
	})
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(100, 150)...)
	err := m.Ended(t, patience)
	var recreated *kafka.TopicRecreatedError
	if !asError(err, &recreated) || recreated.Topic != topic || recreated.Old == recreated.New {
		t.Fatalf("Run returned %v, want a TopicRecreatedError of %s", err, topic)
	}
	if seen := r.Wait(t, patience, "nothing", func(kafkatest.Seen) bool { return true }); len(seen.Records[kafkatest.Name(topic, 0)]) != 10 {
		t.Errorf("records of the new topic were delivered: %s", seen)
	}
	if state := m.Source.State(); state.Ready || !strings.Contains(state.Reason, "created again") {
		t.Errorf("state %+v, want the reason", state)
	}
}
