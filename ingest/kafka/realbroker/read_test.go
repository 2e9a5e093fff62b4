package realbroker

import (
	"strings"
	"testing"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

func TestEveryCodecArrivesUnchangedAndInOrder(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	var want []string
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		list := numbered(0, 500)
		for i := range list {
			list[i] = name + " " + list[i] + strings.Repeat(" padding", 30)
		}
		broker.Produce(t, topic, 0, codecs[name], list...)
		want = append(want, list...)
	}
	r := &kafkatest.Recorder{}
	kafkatest.Run(t, source(t, topic, topic), r)
	name := kafkatest.Name(topic, 0)
	seen := r.Wait(t, patience, "all records", reads(name, len(want)))
	wantValues(t, seen.Records[name], want)
	for i, rec := range seen.Records[name] {
		if rec.Offset != int64(i) || rec.Key != "key-"+rec.Value || rec.Time == 0 {
			t.Fatalf("record %d: offset %d, key %q, time %d", i, rec.Offset, rec.Key, rec.Time)
		}
	}
	r.Wait(t, patience, "the end of the log", func(s kafkatest.Seen) bool { return s.CaughtUp[name] == int64(len(want)) })
}

func TestCommitAndItsMetadataAreRestored(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 2)
	broker.Produce(t, topic, 1, 0, numbered(0, 20)...)
	name := kafkatest.Name(topic, 1)

	first := &kafkatest.Recorder{}
	m := kafkatest.Run(t, source(t, topic, topic), first)
	seen := first.Wait(t, patience, "20 records", reads(name, 20))
	g := seen.Generations[0]
	if err := g.Commit(t.Context(), kafka.Offset{Topic: topic, Partition: 1, Offset: 12, Metadata: `{"v":1,"c":15}`}); err != nil {
		t.Fatal(err)
	}
	if err := g.Commit(t.Context(), kafka.Offset{Topic: topic, Partition: 1, Offset: 11}); err == nil {
		t.Fatal("a commit that goes back was accepted")
	}
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	if offset, metadata := broker.Committed(t, topic, topic, 1); offset != 12 || metadata != `{"v":1,"c":15}` {
		t.Fatalf("the broker has offset %d, metadata %q", offset, metadata)
	}

	second := &kafkatest.Recorder{}
	kafkatest.Run(t, source(t, topic, topic), second)
	seen = second.Wait(t, patience, "8 records", reads(name, 8))
	wantValues(t, seen.Records[name], numbered(12, 20))
	for _, p := range seen.Opened {
		want := kafka.Partition{Topic: topic, Partition: p.Partition, TopicID: p.TopicID, Committed: -1}
		if p.Partition == 1 {
			want.Committed, want.Metadata, want.LogEnd = 12, `{"v":1,"c":15}`, 20
		}
		if p != want || p.TopicID.IsZero() {
			t.Errorf("opened %+v, want %+v with a topic id", p, want)
		}
	}
}

func TestAbortedTransactionsAreLeftOut(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, "before")
	broker.Transaction(t, topic, 0, false, "aborted-1", "aborted-2")
	broker.Transaction(t, topic, 0, true, "committed")
	broker.Transaction(t, topic, 0, false, "aborted-3")
	name := kafkatest.Name(topic, 0)
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	// 1 + 2 + marker + 1 + marker + 1 + marker
	seen := r.Wait(t, patience, "the end of the log", func(s kafkatest.Seen) bool { return s.CaughtUp[name] == 8 })
	wantValues(t, seen.Records[name], []string{"before", "committed"})
	stats := m.Source.Stats().Partitions[0]
	if stats.ControlBatches != 3 || stats.AbortedBatches != 3 || stats.JumpedOffsets != 0 || stats.Lag != 0 {
		t.Errorf("stats %+v, want 3 control and 3 aborted batches, no jumps, no lag", stats)
	}
}

func TestDeletedRecordsAreReportedAsGap(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 100)...)
	broker.DeleteRecords(t, topic, 0, 50)
	name := kafkatest.Name(topic, 0)
	r := &kafkatest.Recorder{Start: func(kafka.Partition) int64 { return 10 }}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	seen := r.Wait(t, patience, "the records left", reads(name, 50))
	wantValues(t, seen.Records[name], numbered(50, 100))
	if len(seen.Gaps) != 1 || seen.Gaps[0].From != 10 || seen.Gaps[0].To != 50 {
		t.Errorf("gaps %v, want one from 10 to 50", seen.Gaps)
	}
	if lost := m.Source.Stats().Partitions[0].LostRecords; lost != 40 {
		t.Errorf("counted %d lost records, want 40", lost)
	}
}

func TestHeldGapIsNotPassed(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	broker.DeleteRecords(t, topic, 0, 5)
	r := &kafkatest.Recorder{
		Start: func(kafka.Partition) int64 { return 0 },
		OnGap: func(kafka.Gap) error { return kafka.ErrHold },
	}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	state := m.AwaitState(t, patience, "the gap in the state", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "offsets 0 to 4 were deleted")
	})
	seen := r.Wait(t, patience, "the gap to be asked about again", func(s kafkatest.Seen) bool { return len(s.Gaps) >= 2 })
	if len(seen.Records) != 0 {
		t.Errorf("records %v were delivered behind the held gap; state %+v", seen.Records, state)
	}
}

func TestOffsetBeyondTheEndStops(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	r := &kafkatest.Recorder{Start: func(kafka.Partition) int64 { return 500 }}
	m := kafkatest.Run(t, source(t, topic, topic), r)
	err := m.Ended(t, patience)
	var beyond *kafka.BeyondEndError
	if !asError(err, &beyond) || beyond.Offset != 500 || beyond.End != 10 {
		t.Fatalf("Run returned %v, want a BeyondEndError of 500 and 10", err)
	}
}
