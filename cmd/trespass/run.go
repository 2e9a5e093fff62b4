package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/embedded"
)

func runCommand(std streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Read Kafka day and night, judge, and write findings to ClickHouse",
		Long: `Read application and audit logs from Kafka, judge every record that came back,
and write findings and reads to ClickHouse. Metrics and health are served over HTTP
(/metrics, /-/healthy, /-/ready).

SIGHUP reads the policy again and keeps the old one when the new one is wrong.
SIGTERM stops: what is decided is written and committed within ten seconds.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path)
			if err != nil {
				return configError(err)
			}
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			return wire(cmd.Context(), c, std, wireOptions{reload: hup})
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "trespass.yaml (see deploy/trespass.yaml)")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// wireOptions are what differs between run and demo.
type wireOptions struct {
	reload <-chan os.Signal
	rules  *service.Rules                       // instead of the policy file's
	ready  func(metrics string, s *sink.Opened) // called once all parts are up
}

// wire builds the service from its parts and runs it until ctx ends. This is the
// one place where everything meets:
//
//	policy file ── rules ─┐
//	Kafka topics ─────────┤
//	                      ├─ service ── findings, reads ── sink (ClickHouse)
//	                      └─ metrics, health ── HTTP
//
// What is opened is closed in reverse.
func wire(ctx context.Context, c config.Config, std streams, o wireOptions) (err error) {
	log, err := newLog(c.Log, std.err)
	if err != nil {
		return configError(err)
	}
	rules := o.rules
	if rules == nil {
		if rules, err = loadRules(&c); err != nil {
			return configError(err)
		}
	}
	source, err := kafkaConfig(&c)
	if err != nil {
		return configError(err)
	}
	password, err := c.Secret(c.Sink.PasswordFile, "TRESPASS_CLICKHOUSE_PASSWORD")
	if err != nil {
		return configError(err)
	}

	listen, err := net.Listen("tcp", c.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("serve metrics: %w; set http.listen to a free address", err)
	}
	defer func() { _ = listen.Close() }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	trouble := service.NewTrouble(registry, log, service.Build{Version: version, Revision: revision(), Go: runtime.Version()})
	state := &readiness{reason: "opening the sink"}

	group, ctx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return service.Serve(serving, listen, registry, state.get) })
	group.Go(func() error {
		defer stopServing()
		out, err := sink.Open(ctx, sink.Options{
			Address: c.SinkAddress(), Password: password, Writer: writerName(), Trouble: trouble,
			Engine: engineOptionsFor(&c, log), Migrate: *c.Sink.Migrate,
		})
		if err != nil {
			return fmt.Errorf("open the sink: %w", err)
		}
		defer func() {
			if closeErr := out.Close(); err == nil && closeErr != nil {
				log.Warn().Err(closeErr).Msg("close the sink")
			}
		}()
		s, err := service.New(service.Options{
			Kafka: source, Facts: factTopics(&c), Idle: time.Duration(c.Windows.Idle), Rules: *rules,
			Detect: detect.Options{Windows: windows(&c), Environment: c.Environment},
			Sink:   out, Log: log, Registry: registry,
		}, trouble)
		if err != nil {
			return configError(err)
		}
		state.set(s.Ready)
		reloading, stopReloading := context.WithCancel(ctx)
		defer stopReloading()
		go reload(reloading, o.reload, &c, s, trouble, log)
		log.Info().Str("version", version).Str("metrics", "http://"+listen.Addr().String()+"/metrics").Str("policy", rules.Policy.Version).Msg("started")
		if o.ready != nil {
			o.ready("http://"+listen.Addr().String()+"/metrics", out)
		}
		err = s.Run(ctx)
		log.Info().Msg("stopped")
		return err
	})
	return group.Wait()
}

// reload takes a new policy at each signal, if it is right.
func reload(ctx context.Context, signals <-chan os.Signal, c *config.Config, s *service.Service, trouble *service.Trouble, log zerolog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		rules, err := loadRules(c)
		trouble.Reloaded(err)
		if err != nil {
			log.Error().Err(err).Msg("the new policy is wrong; the old one stays in force")
			continue
		}
		s.Reload(*rules)
		log.Info().Str("policy", rules.Policy.Version).Msg("policy taken; changes of trespass.yaml need a restart")
	}
}

func kafkaConfig(c *config.Config) (kafka.Config, error) {
	out := kafka.Config{Brokers: c.Kafka.Brokers, Group: c.Kafka.Group, SessionTimeout: time.Duration(c.Kafka.Session)}
	for _, l := range [][]string{c.Kafka.Topics.Facts, c.Kafka.Topics.App, c.Kafka.Topics.Audit, c.Kafka.Topics.Edge} {
		out.Topics = append(out.Topics, l...)
	}
	if t := c.Kafka.TLS; t != nil {
		out.TLS = &kafka.TLS{CAFile: c.Path(t.CAFile), CertFile: c.Path(t.CertFile), KeyFile: c.Path(t.KeyFile), ServerName: t.ServerName}
	}
	if s := c.Kafka.SASL; s != nil {
		password, err := c.Secret(s.PasswordFile, "TRESPASS_KAFKA_PASSWORD")
		if err != nil {
			return out, err
		}
		out.SASL = &kafka.SASL{Mechanism: strings.ToUpper(s.Mechanism), User: s.User, Password: password}
	}
	return out, nil
}

func factTopics(c *config.Config) map[string]bool {
	facts := map[string]bool{}
	for _, t := range c.Kafka.Topics.Facts {
		facts[t] = true
	}
	return facts
}

func windows(c *config.Config) detect.Windows {
	w := c.Windows
	return detect.Windows{
		Disorder: time.Duration(w.Disorder), Lateness: time.Duration(w.Lateness), Join: time.Duration(w.Join),
		Txn: time.Duration(w.Txn), Reopen: time.Duration(w.Reopen),
	}
}

func engineOptions(c *config.Config) embedded.Options {
	return embedded.Options{Library: c.Path(c.Sink.Library), Memory: c.Sink.Memory, Stderr: io.Discard}
}

// engineOptionsFor also logs the engine's end and return.
func engineOptionsFor(c *config.Config, log zerolog.Logger) embedded.Options {
	o := engineOptions(c)
	o.Changed = func(up bool, err error) {
		if up {
			log.Info().Msg("the embedded engine is back")
			return
		}
		log.Error().Err(err).Msg("the embedded engine is away and started again; nothing is lost meanwhile")
	}
	return o
}

// newLog makes the service's log: JSON, or lines for people on a terminal.
func newLog(c config.Log, w io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log.level %q: want debug, info, warn or error", c.Level)
	}
	if c.Format == "console" || c.Format == "auto" && screen.IsTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !screen.Colour("auto", w)}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

func writerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
