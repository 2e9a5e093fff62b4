package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/embedded"
)

func demoCommand(std streams) *cobra.Command {
	d := &demo{std: std, supported: embedded.Supported}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Act out a small marketplace with ten kinds of leak, on this machine alone",
		Long: `Act out a small marketplace: honest traffic with ten kinds of leak planted in it.
A Kafka broker inside this program takes the logs, the service reads them, and the
embedded ClickHouse engine stores what it finds. Nothing else is needed, and nothing
outside the demo's folder is touched.

With --once it checks that exactly the planted leaks were found, and ends.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&d.once, "once", false, "end after one round, exit code 0 when exactly the planted leaks were found")
	cmd.Flags().StringVar(&d.dir, "dir", "", "folder for the demo's data, kept afterwards (default: a temporary one, removed)")
	cmd.Flags().IntVar(&d.requests, "requests", 300, "honest requests in each round")
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:9464", "address of the metrics")
	cmd.Flags().StringVar(&d.library, "library", "", "path of the embedded engine's libchdb.so")
	return cmd
}

type demo struct {
	std      streams
	once     bool
	dir      string
	requests int
	listen   string
	library  string

	supported func() bool // whether there is an engine for this machine
	seed      uint64      // of the first round's marketplace, less one
	keep      bool        // the temporary folder, because an error names its log
}

// run starts broker, service and engine, and plays until it is told to stop.
func (d *demo) run(ctx context.Context) error {
	if d.dir != "" {
		d.seed = uint64(time.Now().Unix()) << 16 // what an earlier demo left there is not found again
	} else {
		dir, err := os.MkdirTemp("", "trespass-demo-")
		if err != nil {
			return fmt.Errorf("demo: make a folder for its data: %w", err)
		}
		d.dir = dir
		defer func() {
			if !d.keep {
				_ = os.RemoveAll(dir)
			}
		}()
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("demo: make its folder: %w", err)
	}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "app", "audit"), kfake.SeedTopics(1, "facts"))
	if err != nil {
		return fmt.Errorf("demo: start the broker inside this program: %w", err)
	}
	defer broker.Close()
	log, err := os.OpenFile(filepath.Join(d.dir, "trespass.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { _ = log.Close() }()
	rules, err := rulesOf("policy.yaml of the demo", market.Policy, config.Formats{})
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d.say("Starting a broker for app, audit and facts, the service, and the store.")
	var playing sync.WaitGroup
	var playErr error
	ready := func(metrics string, out *sink.Opened) {
		playing.Go(func() {
			playErr = d.play(ctx, broker.ListenAddrs(), metrics, out)
			stop(playErr)
		})
	}
	err = wire(ctx, d.config(broker.ListenAddrs()), streams{err: log, out: io.Discard}, wireOptions{rules: rules, ready: ready})
	stop(err)
	playing.Wait()
	if err != nil && !errors.Is(err, playErr) {
		return d.explain(err)
	}
	if errors.Is(playErr, context.Canceled) {
		return nil
	}
	return playErr
}

// config is what a user's trespass.yaml would say.
func (d *demo) config(brokers []string) config.Config {
	c := config.Default()
	c.Kafka.Brokers = brokers
	c.Kafka.Topics = config.Topics{App: []string{"app"}, Audit: []string{"audit"}, Facts: []string{"facts"}}
	c.Sink.Address, c.Sink.Library = d.sink(), d.library
	c.HTTP.Listen = d.listen
	c.Log.Format = "json"
	second := config.Duration(time.Second)
	c.Windows = config.Windows{Disorder: second, Lateness: 60 * second, Join: 2 * second, Txn: second, Reopen: 10 * second, Idle: 30 * second}
	return c
}

// sink is the engine, or plain files where there is none for this machine.
func (d *demo) sink() string {
	data := filepath.Join(d.dir, "data")
	if !d.supported() {
		d.say("There is no ClickHouse engine for this machine: findings go to files in %s, and cannot be asked for with SQL.", data)
		return "lines:" + data
	}
	return "embedded:" + data
}

func (d *demo) explain(err error) error {
	if errors.Is(err, embedded.ErrNoProgram) {
		return fmt.Errorf("demo: %w", err)
	}
	d.keep = true
	return fmt.Errorf("demo: %w (its log is %s)", err, filepath.Join(d.dir, "trespass.log"))
}

// play writes round after round of traffic and shows what is found.
func (d *demo) play(ctx context.Context, brokers []string, metrics string, out *sink.Opened) error {
	d.tryNext(metrics, out)
	w := &kafka.Writer{Addr: kafka.TCP(brokers...), RequiredAcks: kafka.RequireAll, Balancer: &kafka.RoundRobin{}, BatchTimeout: 5 * time.Millisecond}
	defer func() { _ = w.Close() }()
	beating, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { _ = beat(beating, brokers) })
	defer beats.Wait()
	defer stop()
	shown := newShown(out, filepath.Join(d.dir, "data"))
	if _, err := shown.look(ctx); err != nil {
		return fmt.Errorf("demo: ask for findings: %w", err)
	}
	shown.round()
	for round := uint64(1); ; round++ {
		world := market.NewWorld(d.seed+round, 14)
		steps := world.Script(d.requests)
		start := time.Now()
		if err := d.write(ctx, w, world, steps, start); err != nil {
			return fmt.Errorf("demo: write the traffic: %w", err)
		}
		d.say("Round %d: %d requests written, %d leaks among them.", round, len(steps), leaks(steps))
		if err := d.watch(ctx, shown, steps, start); err != nil {
			return err
		}
		if d.once {
			return nil
		}
		shown.round()
		if err := pause(ctx, 20*time.Second); err != nil {
			return err
		}
	}
}

// write puts facts, events and audit lines into their topics.
func (d *demo) write(ctx context.Context, w *kafka.Writer, world *market.World, steps []market.Step, start time.Time) error {
	var messages []kafka.Message
	add := func(topic string, lines ...[]byte) {
		for _, l := range lines {
			messages = append(messages, kafka.Message{Topic: topic, Value: l})
		}
	}
	add("facts", world.Facts(start, steps)...)
	if err := w.WriteMessages(ctx, messages...); err != nil {
		return err
	}
	messages = nil
	db := market.NewDatabase(start.Add(-time.Hour))
	for i := range steps {
		add("audit", db.Log(start, &steps[i])...)
		add("app", steps[i].Event(start, steps[i].Rows))
	}
	return w.WriteMessages(ctx, messages...)
}

// watch shows findings as they appear, until all planted leaks of the round are
// there. With --once anything missing or extra is an error.
func (d *demo) watch(ctx context.Context, shown *shown, steps []market.Step, start time.Time) error {
	want := map[string]string{}
	for i := range steps {
		if l := steps[i].Leak; l != nil {
			want[steps[i].ID] = l.Rule
		}
	}
	limit := time.Now().Add(time.Minute)
	settled := 0
	for {
		fresh, err := shown.look(ctx)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("demo: ask for findings: %w", err)
		}
		for _, f := range fresh {
			d.say("  %5.1fs  %-8s %-9s %s", time.Since(start).Seconds(), f.severity, f.claim, screen.Clean(f.summary))
		}
		got := shown.of(want)
		if len(got.missing) == 0 {
			if settled++; settled > 12 { // a little longer, so that what is too much shows as well
				return d.verdict(want, got)
			}
		}
		if time.Now().After(limit) {
			return d.verdict(want, got)
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

// verdict compares what was found with what was planted.
func (d *demo) verdict(want map[string]string, got compared) error {
	if len(got.missing)+len(got.extra) == 0 {
		d.say("All %d planted leaks were found, and nothing else.", len(want))
		return nil
	}
	for _, m := range got.missing {
		d.say("  missing: %s", m)
	}
	for _, e := range got.extra {
		d.say("  not planted: %s", e)
	}
	if d.once {
		d.keep = true
		return fmt.Errorf("demo: %d planted leaks were not found, %d findings were not planted (log: %s)", len(got.missing), len(got.extra), filepath.Join(d.dir, "trespass.log"))
	}
	return nil
}

// tryNext says what a person can do while the demo runs.
func (d *demo) tryNext(metrics string, out *sink.Opened) {
	d.say("")
	d.say("While it runs, try:")
	if out.Engine != nil {
		address := "embedded:" + filepath.Join(d.dir, "data")
		d.say("  trespass ask findings --sink %s", address)
		d.say("  trespass ask who-read --person ID --sink %s", address)
		d.say("  curl --user default:$(cat %s) --data-binary 'SELECT rule, severity, summary FROM trespass.findings_v FORMAT PrettyCompact' %s", out.Engine.PasswordFile(), out.Engine.HTTP())
	}
	d.say("  curl %s | grep trespass_findings_total", metrics)
	d.say("")
}

func (d *demo) say(format string, a ...any) { _, _ = fmt.Fprintf(d.std.out, format+"\n", a...) }

func leaks(steps []market.Step) int {
	n := 0
	for i := range steps {
		if steps[i].Leak != nil {
			n++
		}
	}
	return n
}

// beat writes heartbeats into every partition, so that the clock goes on when the
// traffic pauses.
func beat(ctx context.Context, brokers []string) error {
	for {
		for _, topic := range []string{"app", "audit"} {
			for p := range 2 {
				w := &kafka.Writer{
					Addr: kafka.TCP(brokers...), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond,
					Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return p }),
				}
				err := w.WriteMessages(ctx, kafka.Message{Value: market.Heartbeat(time.Now())})
				_ = w.Close()
				if ctx.Err() != nil {
					return err
				}
			}
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
