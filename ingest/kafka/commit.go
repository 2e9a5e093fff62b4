package kafka

import (
	"context"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// MaxMetadata is the length of commit metadata, in bytes, that every broker
// accepts; longer metadata is refused here.
const MaxMetadata = 4095

// Offset is a position to be committed.
type Offset struct {
	Topic     string
	Partition int32
	Offset    int64 // where the next owner starts to read
	Metadata  string
}

// Commit stores offsets and their metadata for the group. It retries what will
// heal, a moving coordinator for instance, until ctx is done, and then says so;
// the offsets may then have been stored or not. It refuses to go backwards with
// a *BackwardsError. ErrFenced means that the generation is lost, ErrEnded that
// it is over; both are final.
func (g *Generation) Commit(ctx context.Context, offsets ...Offset) error {
	if len(offsets) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.over, cancel)()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.admit(offsets); err != nil {
		return err
	}
	pause := newBackoff()
	for {
		switch {
		case g.closed != nil:
			return g.closed
		case !g.pulse.beat():
			g.closed = g.fence(errStopped)
			return g.closed
		}
		what, err := g.send(ctx, offsets)
		switch what {
		case commitDone:
			g.source.counters.commits.Add(1)
			for _, o := range offsets {
				g.source.ledger.of(partitionID{o.Topic, o.Partition}).committed.Store(o.Offset)
			}
			return nil
		case commitFenced:
			g.closed = g.fence(fmt.Errorf("%w: commit refused: %w", ErrFenced, err))
			return g.closed
		}
		g.source.counters.commitErrors.Add(1)
		if what == commitFailed {
			return fmt.Errorf("kafka: committing offsets of group %s: %w", g.source.cfg.Group, err)
		}
		g.source.log.Warn().Str("reason", describe(err)).Msg("commit failed; trying again")
		if !pause.wait(ctx) {
			return fmt.Errorf("kafka: committing offsets of group %s: %w, last answer: %w", g.source.cfg.Group, ctx.Err(), err)
		}
	}
}

// Forget says that the committed offset of a partition belongs to a topic that is no
// more, so that offsets before it may be committed. It is for Task.Open.
func (g *Generation) Forget(topic string, partition int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, held := g.floor[partitionID{topic, partition}]; held {
		g.floor[partitionID{topic, partition}] = -1
	}
}

// admit checks offsets and raises the floor. The floor counts what was sent, not
// what was acknowledged, because a lost answer does not undo a commit.
func (g *Generation) admit(offsets []Offset) error {
	if g.closed != nil {
		return g.closed
	}
	for _, o := range offsets {
		floor, ok := g.floor[partitionID{o.Topic, o.Partition}]
		switch {
		case !ok:
			return fmt.Errorf("kafka: committing %s/%d, which generation %d does not hold", o.Topic, o.Partition, g.ID)
		case o.Offset < 0 || o.Offset < floor:
			return &BackwardsError{Offset: o, Floor: max(floor, 0)}
		case len(o.Metadata) > MaxMetadata:
			return fmt.Errorf("kafka: commit metadata of %s/%d has %d bytes, more than the %d that brokers accept",
				o.Topic, o.Partition, len(o.Metadata), MaxMetadata)
		}
	}
	for _, o := range offsets {
		g.floor[partitionID{o.Topic, o.Partition}] = o.Offset
	}
	return nil
}

// send makes one attempt and returns the worst answer.
func (g *Generation) send(ctx context.Context, offsets []Offset) (commitAction, error) {
	ctx, cancel := context.WithTimeout(ctx, g.source.cfg.RequestTimeout)
	defer cancel()
	topics := map[string][]kafkago.OffsetCommit{}
	for _, o := range offsets {
		topics[o.Topic] = append(topics[o.Topic],
			kafkago.OffsetCommit{Partition: int(o.Partition), Offset: o.Offset, Metadata: o.Metadata})
	}
	answer, err := g.source.conns.client.OffsetCommit(ctx, &kafkago.OffsetCommitRequest{
		GroupID: g.source.cfg.Group, GenerationID: int(g.ID), MemberID: g.Member, Topics: topics,
	})
	if err != nil {
		return commitRetry, err
	}
	worst, answered := commitDone, 0
	for topic, list := range answer.Topics {
		for _, p := range list {
			answered++
			var code kafkago.Error
			if p.Error == nil || !errors.As(p.Error, &code) {
				continue
			}
			if a := commitActionOf(code); severity(a) > severity(worst) {
				worst, err = a, fmt.Errorf("%s/%d: %w", topic, p.Partition, code)
			}
		}
	}
	if answered < len(offsets) && worst == commitDone {
		return commitRetry, fmt.Errorf("the broker answered for %d of %d partitions", answered, len(offsets))
	}
	return worst, err
}

// severity orders commit actions: a lost generation outweighs everything.
func severity(a commitAction) int {
	switch a {
	case commitFenced:
		return 3
	case commitFailed:
		return 2
	case commitRetry:
		return 1
	default:
		return 0
	}
}

// close stops the commit that may be running and refuses further ones.
func (g *Generation) close(why error) {
	g.setOver()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = why
	}
}
