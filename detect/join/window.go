package join

import (
	"math"
	"time"
)

// Windows are spans of event time. Zero values take the defaults.
type Windows struct {
	Disorder time.Duration // how far back in time a partition may jump without a line being late: 10s
	Lateness time.Duration // later than this, a line is counted as late, and not only as too late to be joined: 2m
	Join     time.Duration // how far a statement may be from its request, or two lines of one request: 30s
	Txn      time.Duration // how long a transaction's state holds, and how late a line may come and still be joined: 30s
	Session  time.Duration // how far back the state of a whole session is looked for: 2m
	Reopen   time.Duration // how long a decided access can be judged again when facts come late: 2m
}

// keyBucket is the span in which complete lines of one request id and one user are
// one access. It is no setting: the ids of findings hang on it.
const keyBucket = int64(30 * time.Second)

// spans are the windows in nanoseconds, with what follows from them. All of them are
// counted from the time of a line to the moment when the clock, the least of the
// partitions' watermarks, lets something be done about it.
//
// A line is on time when its own partition's watermark, at its arrival, has not
// passed its time by more than slack. Lines on time are joined by key and time
// alone; the others are judged by themselves. Once the clock has passed a time by
// more than slack, every line on time up to there has been read: that is all that
// the spans below are made of.
type spans struct {
	disorder, lateness, join, txn, session, reopen int64

	slack   int64
	resolve int64 // a line without transaction id can be given its transaction
	twin    int64 // so can a line that only repeats an audited execution
	seal    int64 // all lines of a transaction that began then are here
	decide  int64 // all lines and transactions of a request that began then are here
	orphan  int64 // every request that might claim a transaction that began then has been decided
	look    int64 // how far before an unsettled line lie the lines that can bear on it
}

func (w Windows) spans() spans {
	or := func(d, otherwise time.Duration) int64 {
		if d <= 0 {
			d = otherwise
		}
		return int64(min(d, 30*24*time.Hour))
	}
	s := spans{
		disorder: or(w.Disorder, 10*time.Second), lateness: or(w.Lateness, 2*time.Minute),
		join: or(w.Join, 30*time.Second), txn: or(w.Txn, 30*time.Second),
		session: or(w.Session, 2*time.Minute), reopen: or(w.Reopen, 2*time.Minute),
	}
	s.slack = min(s.lateness, s.txn)
	s.resolve = s.slack
	s.twin = s.slack + s.txn/2
	s.seal = s.slack + s.txn
	s.decide = s.slack + s.txn + s.join
	s.orphan = s.slack + s.txn + 2*s.join
	// From a line that came as late as can be to the first statement of its transaction
	// (txn), to the request (join), to an earlier request that might have claimed another
	// of its transactions (3 join), to what makes that one a first line (join), to the
	// settings of its transactions (2 txn) and of their sessions.
	s.look = s.slack + s.txn + s.txn + 5*s.join + 2*s.txn + s.session
	return s
}

// The clock's ends: before any line, and when nothing can come any more.
const (
	never   = math.MinInt64
	forever = math.MaxInt64
	// furthest keeps sums of times and spans from overflowing.
	furthest = math.MaxInt64 / 4
)
