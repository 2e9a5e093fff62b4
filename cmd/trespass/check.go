package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/clickhouse"
)

func checkCommand(std streams) *cobra.Command {
	var policyPath, configPath string
	var noEnvironment bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the policy and the configuration, and that everything they name can be reached",
		Long: `Check a policy file and a configuration. All faults are shown in one run, each with
its line. With a configuration, Kafka's topics and the sink are looked up as well,
unless --no-environment is given. Nothing is changed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if policyPath == "" && configPath == "" {
				return usageError(fmt.Errorf("say what to check: --policy FILE, --config FILE, or both"))
			}
			c := config.Default()
			if configPath != "" {
				var err error
				if c, err = config.Load(configPath); err != nil {
					return configError(err)
				}
				say(std, "ok  configuration %s", configPath)
			}
			if policyPath == "" {
				policyPath = c.Path(c.Policy)
			}
			rules, err := rulesFrom(policyPath, c.Formats)
			if err != nil {
				return configError(err)
			}
			say(std, "ok  policy %s: %d tables, %d routes, version %s", policyPath, len(rules.Policy.Tables), len(rules.Policy.Routes), rules.Policy.Version)
			if configPath == "" || noEnvironment {
				return nil
			}
			return checkEnvironment(cmd.Context(), std, &c)
		},
	}
	cmd.Flags().StringVarP(&policyPath, "policy", "p", "", "policy.yaml (default: the one that the configuration names)")
	cmd.Flags().StringVarP(&configPath, "config", "c", "", "trespass.yaml")
	cmd.Flags().BoolVar(&noEnvironment, "no-environment", false, "do not look at Kafka and the sink")
	return cmd
}

func say(std streams, format string, a ...any) { _, _ = fmt.Fprintf(std.out, format+"\n", a...) }

// checkEnvironment looks at everything and says what is wrong with each part.
func checkEnvironment(ctx context.Context, std streams, c *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var wrong []string
	part := func(name string, err error) {
		if err != nil {
			wrong = append(wrong, name)
			say(std, "--  %s: %v", name, err)
			return
		}
		say(std, "ok  %s", name)
	}
	part("kafka", checkKafka(ctx, c))
	part("sink", checkSink(ctx, c))
	if len(wrong) > 0 {
		return fmt.Errorf("not in order: %s", strings.Join(wrong, ", "))
	}
	return nil
}

func checkKafka(ctx context.Context, c *config.Config) error {
	k, err := kafkaConfig(c)
	if err != nil {
		return err
	}
	source, err := kafka.New(k, zerolog.Nop())
	if err != nil {
		return err
	}
	return source.Check(ctx)
}

// checkSink asks a server. The embedded engine is not started for a check: only
// its directory is looked at.
func checkSink(ctx context.Context, c *config.Config) error {
	kind, rest, err := sink.Parse(c.SinkAddress())
	if err != nil {
		return err
	}
	if kind != sink.Server {
		if err := os.MkdirAll(rest, 0o700); err != nil {
			return err
		}
		f, err := os.CreateTemp(rest, ".check")
		if err != nil {
			return fmt.Errorf("the directory cannot be written to: %w", err)
		}
		_ = f.Close()
		return os.Remove(f.Name())
	}
	password, err := c.Secret(c.Sink.PasswordFile, "TRESPASS_CLICKHOUSE_PASSWORD")
	if err != nil {
		return err
	}
	store, closeStore, err := sink.Store(ctx, sink.Options{Address: c.SinkAddress(), Password: password})
	if err != nil {
		return err
	}
	defer func() { _ = closeStore() }()
	st, err := store.Status(ctx, clickhouse.Rendering{})
	if err != nil {
		return err
	}
	if len(st.Unknown)+len(st.Changed) > 0 {
		return st.Err()
	}
	return nil
}
