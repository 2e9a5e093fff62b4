package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/embedded"
)

func runCommand(std streams) *cobra.Command {
	var path string
	var said runLog
	var check bool
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Read Kafka day and night, judge, and write findings to ClickHouse",
		Long: `Read application and audit logs from Kafka, judge every record that came back,
and write findings and reads to ClickHouse. Metrics and health are served over HTTP
(/metrics, /-/healthy, /-/ready).

SIGHUP reads the policy again and keeps the old one when the new one is wrong. So does
POST /-/reload, when http.reload is true.
SIGTERM stops: what is decided is written and committed within ten seconds.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return usageError(errors.New("run: name the configuration: --config trespass.yaml"))
			}
			c, err := config.Load(path)
			if err != nil {
				return configError(err)
			}
			if err := said.apply(&c); err != nil {
				return usageError(err)
			}
			if check {
				return checkAll(cmd.Context(), std, c, path)
			}
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			return wire(cmd.Context(), c, std, wireOptions{reload: hup})
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "trespass.yaml (see deploy/trespass.yaml)")
	cmd.Flags().BoolVar(&check, "check", false, "check everything, as trespass check does, and end")
	cmd.Flags().StringVar(&said.format, "log-format", "", "auto, console or json, instead of the configuration's log.format")
	cmd.Flags().BoolVarP(&said.verbose, "verbose", "v", false, "log everything, instead of the configuration's log.level")
	cmd.Flags().BoolVarP(&said.quiet, "quiet", "q", false, "log warnings and errors only, instead of the configuration's log.level")
	completeFlag(cmd, "log-format", "auto", "console", "json")
	return cmd
}

// runLog is what the command line says of the service's log. It counts before the
// configuration.
type runLog struct {
	format         string
	verbose, quiet bool
}

func (l *runLog) apply(c *config.Config) error {
	switch l.format {
	case "":
	case "auto", "console", "json":
		c.Log.Format = l.format
	default:
		return fmt.Errorf("--log-format %q: want auto, console or json", l.format)
	}
	switch {
	case l.verbose && l.quiet:
		return errors.New("--verbose and --quiet: give one of them")
	case l.verbose:
		c.Log.Level = "debug"
	case l.quiet:
		c.Log.Level = "warn"
	}
	return nil
}

// wireOptions are what differs between run and demo.
type wireOptions struct {
	reload <-chan os.Signal
	rules  *service.Rules                       // instead of the policy file's
	ready  func(metrics string, s *sink.Opened) // called once all parts are up
}

// stopLimit is how long everything together may take to stop.
const stopLimit = 10 * time.Second

// wire builds the service from its parts and runs it until ctx ends, which is no
// error. This is the one place where everything meets:
//
//	policy file ── rules ─┐
//	Kafka topics ─────────┤
//	                      ├─ service ── findings, reads ── sink (ClickHouse)
//	                      └─ metrics, health ── HTTP
//
// What is opened is closed in reverse.
func wire(ctx context.Context, c config.Config, std streams, o wireOptions) error {
	set, err := prepare(c, o.rules)
	if err != nil {
		return err
	}
	listen, err := net.Listen("tcp", c.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("serve metrics and health: %w; give a free address (http.listen in trespass.yaml, --listen of the demo)", err)
	}
	defer func() { _ = listen.Close() }()

	log := set.newLog(std.err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	trouble := service.NewTrouble(registry, log, service.Build{Version: version, Revision: revision(), Go: runtime.Version()})
	state := &readiness{trouble: trouble}

	group, inner := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx)) // metrics stay up while the rest stops
	var renew func() error
	if c.HTTP.Reload {
		renew = state.reload
	}
	group.Go(func() error { return service.Serve(serving, listen, registry, state.get, renew) })
	group.Go(func() error {
		defer stopServing()
		return set.work(inner, "http://"+listen.Addr().String()+"/metrics", log, registry, trouble, state, o)
	})
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		select {
		case err = <-ended:
		case <-time.After(stopLimit):
			return fmt.Errorf("stop: not everything ended within %s; what was not committed is read again at the next start", stopLimit)
		}
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		log.Info().Msg("stopped")
		return nil
	}
	return err
}

// work opens the sink and reads until ctx ends.
func (set *settings) work(ctx context.Context, metrics string, log zerolog.Logger, registry *prometheus.Registry,
	trouble *service.Trouble, state *readiness, o wireOptions) error {
	c := &set.config
	out, err := sink.Open(ctx, sink.Options{
		Address: c.SinkAddress(), Password: set.password, Writer: writerName(), Trouble: trouble,
		Engine: engineOptionsFor(c, log), Migrate: *c.Sink.Migrate,
	})
	if err != nil {
		return sinkError(err)
	}
	defer func() {
		if err := out.Close(); err != nil {
			log.Warn().Err(err).Msg("close the sink")
		}
	}()
	s, err := service.New(service.Options{
		Kafka: set.kafka, Facts: factTopics(c), Idle: time.Duration(c.Windows.Idle), Rules: *set.rules,
		Join: join.Options{Windows: windows(c), Environment: c.Environment},
		Sink: out, Log: log, Registry: registry,
	}, trouble)
	if err != nil {
		return configError(err)
	}
	state.set(s.Ready)
	reloading, stopReloading := context.WithCancel(ctx)
	defer stopReloading()
	renew := reloader(c, s, trouble, log)
	state.started(renew)
	go reloadAt(reloading, o.reload, renew)
	log.Info().Str("version", version).Str("metrics", metrics).Str("policy", set.rules.Policy.Version).Msg("started")
	if o.ready != nil {
		o.ready(metrics, out)
	}
	return s.Run(ctx)
}

// reloader gives what reads the policy again and takes it, if it is right. It is safe for
// use by many goroutines. The error says what is wrong.
func reloader(c *config.Config, s *service.Service, trouble *service.Trouble, log zerolog.Logger) func() error {
	var one sync.Mutex
	return func() error {
		one.Lock()
		defer one.Unlock()
		rules, err := loadRules(c)
		trouble.Reloaded(err)
		if err != nil {
			log.Error().Err(err).Msg("the new policy is wrong; the old one stays in force")
			return err
		}
		s.Reload(*rules)
		log.Info().Str("policy", rules.Policy.Version).Msg("policy taken; changes of trespass.yaml need a restart")
		return nil
	}
}

// reloadAt reloads at each signal. What comes of it is logged.
func reloadAt(ctx context.Context, signals <-chan os.Signal, renew func() error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			_ = renew()
		}
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

func writerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
