package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
	"trespass.dev/trespass/ingest/policy"
	"trespass.dev/trespass/sink/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// await polls until done says so.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("after %s still waiting for: %s", patience, what)
		}
	}
}

// place is one partition.
type place struct {
	topic     string
	partition int32
}

// broker is a Kafka inside the test, with topics app, audit and facts.
type broker struct {
	*kafkatest.Broker
	cluster *kfake.Cluster
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "app", "audit"), kfake.SeedTopics(1, "facts"),
		kfake.GroupMinSessionTimeout(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := &broker{Broker: kafkatest.At(cluster.ListenAddrs()...), cluster: cluster}
	t.Cleanup(b.Close)
	return b
}

// traffic is lines by partition, in the order of their offsets.
type traffic map[place][]string

// marketTraffic is a round of the marketplace with its ten leaks, an hour ago, and
// heartbeats that let everything of it be decided.
func marketTraffic(seed uint64, requests int) traffic {
	start := time.Now().Add(-time.Hour)
	world := market.NewWorld(seed, 14)
	steps := world.Script(requests)
	lines := traffic{}
	add := func(topic string, partition int, text []byte) {
		at := place{topic, int32(partition)}
		lines[at] = append(lines[at], string(text))
	}
	for _, f := range world.Facts(start, steps) {
		add("facts", 0, f)
	}
	database := market.NewDatabase(start.Add(-time.Hour))
	for i := range steps {
		for j, l := range database.Log(start, &steps[i]) {
			add("audit", (i+j)%2, l)
		}
		add("app", (i/3)%2, steps[i].Event(start, steps[i].Rows))
	}
	for _, topic := range []string{"app", "audit"} {
		for p := range 2 {
			add(topic, p, market.Heartbeat(start.Add(10*time.Minute)))
		}
	}
	return lines
}

// pieces cuts the lines of each partition into n runs. All facts are in the first.
func (l traffic) pieces(n int) []traffic {
	out := make([]traffic, n)
	for i := range out {
		out[i] = traffic{}
		for at, lines := range l {
			out[i][at] = lines[i*len(lines)/n : (i+1)*len(lines)/n]
			if at.topic == "facts" {
				out[i][at] = lines[:max(0, 1-i)*len(lines)]
			}
		}
	}
	return out
}

func (b *broker) write(t *testing.T, l traffic) {
	t.Helper()
	for at, lines := range l {
		if len(lines) > 0 {
			b.Produce(t, at.topic, int(at.partition), 0, lines...)
		}
	}
}

// feed writes to a broker that is being read: first the facts, and the rest once the
// sink has them. Facts that come later than what they explain are another matter.
func (b *broker) feed(t *testing.T, sink *recorder, l traffic) {
	t.Helper()
	stored := func() (n int) { sink.look(func() { n = sink.facts }); return n }
	facts, rest := traffic{}, traffic{}
	want := stored()
	for at, lines := range l {
		if at.topic == "facts" {
			facts[at] = lines
			want += len(lines)
		} else {
			rest[at] = lines
		}
	}
	b.write(t, facts)
	await(t, "the facts to be stored", func() bool { return stored() == want })
	b.write(t, rest)
}

// outcome is what was decided, in a form that can be compared.
type outcome struct {
	findings map[string]string // by id: what the last revision says
	revision map[string]uint32
	reads    map[string]string // by access, table and record: the verdict
	origins  map[string][]detect.Origin
}

func newOutcome() *outcome {
	return &outcome{findings: map[string]string{}, revision: map[string]uint32{}, reads: map[string]string{}, origins: map[string][]detect.Origin{}}
}

func (o *outcome) add(findings []detect.Finding, reads []detect.Read) {
	for i := range findings {
		f := &findings[i]
		id := f.ID.String()
		if f.Revision >= o.revision[id] {
			o.revision[id] = f.Revision
			o.findings[id] = fmt.Sprintf("%s %s %s %s %s", f.Rule, f.Severity, f.Claim, f.RequestID, f.Summary)
			if f.Resolved {
				delete(o.findings, id)
			}
		}
	}
	for i := range reads {
		r := &reads[i]
		key := strings.Join([]string{r.AccessKey, r.Table, r.RecordID}, " ")
		o.reads[key] = r.Verdict.String() + " " + r.RequestID
		o.origins[key] = slices.Clone(r.Origins)
	}
}

// differs says how got is not o; empty when it is.
func (o *outcome) differs(got *outcome) string {
	var b strings.Builder
	compare := func(what string, want, got map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if got[k] != want[k] {
				fmt.Fprintf(&b, "%s %s\n   got  %q\n   want %q\n", what, k, got[k], want[k])
			}
		}
		for _, k := range slices.Sorted(maps.Keys(got)) {
			if _, known := want[k]; !known {
				fmt.Fprintf(&b, "%s %s is extra: %q\n", what, k, got[k])
			}
		}
	}
	compare("finding", o.findings, got.findings)
	compare("read", o.reads, got.reads)
	if text := b.String(); len(text) > 3000 {
		return text[:3000] + "\n..."
	}
	return b.String()
}

func marketRules(t *testing.T) *Rules {
	t.Helper()
	file, err := policy.Parse("policy.yaml", market.Policy)
	if err != nil {
		t.Fatal(err)
	}
	return &Rules{Policy: file.Detect}
}

// joinOptions has short windows, so that a script of a second is decided as it goes.
func joinOptions() join.Options {
	return join.Options{Windows: join.Windows{
		Disorder: 20 * time.Millisecond, Lateness: time.Minute, Join: 50 * time.Millisecond, Txn: 20 * time.Millisecond, Reopen: 10 * time.Second,
	}}
}

// decide is the oracle: a Detector over the same lines, without Kafka, service or sink.
func decide(t *testing.T, rules *Rules, l traffic) *outcome {
	t.Helper()
	d := join.New(rules.Policy, joinOptions())
	places := slices.SortedFunc(maps.Keys(l), func(a, b place) int {
		return strings.Compare(a.topic, b.topic)*10 + int(a.partition-b.partition)
	})
	slices.SortStableFunc(places, func(a, b place) int { // facts first
		if (a.topic == "facts") == (b.topic == "facts") {
			return 0
		}
		if a.topic == "facts" {
			return -1
		}
		return 1
	})
	parts := make([]join.Part, len(places))
	for i, at := range places {
		parts[i] = d.Open(join.Start{Source: at.topic, Partition: at.partition, Facts: at.topic == "facts"})
	}
	for i, at := range places {
		stream, batch := ingest.NewStream(rules.Ingest), ingest.NewBatch()
		for offset, line := range l[at] {
			stream.Record(ingest.Record{
				Origin: detect.Origin{Source: at.topic, Partition: at.partition, Offset: int64(offset)},
				Value:  []byte(line), Time: time.Now().UnixNano(),
			}, batch)
		}
		for j := range batch.Events {
			d.Observe(parts[i], &batch.Events[j])
		}
		d.Skip(parts[i], int64(len(l[at])-1))
	}
	var out detect.Output
	d.Take(&out)
	for _, f := range out.Failures {
		t.Errorf("%s failed: %s\n%s", f.Rule, f.Cause, f.Stack)
	}
	o := newOutcome()
	o.add(out.Findings, out.Reads)
	return o
}

// recorder is a sink that keeps what it acknowledged, and fails as it is told to.
type recorder struct {
	fail func(ctx context.Context, try int) error // before a write; nil: never

	mu          sync.Mutex
	tries       int
	acked       *outcome
	quarantined []contract.Quarantined
	facts       int
	policies    map[string]bool
}

func newRecorder() *recorder { return &recorder{acked: newOutcome(), policies: map[string]bool{}} }

// Write implements contract.Sink.
func (r *recorder) Write(ctx context.Context, b *contract.Batch) error {
	r.mu.Lock()
	r.tries++
	try, fail := r.tries, r.fail
	r.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, try); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked.add(b.Findings, b.Reads)
	r.quarantined = append(r.quarantined, b.Quarantined...)
	r.facts += len(b.Facts)
	if len(b.Findings)+len(b.Reads) > 0 {
		r.policies[b.Policy] = true
	}
	return nil
}

// Close implements contract.Sink.
func (r *recorder) Close() error { return nil }

// reads is how many judged records are acknowledged.
func (r *recorder) reads() (n int) {
	r.look(func() { n = len(r.acked.reads) })
	return n
}

func (r *recorder) look(at func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at()
}

// awaitOutcome waits until the sink holds exactly what is wanted.
func (r *recorder) awaitOutcome(t *testing.T, want *outcome) {
	t.Helper()
	complete := func() bool {
		done := false
		r.look(func() { done = len(r.acked.reads) >= len(want.reads) && want.differs(r.acked) == "" })
		return done
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !complete() {
		select {
		case <-tick.C:
		case <-limit.C:
			r.look(func() { t.Fatalf("not as wanted:\n%s", want.differs(r.acked)) })
		}
	}
}

// running is a service that works in the background of a test.
type running struct {
	*Service
	registry *prometheus.Registry
	trouble  *Trouble
	stop     func() error // as SIGTERM does; gives what Run returned
}

func startService(t *testing.T, b *broker, rules *Rules, sink contract.Sink, change ...func(*Options)) *running {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	registry := prometheus.NewRegistry()
	trouble := NewTrouble(registry, log, Build{Version: "test", Revision: "none", Go: "go"})
	o := Options{
		Kafka: kafka.Config{
			Brokers: b.Addresses, Group: "g", Topics: []string{"facts", "app", "audit"},
			SessionTimeout: 3 * time.Second, Heartbeat: 100 * time.Millisecond, RebalanceTimeout: 3 * time.Second,
			JoinBackoff: 50 * time.Millisecond, WatchInterval: 100 * time.Millisecond,
			MaxWait: 20 * time.Millisecond, RequestTimeout: 2 * time.Second,
		},
		Facts: map[string]bool{"facts": true}, Idle: time.Hour, Rules: *rules, Join: joinOptions(),
		Sink: sink, Log: log, Registry: registry,
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o, trouble)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	var result error
	stop := func() error {
		once.Do(func() {
			cancel()
			select {
			case result = <-ended:
			case <-time.After(patience):
				result = errors.New("Run did not return")
			}
		})
		return result
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &running{Service: s, registry: registry, trouble: trouble, stop: stop}
}

// value is what a counter or gauge stands at.
func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var now dto.Metric
	if err := m.Write(&now); err != nil {
		t.Fatal(err)
	}
	return now.GetCounter().GetValue() + now.GetGauge().GetValue()
}
