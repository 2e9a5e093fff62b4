package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/policy"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/contract"
	"trespass.dev/trespass/sink/embedded"
)

const (
	// runRequests is how many requests BenchmarkRun reads, two lines each.
	runRequests = 300_000
	// runLeakEvery plants a leak in every so manyth of them.
	runLeakEvery = 20_000
	// runLimit bounds one reading of them all.
	runLimit = 3 * time.Minute
)

// stage is what one way of reading the topics cost.
type stage struct {
	cpu, engine, wall time.Duration
	times             int
}

func (s *stage) perLine(d time.Duration, lines int) float64 {
	return float64(d.Nanoseconds()) / float64(lines) / float64(s.times)
}

// BenchmarkRun reads both logs from a real broker, lz4, two partitions each, with
// the facts, and adds one stage after the other: fetching alone; decoding too; the
// whole service before a sink that stores nothing; the whole service with the
// embedded engine. What a stage costs is the difference to the one before. The
// times are those of this program in all its threads; the engine, a program of its
// own, is told apart. One operation is all lines.
func BenchmarkRun(b *testing.B) {
	env := parts(b)
	k := newTopics(b, env["TRESPASS_KAFKA_BROKERS"])
	t := traffic{start: time.Now().Add(-time.Hour), leakEvery: runLeakEvery}
	k.fill(b, &t, runRequests)
	k.beat(b, t.at(t.n).Add(10*time.Minute))
	want := map[detect.Verdict]int64{}
	for n := range int64(runRequests) {
		r := t.request(n)
		want[r.verdict()] += r.rows
	}

	var fetch, decode, judge, store stage
	measure := func(name string, s *stage, once func(b *testing.B, s *stage)) {
		b.Run(name, func(b *testing.B) {
			*s = stage{}
			for b.Loop() {
				once(b, s)
				s.times++
			}
			b.ReportMetric(s.perLine(s.cpu, k.written), "cpu-ns/line")
			b.ReportMetric(float64(k.written)*float64(s.times)/s.cpu.Seconds(), "lines/s/core")
			b.ReportMetric(float64(k.written)*float64(s.times)/s.wall.Seconds(), "lines/s")
			if s != &store {
				return
			}
			b.ReportMetric(s.perLine(s.engine, k.written), "engine-ns/line")
			if fetch.times == 0 || decode.times == 0 || judge.times == 0 {
				return // some stage was not asked for
			}
			before, all := 0.0, s.perLine(s.cpu, k.written)
			for _, part := range []struct {
				name string
				*stage
			}{{"fetch", &fetch}, {"decode", &decode}, {"judge", &judge}, {"sink", &store}} {
				upTo := part.perLine(part.cpu, k.written)
				b.ReportMetric(100*(upTo-before)/all, part.name+"-%")
				before = upTo
			}
		})
	}
	measure("fetch", &fetch, func(b *testing.B, s *stage) { k.read(b, s, false) })
	measure("decode", &decode, func(b *testing.B, s *stage) { k.read(b, s, true) })
	measure("judge", &judge, func(b *testing.B, s *stage) { k.serve(b, s, want, nil) })
	dir := programs(b)
	measure("store", &store, func(b *testing.B, s *stage) {
		out := openEmbedded(b, env, dir)
		k.serve(b, s, want, out)
		k.checkStored(b, out, want)
		if err := out.Close(); err != nil {
			b.Error(err)
		}
	})
}

// config gives each reading a consumer group of its own, so that it begins at the
// beginning.
func (t *topics) config(b *testing.B) kafka.Config {
	return kafka.Config{
		Brokers: t.brokers, Group: t.app + "-" + strconv.FormatInt(time.Now().UnixNano(), 36),
		Topics: []string{t.facts, t.app, t.audit},
	}
}

// read takes every record from the broker, and decodes them if asked to.
func (t *topics) read(b *testing.B, s *stage, decode bool) {
	b.Helper()
	source, err := kafka.New(t.config(b), zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), runLimit)
	defer cancel()
	counted := make(chan count)
	ran := make(chan error, 1)
	began, used := time.Now(), cpu(syscall.RUSAGE_SELF)
	go func() { ran <- source.Run(ctx, reader{decode: decode, counted: counted}) }()
	var got count
	for got.records < t.written {
		select {
		case c := <-counted:
			got.records += c.records
			got.events += c.events
		case err := <-ran:
			b.Fatalf("reading ended after %d of %d records: %v", got.records, t.written, err)
		}
	}
	s.cpu += cpu(syscall.RUSAGE_SELF) - used
	s.wall += time.Since(began)
	cancel()
	if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
		b.Error(err)
	}
	if got.records != t.written || decode && got.events != t.written {
		b.Errorf("%d records and %d events, want %d", got.records, got.events, t.written)
	}
}

// count is what a batch held.
type count struct{ records, events int }

// reader is a consumer that counts.
type reader struct {
	decode  bool
	counted chan<- count
}

func (r reader) Begin(context.Context, *kafka.Generation) (kafka.Task, error) { return r, nil }

func (r reader) Open(_ context.Context, p kafka.Partition) (kafka.Handler, int64, error) {
	return &partitionReader{reader: r, stream: ingest.NewStream(ingest.Config{})}, p.LogStart, nil
}

func (r reader) Drain(context.Context) error { return nil }

type partitionReader struct {
	reader
	stream *ingest.Stream
}

func (p *partitionReader) Records(ctx context.Context, raw *kafka.Batch) error {
	defer raw.Release()
	c := count{records: len(raw.Records)}
	if p.decode {
		batch := ingest.NewBatch()
		defer batch.Release()
		for i := range raw.Records {
			r := &raw.Records[i]
			p.stream.Record(ingest.Record{
				Origin: detect.Origin{Source: raw.Topic, Partition: raw.Partition, Offset: r.Offset},
				Value:  r.Value, Null: r.Null, Time: r.Time * 1e6,
			}, batch)
		}
		c.events = len(batch.Events)
	}
	select {
	case p.counted <- c:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (p *partitionReader) Gap(_ context.Context, g kafka.Gap) error           { return errors.New(g.String()) }
func (p *partitionReader) BadBatch(_ context.Context, b kafka.BadBatch) error { return b.Err }
func (p *partitionReader) CaughtUp(context.Context, int64) error              { return nil }

// serve runs the service until every read is decided and, with a sink, stored.
func (t *topics) serve(b *testing.B, s *stage, want map[detect.Verdict]int64, out *sink.Opened) {
	b.Helper()
	counting := newCountingSink(want)
	engine := time.Duration(0)
	if out != nil {
		counting.next = out
		engine = processCPU(b, out.Engine.PID())
	}
	ctx, cancel := context.WithTimeout(b.Context(), runLimit)
	defer cancel()
	began, used := time.Now(), cpu(syscall.RUSAGE_SELF)
	ran := t.start(b, ctx, counting)
	select {
	case <-counting.done:
	case err := <-ran:
		b.Fatalf("the service ended with %v of %v: %v", counting.got, want, err)
	}
	s.cpu += cpu(syscall.RUSAGE_SELF) - used
	s.wall += time.Since(began)
	if out != nil {
		s.engine += processCPU(b, out.Engine.PID()) - engine
	}
	cancel()
	if err := <-ran; err != nil {
		b.Error(err)
	}
	if !maps.Equal(counting.got, want) || int64(len(counting.findings)) != want[detect.VerdictForeign] {
		b.Errorf("got %v and %d findings, want %v and one for each that is foreign", counting.got, len(counting.findings), want)
	}
}

// start runs the service as trespass run does. Its end comes by the channel.
func (t *topics) start(b *testing.B, ctx context.Context, out contract.Sink) <-chan error {
	b.Helper()
	file, err := policy.Parse("policy.yaml", market.Policy)
	if err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s, err := service.New(service.Options{
		Kafka: t.config(b), Facts: map[string]bool{t.facts: true}, Idle: 5 * time.Minute,
		Rules: service.Rules{Policy: file.Detect}, Sink: out, Log: zerolog.Nop(), Registry: registry,
	}, service.NewTrouble(registry, zerolog.Nop(), service.Build{}))
	if err != nil {
		b.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	return ran
}

// countingSink counts what is written, and passes it on if there is a next sink.
// done is closed when all reads that are wanted are there.
type countingSink struct {
	next     contract.Sink
	left     int64
	got      map[detect.Verdict]int64
	findings map[detect.FindingID]bool
	done     chan struct{}
}

func newCountingSink(want map[detect.Verdict]int64) *countingSink {
	c := &countingSink{got: map[detect.Verdict]int64{}, findings: map[detect.FindingID]bool{}, done: make(chan struct{})}
	for _, n := range want {
		c.left += n
	}
	return c
}

// Write implements contract.Sink.
func (c *countingSink) Write(ctx context.Context, batch *contract.Batch) error {
	if c.next != nil {
		if err := c.next.Write(ctx, batch); err != nil {
			return err
		}
	}
	for i := range batch.Findings {
		c.findings[batch.Findings[i].ID] = true
	}
	if c.left <= 0 {
		return nil // the rest goes by what was counted already
	}
	for i := range batch.Reads {
		c.got[batch.Reads[i].Verdict] += batch.Reads[i].Count
		c.left -= batch.Reads[i].Count
	}
	if c.left <= 0 {
		close(c.done)
	}
	return nil
}

// Close implements contract.Sink.
func (c *countingSink) Close() error { return nil }

// openEmbedded starts the engine on a new folder.
func openEmbedded(b *testing.B, env map[string]string, programs string) *sink.Opened {
	b.Helper()
	out, err := sink.Open(b.Context(), sink.Options{
		Address: "embedded:" + filepath.Join(b.TempDir(), "data"), Writer: "bench", Migrate: true,
		Engine: embedded.Options{Program: filepath.Join(programs, embedded.Program), Library: env["TRESPASS_LIBCHDB"], Stderr: io.Discard},
	})
	if err != nil {
		b.Fatalf("open the sink: %v", err)
	}
	return out
}

// checkStored asks the views for what was written.
func (t *topics) checkStored(b *testing.B, out *sink.Opened, want map[detect.Verdict]int64) {
	b.Helper()
	rows, err := out.Store.Strings(b.Context(), "SELECT verdict, sum(count) FROM "+out.Store.Database()+".reads_v GROUP BY verdict")
	if err != nil {
		b.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range rows {
		got[r[0]] = r[1]
	}
	wanted := map[string]string{}
	for v, n := range want {
		wanted[v.String()] = strconv.FormatInt(n, 10)
	}
	if !maps.Equal(got, wanted) {
		b.Errorf("stored reads: %v, want %v", got, wanted)
	}
	rows, err = out.Store.Strings(b.Context(), "SELECT count() FROM "+out.Store.Database()+".findings_v")
	if err != nil {
		b.Fatal(err)
	}
	if leaks := wanted[detect.VerdictForeign.String()]; rows[0][0] != leaks {
		b.Errorf("stored findings: %s, want %s", rows[0][0], leaks)
	}
}

// processCPU is the processor time of another process so far.
func processCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		b.Fatal(err)
	}
	// The name, in brackets, may hold anything; utime and stime are the 12th and 13th
	// fields behind it, in hundredths of a second.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int64
	for _, field := range f[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
