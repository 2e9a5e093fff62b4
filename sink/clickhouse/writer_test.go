package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/contract"
)

// server acts a ClickHouse: it answers each insert by the rule of the test.
type server struct {
	answer func(table string, rows [][]any) error
	tables map[string][][]any // what was taken
	tries  int
}

func (s *server) insert(_ context.Context, table string, _ []string, _ int, rows func(add func(...any) error) error) error {
	s.tries++
	var all [][]any
	if err := rows(func(v ...any) error { all = append(all, slices.Clone(v)); return nil }); err != nil {
		return err
	}
	if err := s.answer(table, all); err != nil {
		return err
	}
	s.tables[table] = append(s.tables[table], all...)
	return nil
}

// heard is a Trouble that remembers.
type heard struct {
	retries, recovered int
	refused            []string
}

func (h *heard) Retrying(error, time.Time)           { h.retries++ }
func (h *heard) Recovered()                          { h.recovered++ }
func (h *heard) Inserted(string, int, time.Duration) {}
func (h *heard) Refused(table, reason string)        { h.refused = append(h.refused, table+" "+reason) }

func writerOn(s *server, h *heard) *Writer {
	s.tables = map[string][][]any{}
	return &Writer{insert: s.insert, name: "test", trouble: h, now: time.Now, retry: func() retry {
		return retry{next: time.Second, most: time.Minute, wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	}}
}

func someReads(n int) []detect.Read {
	reads := make([]detect.Read, n)
	for i := range reads {
		reads[i] = detect.Read{Reading: &detect.Reading{AccessKey: fmt.Sprint("k", i)}, RecordID: fmt.Sprint("r", i), Origins: []detect.Origin{{Source: "app", Offset: int64(i)}}}
	}
	return reads
}

// TestWorldErrorsAreWaitedOut tries again through every error that is not about the
// rows, wrong passwords and lost grants among them.
func TestWorldErrorsAreWaitedOut(t *testing.T) {
	errs := []error{io.EOF, context.DeadlineExceeded, errors.New("connection refused")}
	for _, code := range []int32{159, 164, 209, 210, 241, 242, 252, 497, 516, 60} {
		errs = append(errs, &ch.Exception{Code: code})
	}
	left := slices.Clone(errs)
	s := &server{answer: func(string, [][]any) error {
		if len(left) == 0 {
			return nil
		}
		err := left[0]
		left = left[1:]
		return err
	}}
	h := &heard{}
	if err := writerOn(s, h).Write(t.Context(), &contract.Batch{Reads: someReads(3)}); err != nil {
		t.Fatal(err)
	}
	if len(s.tables["reads"]) != 3 || h.retries != len(errs) || h.recovered != 1 || len(h.refused) != 0 {
		t.Errorf("stored %d rows, %d retries, %d recoveries, refused %v; want 3, %d, 1, none", len(s.tables["reads"]), h.retries, h.recovered, h.refused, len(errs))
	}
}

// TestMisfitIsSetAside: the rows that the server can never take go to quarantine one
// by one, and all others are stored.
func TestMisfitIsSetAside(t *testing.T) {
	bad := map[string]bool{"k3": true, "k7": true}
	s := &server{answer: func(table string, rows [][]any) error {
		for _, r := range rows {
			if table == "reads" && bad[r[1].(string)] {
				return fmt.Errorf("send: %w", &ch.Exception{Code: 53, Message: "Type mismatch"})
			}
		}
		return nil
	}}
	h := &heard{}
	if err := writerOn(s, h).Write(t.Context(), &contract.Batch{Reads: someReads(10)}); err != nil {
		t.Fatal(err)
	}
	if len(s.tables["reads"]) != 8 || len(s.tables["quarantine"]) != 2 || len(h.refused) != 2 || h.retries != 0 {
		t.Fatalf("stored %d, quarantined %d, refused %v, retries %d; want 8, 2, two, 0", len(s.tables["reads"]), len(s.tables["quarantine"]), h.refused, h.retries)
	}
	for i, offset := range []int64{3, 7} {
		q := s.tables["quarantine"][i]
		if q[0] != "app" || q[2] != offset || q[4] != "row_shape" || q[5] != "reads" {
			t.Errorf("quarantine row %v, want app, offset %d, row_shape, reads", q, offset)
		}
	}
}

// TestStoppedWhileWaiting gives up when its context ends, and says what it was doing.
func TestStoppedWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &server{answer: func(string, [][]any) error { cancel(); return io.EOF }}
	err := writerOn(s, &heard{}).Write(ctx, &contract.Batch{Reads: someReads(2)})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 rows to reads") {
		t.Errorf("error %v, want a cancelled write of 2 rows to reads", err)
	}
}

// TestLargeBatchesAreCut: no insert is larger than one block, and quarantine goes in
// before findings.
func TestLargeBatchesAreCut(t *testing.T) {
	var order []string
	s := &server{answer: func(table string, rows [][]any) error {
		if len(rows) > MaxRows {
			t.Errorf("%d rows in one insert", len(rows))
		}
		order = append(order, table)
		return nil
	}}
	b := &contract.Batch{Reads: someReads(MaxRows + 1), Findings: make([]detect.Finding, 1), Quarantined: make([]contract.Quarantined, 1)}
	if err := writerOn(s, &heard{}).Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if want := []string{"quarantine", "reads", "reads", "findings"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// TestPausesGrow doubles up to the most, and never below half.
func TestPausesGrow(t *testing.T) {
	r := newRetry()
	var waited []time.Duration
	r.wait = func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }
	for range 12 {
		if err := r.pause(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, d := range waited {
		full := min(200*time.Millisecond<<i, 15*time.Second)
		if d < full/2 || d > full {
			t.Errorf("pause %d is %s, want %s to %s", i, d, full/2, full)
		}
	}
}

// TestForgedTimesFit: a time that no column holds is clamped, not refused.
func TestForgedTimesFit(t *testing.T) {
	for _, ns := range []int64{-1, 0, 1 << 62, 1<<63 - 1, -1 << 63} {
		if y := when(ns).Year(); y < 1970 || y > 2262 {
			t.Errorf("%d gives the year %d", ns, y)
		}
	}
}
