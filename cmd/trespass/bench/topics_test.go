package bench

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	logPartitions = 2 // of each of the two logs
	// writeBatch is how many lines are handed to the broker's client at once.
	writeBatch = 4096
)

// topics are the three topics of one run, in a broker.
type topics struct {
	brokers           []string
	app, audit, facts string
	writer            *kafka.Writer
	messages          []kafka.Message
	mem               []byte
	written           int
}

// newTopics makes topics of this run's own.
func newTopics(b *testing.B, broker string) *topics {
	b.Helper()
	run := "bench-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	t := &topics{brokers: []string{broker}, app: run + "-app", audit: run + "-audit", facts: run + "-facts"}
	client := &kafka.Client{Addr: kafka.TCP(broker), Transport: &kafka.Transport{}}
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: t.app, NumPartitions: logPartitions, ReplicationFactor: 1},
		{Topic: t.audit, NumPartitions: logPartitions, ReplicationFactor: 1},
		{Topic: t.facts, NumPartitions: 1, ReplicationFactor: 1},
	}})
	if err == nil {
		for _, failed := range made.Errors {
			if failed != nil {
				err = failed
			}
		}
	}
	if err != nil {
		b.Fatalf("make topics: %v", err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), 20*time.Second)
		defer cancel()
		if _, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{t.app, t.audit, t.facts}}); err != nil {
			b.Errorf("delete topics: %v", err)
		}
	})
	t.await(b, client)
	// The lines have no keys, so that those of one request come by different partitions.
	t.writer = &kafka.Writer{
		Addr: kafka.TCP(broker), Balancer: &kafka.RoundRobin{}, RequiredAcks: kafka.RequireOne, Compression: kafka.Lz4,
		BatchSize: 500, BatchBytes: 1 << 20, BatchTimeout: time.Millisecond, Transport: &kafka.Transport{},
	}
	b.Cleanup(func() { _ = t.writer.Close() })
	return t
}

// await waits until the broker names a leader for every partition.
func (t *topics) await(b *testing.B, client *kafka.Client) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ready := 0
		// A transport of its own each time: a cached answer would not change.
		client.Transport = &kafka.Transport{}
		if m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.app, t.audit, t.facts}}); err == nil {
			for _, topic := range m.Topics {
				if topic.Error == nil && len(topic.Partitions) > 0 {
					ready++
				}
			}
		}
		if ready == 3 {
			return
		}
		select {
		case <-ctx.Done():
			b.Fatal("the broker does not show the new topics")
		case <-tick.C:
		}
	}
}

// add puts a line into a topic with the next flush. It is copied.
func (t *topics) add(topic string, at time.Time, line []byte) {
	from := len(t.mem)
	t.mem = append(t.mem, line...)
	t.messages = append(t.messages, kafka.Message{Topic: topic, Time: at, Value: t.mem[from:len(t.mem):len(t.mem)]})
	t.written++
}

// flush hands over what was added and waits until the broker has it.
func (t *topics) flush(b *testing.B) {
	b.Helper()
	if err := t.writer.WriteMessages(b.Context(), t.messages...); err != nil {
		b.Fatalf("write to the broker: %v", err)
	}
	t.messages, t.mem = t.messages[:0], t.mem[:0]
}

// fill writes the facts and a number of requests.
func (t *topics) fill(b *testing.B, traffic *traffic, requests int64) {
	b.Helper()
	traffic.facts(func(line []byte) {
		t.add(t.facts, traffic.start, line)
		if len(t.messages) >= writeBatch {
			t.flush(b)
		}
	})
	for traffic.n < requests {
		traffic.next(int(min(writeBatch/2, requests-traffic.n)))
		for i := range traffic.app.len() {
			t.add(t.app, traffic.at(traffic.n), traffic.app.line(i))
		}
		for i := range traffic.audit.len() {
			t.add(t.audit, traffic.at(traffic.n), traffic.audit.line(i))
		}
		t.flush(b)
	}
}

// beat writes a sign of life into every partition of both logs: their clocks then
// stand at a given time, and what is older can be decided.
func (t *topics) beat(b *testing.B, at time.Time) {
	b.Helper()
	line := heartbeat(at)
	for _, topic := range []string{t.app, t.audit} {
		for p := range logPartitions {
			w := &kafka.Writer{
				Addr: t.writer.Addr, Transport: t.writer.Transport, Topic: topic, RequiredAcks: kafka.RequireOne, BatchTimeout: time.Millisecond,
				Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return p }),
			}
			err := w.WriteMessages(b.Context(), kafka.Message{Time: at, Value: line})
			if closeErr := w.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				b.Fatalf("write a heartbeat: %v", err)
			}
			t.written++
		}
	}
}
