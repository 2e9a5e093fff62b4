package service

import (
	"time"

	"trespass.dev/trespass/sink/contract"
)

const (
	// writeRows and writeAfter say when what is pending is written: enough of it,
	// or old enough. Findings are written at once.
	writeRows  = 5_000
	writeAfter = 500 * time.Millisecond
	// A write that a sink gave up is tried again after a pause between these.
	againAfter = 200 * time.Millisecond
	againMost  = 15 * time.Second
)

// delivery is what is on its way to the sink: one write at a time, and what waits
// behind it. Nothing leaves it but what the sink has acknowledged.
type delivery struct {
	pending *contract.Batch
	since   time.Time       // when pending stopped being empty
	flight  *contract.Batch // handed to the sink and not acknowledged; nil: none
	busy    bool            // the sink has it now
	written chan error

	failing time.Time     // since when flight fails; zero: it does not
	again   time.Time     // when flight is tried again
	pause   time.Duration // before the next try
}

func (d *delivery) init() {
	d.pending, d.written, d.pause = &contract.Batch{}, make(chan error, 1), againAfter
}

// rows is how many rows wait behind the write under way.
func (d *delivery) rows() int {
	b := d.pending
	return len(b.Findings) + len(b.Reads) + len(b.Quarantined) + len(b.Facts)
}

// idle reports whether everything is acknowledged.
func (d *delivery) idle() bool { return d.flight == nil && d.rows() == 0 }

// due reports whether pending should be written.
func (d *delivery) due(now time.Time) bool {
	return len(d.pending.Findings) > 0 || d.rows() >= writeRows || now.Sub(d.since) >= writeAfter
}

func (t *task) add(put func(*contract.Batch)) {
	d := &t.delivery
	if d.pending.Empty() {
		d.since = time.Now()
	}
	d.pending.Policy = t.rules.Policy.Version
	put(d.pending)
}

// write hands rows to the sink when it has none: those that it gave up, or those
// that wait when they are due, or must go now.
func (t *task) write(now time.Time, must bool) {
	d := &t.delivery
	switch {
	case d.busy:
		return
	case d.flight != nil:
		if now.Before(d.again) {
			return
		}
	case d.rows() == 0 || !must && !d.due(now):
		return
	default:
		t.progress(t.ledger.frontier)
		d.flight, d.pending = d.pending, &contract.Batch{}
	}
	d.busy = true
	batch := d.flight
	go func() { d.written <- t.s.o.Sink.Write(t.drain, batch) }()
}

// acknowledge makes what lies behind a write committable, or keeps the rows for
// another try. When Drain has ended they are given up: no offset behind them is
// committed, and the next owner decides them again.
func (t *task) acknowledge(err error, now time.Time) {
	d := &t.delivery
	d.busy = false
	switch {
	case err == nil:
		t.s.metrics.stored(d.flight, now)
		if !d.failing.IsZero() {
			t.s.trouble.Recovered()
		}
		d.flight, d.failing, d.pause = nil, time.Time{}, againAfter
		copy(t.ledger.safe, t.ledger.frontier)
	case t.drain.Err() == nil:
		if d.failing.IsZero() {
			d.failing = now
		}
		t.s.trouble.Retrying(err, d.failing)
		d.again = now.Add(d.pause)
		d.pause = min(2*d.pause, againMost)
	}
}
