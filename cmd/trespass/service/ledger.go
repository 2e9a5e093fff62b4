package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest/kafka"
)

const (
	commitAfter = 2 * time.Second
	// commitAnyway keeps the broker from forgetting the offsets of an idle group.
	commitAnyway = time.Hour
	// commitLimit bounds one commit: nothing is judged meanwhile.
	commitLimit = 3 * time.Second
)

// committer is the part of a kafka.Generation that a task uses.
type committer interface {
	Commit(ctx context.Context, offsets ...kafka.Offset) error
	Forget(topic string, partition int32)
}

// ledger is how far each partition is, by index.
type ledger struct {
	frontier  []join.Progress // may be committed when the write under way is safe
	safe      []join.Progress // may be committed now
	sent      []join.Progress // was committed last
	tried     time.Time
	confirmed time.Time
	fenced    error     // why no commit is taken any more
	warned    time.Time // when a refused commit was logged last
}

func (l *ledger) init(parts int, now time.Time) {
	l.frontier, l.safe, l.sent = make([]join.Progress, parts), make([]join.Progress, parts), make([]join.Progress, parts)
	l.tried, l.confirmed = now, now
}

// unsent says what a task leaves to be read again.
func (l *ledger) unsent(parts []*part) error {
	for i, p := range parts {
		if l.safe[i].Safe > max(l.sent[i].Safe, p.Committed) && l.fenced == nil {
			return fmt.Errorf("offset %d of %s is not committed, %d is", l.safe[i].Safe, p.Partition, l.sent[i].Safe)
		}
	}
	return nil
}

// progress asks the detector how far each partition is.
func (t *task) progress(into []join.Progress) {
	for i, p := range t.parts {
		if p.facts {
			into[i] = join.Progress{Safe: p.position, EmitFrom: p.position}
			continue
		}
		into[i] = t.detector.Progress(p.id)
	}
}

// progressIfSafe moves on when nothing waits for the sink.
func (t *task) progressIfSafe() {
	if t.delivery.idle() {
		t.progress(t.ledger.safe)
	}
}

// commit sends the offsets that moved, or all of them.
func (t *task) commit(now time.Time, all bool) {
	l := &t.ledger
	if l.fenced != nil {
		return
	}
	l.tried = now
	all = all || t.renew
	var offsets []kafka.Offset
	for i, p := range t.parts {
		to := l.safe[i]
		if to.Safe < p.Committed || to.Safe < l.sent[i].Safe || !all && to == l.sent[i] {
			continue
		}
		offsets = append(offsets, kafka.Offset{
			Topic: p.Topic, Partition: p.Partition.Partition, Offset: to.Safe,
			Metadata: formatMetadata(to, t.rules.Policy.Version, p.Topic, t.ids),
		})
	}
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.drain, commitLimit)
	defer cancel()
	switch err := t.group.Commit(ctx, offsets...); {
	case err == nil:
		copy(l.sent, l.safe)
		t.renew = false
		l.confirmed = now
		t.s.commitTrouble(nil)
	case errors.Is(err, kafka.ErrFenced), errors.Is(err, kafka.ErrEnded):
		l.fenced = err
	default:
		t.s.commitTrouble(err)
		if now.Sub(l.warned) >= time.Minute {
			l.warned = now
			t.s.o.Log.Warn().Err(err).Msg("offsets are not committed; what was written since is decided again after a restart, and stored once. Trying again")
		}
	}
}
