package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/report"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/clickhouse"
)

func checkCommand(std streams) *cobra.Command {
	var policyPath, configPath string
	var noEnvironment, denyWarnings bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the policy and the configuration, and that everything they name can be reached",
		Long: `Check a policy file and a configuration. All faults are shown in one run, each with
its line. With a configuration, Kafka's topics and the sink are looked up as well,
unless --no-environment is given. Nothing is changed.

What is no fault but most likely a gap is shown as a warning. With --deny-warnings the
exit code is then 3.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if policyPath == "" && configPath == "" {
				return usageError(fmt.Errorf("say what to check: --policy FILE, --config FILE, or both"))
			}
			found := &warnings{std: std}
			if configPath == "" {
				if err := checkPolicy(std, found, policyPath, config.Formats{}); err != nil {
					return err
				}
				return found.outcome(denyWarnings)
			}
			c, err := config.Load(configPath)
			if err != nil {
				return configError(err)
			}
			if policyPath == "" {
				policyPath = c.Path(c.Policy)
			}
			set, err := checkFiles(std, found, c, configPath, policyPath)
			if err == nil && !noEnvironment {
				err = checkEnvironment(cmd.Context(), std, set)
			}
			if err != nil {
				return err
			}
			return found.outcome(denyWarnings)
		},
	}
	cmd.Flags().StringVarP(&policyPath, "policy", "p", "", "policy.yaml (default: the one that the configuration names)")
	cmd.Flags().StringVarP(&configPath, "config", "c", "", "trespass.yaml")
	cmd.Flags().BoolVar(&noEnvironment, "no-environment", false, "do not look at Kafka and the sink")
	cmd.Flags().BoolVar(&denyWarnings, "deny-warnings", false, "exit 3 when there are warnings and no faults")
	return cmd
}

// checkFiles looks at a configuration and its policy without any connection.
func checkFiles(std streams, found *warnings, c config.Config, configPath, policyPath string) (*settings, error) {
	policyErr := checkPolicy(std, found, policyPath, c.Formats)
	set, err := prepare(c, &service.Rules{})
	if err := errors.Join(policyErr, err); err != nil {
		return nil, configError(err)
	}
	say(std, "ok  configuration %s", configPath)
	found.add(configWarnings(configPath, &c))
	return set, nil
}

// checkAll looks at a configuration and at all that it names.
func checkAll(ctx context.Context, std streams, c config.Config, configPath string) error {
	set, err := checkFiles(std, &warnings{std: std}, c, configPath, c.Path(c.Policy))
	if err != nil {
		return err
	}
	return checkEnvironment(ctx, std, set)
}

func say(std streams, format string, a ...any) { _, _ = fmt.Fprintf(std.out, format+"\n", a...) }

// checkPolicy shows what a policy says, or every fault of it.
func checkPolicy(std streams, found *warnings, path string, formats config.Formats) error {
	rules, err := rulesFrom(path, formats)
	if err != nil {
		return configError(err)
	}
	say(std, "ok  policy %s: %s, %s, version %s", path, report.Plural(len(rules.Policy.Tables), "table"), report.Plural(len(rules.Policy.Routes), "route"), rules.Policy.Version)
	found.add(policyWarnings(path, rules.Policy))
	return nil
}

// checkEnvironment looks at everything and says what is wrong with each part.
func checkEnvironment(ctx context.Context, std streams, set *settings) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var wrong []string
	part := func(name string, err error) {
		if err != nil {
			wrong = append(wrong, name)
			say(std, "--  %s: %s", name, screen.CleanLines(err.Error()))
			return
		}
		say(std, "ok  %s", name)
	}
	part("kafka", checkKafka(ctx, set.kafka))
	part("sink", checkSink(ctx, set))
	if len(wrong) > 0 {
		return fmt.Errorf("not in order: %s; see above", strings.Join(wrong, ", "))
	}
	return nil
}

func checkKafka(ctx context.Context, c kafka.Config) error {
	source, err := kafka.New(c, zerolog.Nop())
	if err != nil {
		return err
	}
	if err := source.Check(ctx); err != nil {
		return fmt.Errorf("%w; look at kafka in the configuration (brokers %s, group %s), and whether Kafka listens there", err, strings.Join(c.Brokers, ", "), c.Group)
	}
	return nil
}

// checkSink asks a server. The embedded engine is not started for a check: only
// its directory is looked at.
func checkSink(ctx context.Context, set *settings) error {
	_, rest, err := sink.Parse(set.config.SinkAddress())
	if err != nil {
		return err
	}
	if set.sink != sink.Server {
		return checkFolder(rest)
	}
	store, closeStore, err := sink.Store(ctx, sink.Options{Address: rest, Password: set.password})
	if err != nil {
		return err
	}
	defer func() { _ = closeStore() }()
	st, err := store.Status(ctx, clickhouse.Rendering{})
	if err != nil {
		return err
	}
	if len(st.Unknown)+len(st.Changed) > 0 || !*set.config.Sink.Migrate {
		return st.Err()
	}
	return nil // run brings up to date what is only behind
}

// checkFolder tries whether a data directory can be made, or written to. It leaves
// nothing behind.
func checkFolder(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		_, err := os.Lstat(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".trespass-check-")
	if err != nil {
		return fmt.Errorf("the data directory cannot be written to: %w; give another one (sink.address), or the right to this one", err)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
