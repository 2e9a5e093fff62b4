//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// topics are the three topics of one run, with the same lines kept in files.
type topics struct {
	app, audit, facts string
	writer            *kafka.Writer
	keyed             bool
	dir               string
}

const partitions = 2

// newTopics makes topics of this run's own. Without keys the lines of one request
// come by different partitions.
func newTopics(t *testing.T, run string, keyed bool) *topics {
	t.Helper()
	run += strconv.FormatInt(time.Now().UnixMilli(), 36)
	k := &topics{app: "app-" + run, audit: "audit-" + run, facts: "facts-" + run, keyed: keyed, dir: t.TempDir()}
	for _, name := range []string{k.app, k.audit, k.facts} {
		cmd := exec.Command("deploy/dev/dev", "topic", name, strconv.Itoa(partitions))
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make topic %s: %v\n%s", name, err, out)
		}
	}
	var balancer kafka.Balancer = &kafka.RoundRobin{}
	if keyed {
		balancer = &kafka.Hash{}
	}
	k.writer = &kafka.Writer{
		Addr: kafka.TCP(real.env["TRESPASS_KAFKA_BROKERS"]), Balancer: balancer, RequiredAcks: kafka.RequireAll,
		Compression: kafka.Lz4, BatchTimeout: 2 * time.Millisecond,
		Transport: &kafka.Transport{}, // the shared one remembers topics that were not there
	}
	t.Cleanup(func() { _ = k.writer.Close() })
	awaitTopics(t, k.app, k.audit, k.facts)
	return k
}

// awaitTopics waits until the broker knows the leaders of new topics.
func awaitTopics(t *testing.T, names ...string) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(real.env["TRESPASS_KAFKA_BROKERS"])}
	ctx := deadline(t, 20*time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		known := 0
		// A transport of its own each time: a cached answer would not change.
		client.Transport = &kafka.Transport{}
		if m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: names}); err == nil {
			for _, topic := range m.Topics {
				if topic.Error == nil && len(topic.Partitions) == partitions {
					known++
				}
			}
		}
		if known == len(names) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("topics %v: not all are there", names)
		case <-tick.C:
		}
	}
}

// write puts lines into a topic and appends them to the topic's file.
func (k *topics) write(ctx context.Context, topic string, lines, keys [][]byte) error {
	if len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(k.file(topic), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(bytes.Join(lines, []byte("\n")), '\n')); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	messages := make([]kafka.Message, len(lines))
	for i, l := range lines {
		messages[i] = kafka.Message{Topic: topic, Value: l}
		if k.keyed {
			messages[i].Key = keys[i]
		}
	}
	return k.writer.WriteMessages(ctx, messages...)
}

func (k *topics) file(topic string) string {
	name := map[string]string{k.app: "app.ndjson", k.audit: "audit.log", k.facts: "facts.ndjson"}[topic]
	return filepath.Join(k.dir, name)
}

// beat writes a heartbeat into every partition of both logs, as a pipeline's own
// heartbeat would, so that the clock of a quiet partition goes on.
func (k *topics) beat(ctx context.Context, line []byte) error {
	for _, topic := range []string{k.app, k.audit} {
		for p := range partitions {
			w := &kafka.Writer{
				Addr: k.writer.Addr, Transport: k.writer.Transport, Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: 2 * time.Millisecond,
				Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return p }),
			}
			err := w.WriteMessages(ctx, kafka.Message{Value: line})
			if closeErr := w.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
