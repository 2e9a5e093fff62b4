package service

import (
	"fmt"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
	"trespass.dev/trespass/sink/contract"
)

// beats are heartbeats, a second apart, that began so many seconds after an hour ago.
func beats(from, n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, string(market.Heartbeat(time.Now().Add(-time.Hour+time.Duration(from+i)*time.Second))))
	}
	return lines
}

// positionOf is how far a partition is judged.
func (s *running) positionOf(topic string, partition int32) int64 {
	s.standing.mu.Lock()
	defer s.standing.mu.Unlock()
	if b := s.standing.parts[partitionName{topic, partition}]; b != nil {
		return b.position.Load()
	}
	return -1
}

// TestTopicMadeAgain: a topic that was deleted and made again while nobody read it is
// read from its beginning, although the old offset fits the new topic; that is on record,
// once, and the offsets of the new topic are committed although they are lower.
func TestTopicMadeAgain(t *testing.T) {
	fake := newBroker(t)
	t.Run("in-process broker, which keeps the old offset", func(t *testing.T) { topicMadeAgain(t, fake.Broker, true) })
	real, err := kafkatest.Real()
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	t.Run("Apache Kafka, which drops it", func(t *testing.T) { topicMadeAgain(t, real, false) })
}

func topicMadeAgain(t *testing.T, b *kafkatest.Broker, keeps bool) {
	name := strings.ReplaceAll(kafkatest.FreshName(t), ",", "")
	name = name[strings.LastIndex(name, "-")+1:]
	group, app, audit := "g-"+name, "app-"+name, "audit-"+name
	b.CreateTopic(t, app, 1)
	b.CreateTopic(t, audit, 1)
	rules, sink := marketRules(t), newRecorder()
	start := func() *running {
		return startService(t, &broker{Broker: b}, rules, sink, func(o *Options) {
			o.Kafka.Group, o.Kafka.Topics, o.Facts = group, []string{app, audit}, nil
			o.Kafka.SessionTimeout, o.Kafka.Heartbeat = 6*time.Second, 300*time.Millisecond
		})
	}
	onRecord := func() (rows []contract.Quarantined) {
		sink.look(func() { rows = append(rows, sink.quarantined...) })
		return rows
	}
	b.Produce(t, app, 0, 0, beats(0, 5)...)
	b.Produce(t, audit, 0, 0, beats(0, 5)...)
	s := start()
	await(t, "both topics to be read", func() bool { return s.positionOf(app, 0) == 5 && s.positionOf(audit, 0) == 5 })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	committed, text := b.Committed(t, group, app, 0)
	if m, known := parseMetadata(text); committed < 0 || !known || len(m.Topics) != 2 || m.EmitFrom != 5 {
		t.Fatalf("committed: %d with %q", committed, text)
	}

	b.DeleteTopic(t, app)
	await(t, "the topic to be made again", func() bool { return madeAgain(t, b, app) })
	if keeps {
		commitAs(t, b, group, app, committed+3, text)
	}
	b.Produce(t, app, 0, 0, beats(100, 20)...)
	b.Produce(t, audit, 0, 0, beats(100, 20)...)
	if now, _ := b.Committed(t, group, app, 0); (now >= 0) != keeps {
		t.Fatalf("after the topic was made again its committed offset is %d", now)
	}
	s = start()
	await(t, "the new topic to be read", func() bool { return s.positionOf(app, 0) == 20 && s.positionOf(audit, 0) == 25 })
	await(t, "the new topic to be on record", func() bool { return len(onRecord()) > 0 })
	if q := onRecord()[0]; q.Reason != "topic_recreated" || q.Origin.Source != app || !strings.Contains(q.Detail, "deleted and made again") {
		t.Errorf("on record: %+v", q)
	}
	if n := value(t, s.metrics.refused.WithLabelValues("topic_recreated")); n != 1 {
		t.Errorf("events_quarantined_total{topic_recreated} is %v", n)
	}
	var read uint64
	for _, p := range s.source.Stats().Partitions {
		if p.Topic == app {
			read = p.Records
		}
	}
	if read != 20 {
		t.Errorf("%d records of the new topic were read, want all 20", read)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	m, _ := parseMetadata(func() string { _, text := b.Committed(t, group, app, 0); return text }())
	if m.EmitFrom != 20 {
		t.Errorf("passed up to %d of 20", m.EmitFrom)
	}

	s = start()
	await(t, "the third run to read", func() bool { return s.positionOf(app, 0) == 20 && s.positionOf(audit, 0) == 25 })
	if rows := onRecord(); len(rows) != 1 {
		t.Errorf("on record after a third run: %+v", rows)
	}
}

// madeAgain makes a topic, if its predecessor is gone.
func madeAgain(t *testing.T, b *kafkatest.Broker, topic string) bool {
	client := &kafkago.Client{Addr: kafkago.TCP(b.Addresses...), Transport: &kafkago.Transport{}}
	defer client.Transport.(*kafkago.Transport).CloseIdleConnections()
	answer, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
	return err == nil && answer.Errors[topic] == nil
}

// commitAs commits as a tool does, for a group without members.
func commitAs(t *testing.T, b *kafkatest.Broker, group, topic string, offset int64, metadata string) {
	t.Helper()
	client := &kafkago.Client{Addr: kafkago.TCP(b.Addresses...), Transport: &kafkago.Transport{}}
	defer client.Transport.(*kafkago.Transport).CloseIdleConnections()
	answer, err := client.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{GroupID: group, GenerationID: -1,
		Topics: map[string][]kafkago.OffsetCommit{topic: {{Offset: offset, Metadata: metadata}}}})
	if err == nil {
		err = answer.Topics[topic][0].Error
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestMetadataFits: with so many topics that their ids do not fit, a commit still tells
// the id of its own.
func TestMetadataFits(t *testing.T) {
	ids := map[string]string{}
	for i := range 200 {
		ids[fmt.Sprintf("topic-%03d", i)] = strings.Repeat("f", 32)
	}
	text := formatMetadata(join.Progress{Safe: 1, EmitFrom: 2}, "p", "topic-007", ids)
	m, known := parseMetadata(text)
	if !known || len(text) > kafka.MaxMetadata || len(m.Topics) != 1 || m.Topics["topic-007"] == "" || m.EmitFrom != 2 {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
}
