package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/clickhouse"
)

func migrateCommand(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the ClickHouse schema up to date, or show what that would do",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var to storeFlags
	up := &cobra.Command{
		Use:   "up",
		Short: "Run the migrations that are missing; safe to run twice, and by two processes at once",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return to.open(cmd.Context(), func(ctx context.Context, store *clickhouse.Store) error {
				ran, err := store.Migrate(ctx, clickhouse.Rendering{Cluster: to.cluster})
				for _, v := range ran {
					_, _ = fmt.Fprintln(std.out, "applied", v)
				}
				if err == nil && len(ran) == 0 {
					_, _ = fmt.Fprintln(std.out, "the schema is up to date")
				}
				return err
			})
		},
	}
	status := &cobra.Command{
		Use:   "status",
		Short: "Show which migrations the database has; exit code 2 when it is not up to date",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return to.open(cmd.Context(), func(ctx context.Context, store *clickhouse.Store) error {
				st, err := store.Status(ctx, clickhouse.Rendering{Cluster: to.cluster})
				if err != nil {
					return err
				}
				for _, a := range st.Applied {
					_, _ = fmt.Fprintf(std.out, "%-20s applied %s  %s\n", a.Version, a.At.UTC().Format(time.DateTime), a.Checksum)
				}
				for _, m := range st.Pending {
					_, _ = fmt.Fprintf(std.out, "%-20s pending\n", m.Version)
				}
				return st.Err()
			})
		},
	}
	plan := &cobra.Command{
		Use:   "plan",
		Short: "Print the SQL of the whole schema, for one node or a cluster; touches nothing",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			statements, err := clickhouse.Plan(clickhouse.Rendering{Database: to.database, Cluster: to.cluster})
			if err != nil {
				return usageError(err)
			}
			_, err = fmt.Fprintln(std.out, strings.Join(statements, ";\n\n")+";")
			return err
		},
	}
	for _, c := range []*cobra.Command{up, status} {
		to.flags(c)
	}
	plan.Flags().StringVar(&to.database, "database", clickhouse.DefaultDatabase, "database to write the SQL for")
	for _, c := range []*cobra.Command{up, status, plan} {
		c.Flags().StringVar(&to.cluster, "cluster", "", "write ON CLUSTER and replicated engines for this cluster")
	}
	cmd.AddCommand(up, status, plan)
	return cmd
}

// storeFlags say which ClickHouse a command talks to.
type storeFlags struct {
	config, address, passwordFile, library string
	database, cluster                      string
	existing                               bool // a directory that is not there is not made
}

func (f *storeFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "trespass.yaml whose sink is meant")
	cmd.Flags().StringVar(&f.address, "sink", "", "ClickHouse instead of the configuration's: clickhouse://user@host:9000/trespass, https://..., embedded:DIR")
	cmd.Flags().StringVar(&f.passwordFile, "password-file", "", "file with the server's password (or TRESPASS_CLICKHOUSE_PASSWORD)")
	cmd.Flags().StringVar(&f.library, "library", "", "path of the embedded engine's libchdb.so")
}

// open connects, calls do, and closes.
func (f *storeFlags) open(ctx context.Context, do func(context.Context, *clickhouse.Store) error) error {
	c := config.Default()
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return configError(err)
		}
	} else if f.address == "" {
		return usageError(fmt.Errorf("say which ClickHouse: --config trespass.yaml, or --sink ADDRESS"))
	}
	if f.address != "" {
		c.Sink = config.Sink{Address: f.address, PasswordFile: f.passwordFile, Library: f.library}
	}
	password, err := c.Secret(c.Sink.PasswordFile, "TRESPASS_CLICKHOUSE_PASSWORD")
	if err != nil {
		return configError(err)
	}
	if kind, dir, err := sink.Parse(c.SinkAddress()); f.existing && err == nil && kind == sink.Embedded {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("nothing is stored there: %w; name the directory that trespass run or the demo writes to", err)
		}
	}
	store, closeStore, err := sink.Store(ctx, sink.Options{Address: c.SinkAddress(), Password: password, Engine: engineOptions(&c)})
	if err != nil {
		return sinkError(err)
	}
	err = do(ctx, store)
	if closeErr := closeStore(); err == nil {
		err = closeErr
	}
	return err
}

// sinkError adds to a sink that cannot be opened what to do about it.
func sinkError(err error) error {
	for _, e := range []error{fs.ErrPermission, fs.ErrNotExist, fs.ErrExist, syscall.EROFS, syscall.ENOTDIR, syscall.ENOSPC} {
		if errors.Is(err, e) {
			return fmt.Errorf("open the sink: %w; give another directory (sink.address, or --sink), or room and the right to write to this one", err)
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("open the sink: %w; does ClickHouse run there, and is it the right port (sink.address, or --sink)?", err)
	}
	return fmt.Errorf("open the sink: %w", err)
}
