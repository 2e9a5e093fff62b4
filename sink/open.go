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
	default:
		store, engine, err := connect(ctx, o, kind, rest)
		if err != nil {
			return nil, err
		}
		opened := &Opened{Sink: clickhouse.NewWriter(store, o.Writer, o.Trouble), Store: store, Engine: engine}
		if err := prepare(ctx, o, store); err != nil {
			_ = opened.Close()
			return nil, err
		}
		return opened, nil
	}
}

// Store connects to the ClickHouse of an address to ask it or to migrate it, and
// neither waits for it nor looks at its schema. Call the function when done.
func Store(ctx context.Context, o Options) (*clickhouse.Store, func() error, error) {
	kind, rest, err := Parse(o.Address)
	if err != nil {
		return nil, nil, err
	}
	if kind == Lines {
		return nil, nil, fmt.Errorf("sink %s: files of lines cannot be asked; use jq, or a ClickHouse", o.Address)
	}
	store, engine, err := connect(ctx, o, kind, rest)
	if err != nil {
		return nil, nil, err
	}
	opened := &Opened{Sink: clickhouse.NewWriter(store, "", contract.Quiet{}), Store: store, Engine: engine}
	if err := store.CheckVersion(ctx); err != nil {
		_ = opened.Close()
		return nil, nil, err
	}
	return store, opened.Close, nil
}

// connect starts the engine when the address says so.
func connect(ctx context.Context, o Options, kind Kind, rest string) (*clickhouse.Store, *embedded.Engine, error) {
	if kind == Server {
		store, err := clickhouse.Connect(clickhouse.Address{URL: rest, Password: o.Password})
		return store, nil, err
	}
	o.Engine.Dir = rest
	engine, err := embedded.Start(ctx, o.Engine)
	if err != nil {
		return nil, nil, err
	}
	store, err := clickhouse.Connect(clickhouse.Address{URL: engine.URL(), Password: engine.Password()})
	if err != nil {
		_ = engine.Close()
		return nil, nil, err
	}
	return store, engine, nil
}

// prepare waits for the server and checks its version and schema.
func prepare(ctx context.Context, o Options, store *clickhouse.Store) error {
	began := time.Now()
	for waited := false; ; waited = true {
		err := store.CheckVersion(ctx)
		if err == nil {
			err = schema(ctx, o, store)
		}
		if err == nil {
			if waited {
				o.Trouble.Recovered()
			}
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
