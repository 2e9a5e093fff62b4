// Package sink is where findings and reads land. Open is the list of all sinks:
// a ClickHouse server, the embedded ClickHouse engine as a child process, or
// files of lines.
package sink

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"trespass.dev/trespass/sink/clickhouse"
	"trespass.dev/trespass/sink/contract"
	"trespass.dev/trespass/sink/embedded"
	"trespass.dev/trespass/sink/lines"
)

// Options is what the sinks need beside their address.
type Options struct {
	Address  string // see Parse
	Password string // of a server
	Writer   string // name of this process, stored with each finding
	Engine   embedded.Options
	Trouble  contract.Trouble
	Stderr   io.Writer
	Migrate  bool // bring the schema up to date
}

// Opened is an open sink, with the store behind it when it can be asked.
type Opened struct {
	contract.Sink
	Store  *clickhouse.Store // nil for files
	Engine *embedded.Engine  // nil unless embedded
}

// Close closes the sink, then stops an engine of our own.
func (o *Opened) Close() error {
	err := o.Sink.Close()
	if o.Engine != nil {
		if stopErr := o.Engine.Close(); err == nil {
			err = stopErr
		}
	}
	return err
}

// Open opens the sink of an address. For ClickHouse it waits for a server that
// does not answer yet, until ctx ends, telling Trouble why; wrong addresses and a
// schema that this program does not know are errors at once.
func Open(ctx context.Context, o Options) (*Opened, error) {
	kind, rest, err := Parse(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Trouble == nil {
		o.Trouble = contract.Quiet{}
	}
	switch kind {
	case Lines:
		w, err := lines.Open(rest, o.Trouble)
		if err != nil {
			return nil, err
		}
		return &Opened{Sink: w}, nil
	case Embedded:
		o.Engine.Dir = rest
		engine, err := embedded.Start(ctx, o.Engine)
		if err != nil {
			return nil, err
		}
		opened, err := open(ctx, o, clickhouse.Address{URL: engine.URL(), Password: engine.Password()})
		if err != nil {
			_ = engine.Close()
			return nil, err
		}
		opened.Engine = engine
		return opened, nil
	default:
		return open(ctx, o, clickhouse.Address{URL: rest, Password: o.Password})
	}
}

func open(ctx context.Context, o Options, a clickhouse.Address) (*Opened, error) {
	store, err := clickhouse.Connect(a)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, o, store); err != nil {
		_ = store.Close()
		return nil, err
	}
	return &Opened{Sink: clickhouse.NewWriter(store, o.Writer, o.Trouble), Store: store}, nil
}

// prepare waits for the server and checks its version and schema.
func prepare(ctx context.Context, o Options, store *clickhouse.Store) error {
	began := time.Now()
	for {
		err := store.CheckVersion(ctx)
		if err == nil {
			err = schema(ctx, o, store)
		}
		if err == nil {
			return nil
		}
		if !clickhouse.Passing(err) {
			return err
		}
		o.Trouble.Retrying(err, began)
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for clickhouse: %s: %w", strings.TrimSpace(clickhouse.Brief(err)), ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

func schema(ctx context.Context, o Options, store *clickhouse.Store) error {
	if o.Migrate {
		_, err := store.Migrate(ctx, clickhouse.Rendering{})
		return err
	}
	st, err := store.Status(ctx, clickhouse.Rendering{})
	if err != nil {
		return err
	}
	return st.Err()
}
