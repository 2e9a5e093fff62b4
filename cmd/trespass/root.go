package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trespass.dev/trespass/detect"
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

Every flag can be set in the environment: --fail-on is TRESPASS_FAIL_ON. What is
given on the command line counts first.
Exit codes: 0 done, 1 findings at or above --fail-on, 2 could not complete,
3 warnings only, with check --deny-warnings, 64 wrong usage, 78 wrong configuration
or policy.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
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
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	wrongArgsAreUsage(root)
	return root
}

// wrongArgsAreUsage gives the exit code of wrong usage to what cobra itself finds
// wrong with the arguments of a command, and of those below it.
func wrongArgsAreUsage(cmd *cobra.Command) {
	switch {
	case cmd.Name() == "help":
		cmd.Args = knownTopic
	case cmd.HasSubCommands() && !cmd.Runnable():
		cmd.Args, cmd.RunE = noSuchCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			var e *exitError
			if err == nil || errors.As(err, &e) {
				return err
			}
			return usageError(err)
		}
	}
	for _, c := range cmd.Commands() {
		wrongArgsAreUsage(c)
	}
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

// noSuchCommand refuses arguments of a command that only has commands below it.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usageError(fmt.Errorf("%s has no command %q%s; there are %s", cmd.CommandPath(), args[0], detect.Suggest(args[0], names), strings.Join(names, ", ")))
}

// knownTopic refuses help for what is no command.
func knownTopic(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 && found.HasSubCommands() {
		return noSuchCommand(found, rest)
	}
	return nil
}
