package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Broker is a running Kafka.
type Broker struct {
	Addresses []string
	client    *kafkago.Client
}

// At uses the broker at host:port addresses.
func At(addresses ...string) *Broker {
	return &Broker{Addresses: addresses, client: &kafkago.Client{
		Addr: kafkago.TCP(addresses...), Timeout: 15 * time.Second, Transport: &kafkago.Transport{MetadataTTL: 100 * time.Millisecond}}}
}

// Real returns the real Apache Kafka: the one at TRESPASS_TEST_KAFKA
// (host:port, separated by commas), else the one of deploy/dev/dev, which it
// starts if needed and leaves running for the next test.
func Real() (*Broker, error) {
	if list := os.Getenv("TRESPASS_TEST_KAFKA"); list != "" {
		return At(strings.Split(list, ",")...), nil
	}
	dev, err := devScript()
	if err != nil {
		return nil, err
	}
	if out, err := exec.Command(dev, "start", "kafka").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("these tests need a real Kafka broker, and `%s start kafka` failed: %w\n%s"+
			"Install what it names, for instance with `apt-get install openjdk-17-jre-headless maven`, "+
			"or set TRESPASS_TEST_KAFKA=host:port", dev, err, out)
	}
	out, err := exec.Command(dev, "env", "kafka").Output()
	if err != nil {
		return nil, fmt.Errorf("asking `%s env kafka` for the broker's address: %w", dev, err)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "export TRESPASS_KAFKA_BROKERS="); ok {
			return At(strings.Split(value, ",")...), nil
		}
	}
	return nil, fmt.Errorf("`%s env kafka` names no broker:\n%s", dev, out)
}

// devScript finds deploy/dev/dev above the working directory.
func devScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "deploy", "dev", "dev")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no deploy/dev/dev above the working directory; set TRESPASS_TEST_KAFKA=host:port")
		}
		dir = parent
	}
}

// Close closes the connections that the helpers opened.
func (b *Broker) Close() {
	if t, ok := b.client.Transport.(*kafkago.Transport); ok {
		t.CloseIdleConnections()
	}
}

// FreshName returns a name that no earlier run used.
func FreshName(t testing.TB) string {
	clean := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	return fmt.Sprintf("%s-%s", clean, strconv.FormatInt(time.Now().UnixNano(), 36))
}

// CreateTopic makes a topic and deletes it at the end of the test. Settings are
// name and value in turn.
func (b *Broker) CreateTopic(t testing.TB, name string, partitions int, settings ...string) {
	t.Helper()
	topic := kafkago.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for i := 0; i+1 < len(settings); i += 2 {
		topic.ConfigEntries = append(topic.ConfigEntries,
			kafkago.ConfigEntry{ConfigName: settings[i], ConfigValue: settings[i+1]})
	}
	answer, err := b.client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{topic}})
	if err == nil {
		err = answer.Errors[name]
	}
	if err != nil {
		t.Fatalf("creating topic %s: %v", name, err)
	}
	t.Cleanup(func() { _ = b.deleteTopic(context.Background(), name) })
}

// DeleteTopic deletes a topic.
func (b *Broker) DeleteTopic(t testing.TB, name string) {
	t.Helper()
	if err := b.deleteTopic(t.Context(), name); err != nil {
		t.Fatalf("deleting topic %s: %v", name, err)
	}
}

func (b *Broker) deleteTopic(ctx context.Context, name string) error {
	answer, err := b.client.DeleteTopics(ctx, &kafkago.DeleteTopicsRequest{Topics: []string{name}})
	if err != nil {
		return err
	}
	return answer.Errors[name]
}

// AddPartitions raises the number of partitions of a topic to count.
func (b *Broker) AddPartitions(t testing.TB, name string, count int) {
	t.Helper()
	answer, err := b.client.CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{
		Topics: []kafkago.TopicPartitionsConfig{{Name: name, Count: int32(count)}}})
	if err == nil {
		err = answer.Errors[name]
	}
	if err != nil {
		t.Fatalf("adding partitions to %s: %v", name, err)
	}
}

// Committed returns the offset and the metadata that a group has committed, and -1
// for a group that nobody has joined yet.
func (b *Broker) Committed(t testing.TB, group, topic string, partition int) (int64, string) {
	t.Helper()
	answer, err := b.client.OffsetFetch(t.Context(), &kafkago.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: {partition}}})
	if err == nil {
		err = answer.Error
	}
	if errors.Is(err, kafkago.GroupIdNotFound) {
		return -1, ""
	}
	if err != nil {
		t.Fatalf("asking for the offset of group %s: %v", group, err)
	}
	p := answer.Topics[topic][0]
	return p.CommittedOffset, p.Metadata
}

// Commit sends one commit as a given generation and member and returns the
// broker's answer.
func (b *Broker) Commit(t testing.TB, group string, generation int, member, topic string, partition int, offset int64) error {
	t.Helper()
	answer, err := b.client.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{
		GroupID: group, GenerationID: generation, MemberID: member,
		Topics: map[string][]kafkago.OffsetCommit{topic: {{Partition: partition, Offset: offset}}}})
	if err != nil {
		t.Fatalf("committing as group %s: %v", group, err)
	}
	return answer.Topics[topic][0].Error
}

// Produce writes values to one partition, as one batch per call where they fit,
// and waits for the acknowledgement.
func (b *Broker) Produce(t testing.TB, topic string, partition int, codec kafkago.Compression, values ...string) {
	t.Helper()
	messages := make([]kafkago.Message, len(values))
	for i, v := range values {
		messages[i] = kafkago.Message{Key: []byte("key-" + v), Value: []byte(v)}
	}
	transport := &kafkago.Transport{} // a new one knows new partitions
	defer transport.CloseIdleConnections()
	w := &kafkago.Writer{
		Addr: kafkago.TCP(b.Addresses...), Topic: topic, RequiredAcks: kafkago.RequireAll, Compression: codec,
		Balancer:  kafkago.BalancerFunc(func(kafkago.Message, ...int) int { return partition }),
		BatchSize: max(len(values), 1), BatchBytes: 16 << 20, BatchTimeout: time.Millisecond,
		Transport: transport,
	}
	if err := w.WriteMessages(t.Context(), messages...); err != nil {
		t.Fatalf("writing %d records to %s/%d: %v", len(values), topic, partition, err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("closing the writer of %s/%d: %v", topic, partition, err)
	}
}
