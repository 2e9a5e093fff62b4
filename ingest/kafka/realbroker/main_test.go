package realbroker

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

// patience is how long a test waits for anything. It is far above what a good
// run needs.
const patience = 30 * time.Second

// broker is the one all tests share; they use topics and groups of their own.
var broker *kafkatest.Broker

func TestMain(m *testing.M) {
	var err error
	if broker, err = kafkatest.Real(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if topic := os.Getenv(zombieTopic); topic != "" {
		if err := zombie(topic); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// source makes a member of a group with short intervals.
func source(t *testing.T, group string, topics ...string) *kafka.Source {
	t.Helper()
	return sourceWith(t, kafka.Config{Group: group, Topics: topics})
}

func sourceWith(t *testing.T, cfg kafka.Config) *kafka.Source {
	t.Helper()
	cfg.Brokers = broker.Addresses
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 6 * time.Second // the least a broker allows
		cfg.Heartbeat = 500 * time.Millisecond
	}
	cfg.WatchInterval = 300 * time.Millisecond
	cfg.MaxWait = 100 * time.Millisecond
	s, err := kafka.New(cfg, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func numbered(from, to int) []string {
	list := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("value-%05d", i))
	}
	return list
}

func values(list []kafkatest.Record) []string {
	got := make([]string, len(list))
	for i, r := range list {
		got[i] = r.Value
	}
	return got
}

func wantValues(t *testing.T, got []kafkatest.Record, want []string) {
	t.Helper()
	if !slices.Equal(values(got), want) {
		t.Fatalf("got %d records, want %d\ngot  %.300q\nwant %.300q", len(got), len(want), values(got), want)
	}
}

// reads waits until one partition has given n records.
func reads(name string, n int) func(kafkatest.Seen) bool {
	return func(s kafkatest.Seen) bool { return len(s.Records[name]) >= n }
}

var codecs = map[string]kafkago.Compression{
	"none": 0, "gzip": kafkago.Gzip, "snappy": kafkago.Snappy, "lz4": kafkago.Lz4, "zstd": kafkago.Zstd,
}
