package clickhouse

import (
	"context"
	"fmt"
	"time"

	"trespass.dev/trespass/sink/contract"
)

// MaxRows is the most rows of one insert: one block, and so all or nothing.
const MaxRows = 10_000

// Writer is the contract.Sink over a Store.
type Writer struct {
	store   *Store
	insert  inserter
	name    string
	trouble contract.Trouble
	now     func() time.Time
	retry   func() retry
}

// inserter is Store.insert.
type inserter func(ctx context.Context, table string, columns []string, size int, rows func(add func(...any) error) error) error

// NewWriter makes a Writer. name is stored with each finding and tells which
// process wrote it. The Writer closes the store.
func NewWriter(store *Store, name string, trouble contract.Trouble) *Writer {
	return &Writer{store: store, insert: store.insert, name: name, trouble: trouble, now: time.Now, retry: newRetry}
}

// Write implements contract.Sink. Quarantine and facts go first: when the caller
// passes an offset, what could not be decided at it is already on record.
func (w *Writer) Write(ctx context.Context, b *contract.Batch) error {
	m := &mark{policy: b.Policy, writer: w.name, now: w.now().UTC()}
	if err := write(ctx, w, quarantine, b.Quarantined, m); err != nil {
		return err
	}
	if err := write(ctx, w, facts, b.Facts, m); err != nil {
		return err
	}
	if err := write(ctx, w, reads, b.Reads, m); err != nil {
		return err
	}
	return write(ctx, w, findings, b.Findings, m)
}

// Close closes the store.
func (w *Writer) Close() error { return w.store.Close() }

func write[T any](ctx context.Context, w *Writer, t table[T], rows []T, m *mark) error {
	for len(rows) > 0 {
		n := min(len(rows), MaxRows)
		if err := writeBlock(ctx, w, t, rows[:n], m); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// writeBlock tries until the rows are in. When the server says that a row does
// not fit, it halves the block until that row stands alone, and sets it aside.
func writeBlock[T any](ctx context.Context, w *Writer, t table[T], rows []T, m *mark) error {
	pause := w.retry()
	var since time.Time
	for {
		started := w.now()
		err := w.insert(ctx, t.name, t.columns, len(rows), func(add func(...any) error) error {
			for i := range rows {
				if err := add(t.values(&rows[i], m)...); err != nil {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			if !since.IsZero() {
				w.trouble.Recovered()
			}
			w.trouble.Inserted(t.name, len(rows), w.now().Sub(started))
			return nil
		case isShape(err) && len(rows) > 1:
			half := len(rows) / 2
			if err := writeBlock(ctx, w, t, rows[:half], m); err != nil {
				return err
			}
			return writeBlock(ctx, w, t, rows[half:], m)
		case isShape(err) && t.name != quarantine.name:
			w.trouble.Refused(t.name, "row_shape")
			return writeBlock(ctx, w, quarantine, []contract.Quarantined{refused(t.name, rows[0], err)}, m)
		}
		if since.IsZero() {
			since = started
		}
		w.trouble.Retrying(err, since)
		if ctxErr := pause.pause(ctx); ctxErr != nil {
			return fmt.Errorf("write %d rows to %s: stopped while waiting for clickhouse (last error: %s): %w", len(rows), t.name, Brief(err), ctxErr)
		}
	}
}
