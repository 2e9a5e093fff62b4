package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand lists all commands: one file each.
func rootCommand(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "trespass",
		Short: "Tells you when one customer's data is read by another customer's session",
		Long: `Trespass reads application logs and Postgres audit logs and gives every record
that came back a verdict: does this session have a reason to read this row?

  trespass demo               a small marketplace with leaks, on this machine alone
  trespass scan LOGS...       judge plain log files, no service needed
  trespass run --config FILE  read Kafka day and night

Every flag can be set in the environment: --fail-on is TRESPASS_FAIL_ON.
Exit codes: 0 done, 1 findings at or above --fail-on, 2 could not complete,
64 wrong usage, 78 wrong configuration or policy.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags())
		},
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.AddCommand(
		scanCommand(std),
		runCommand(std),
		demoCommand(std),
		checkCommand(std),
		askCommand(std),
		rulesCommand(std),
		migrateCommand(std),
		versionCommand(std),
	)
	return root
}

// fromEnvironment sets each flag that was not given from TRESPASS_NAME.
func fromEnvironment(flags *pflag.FlagSet) error {
	var first error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "TRESPASS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || f.Name == "help" || first != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			first = usageError(fmt.Errorf("environment variable %s: %w", name, err))
		}
	})
	return first
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0]))
	}
	return nil
}
