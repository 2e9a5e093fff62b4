package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// missesBelieved is how many looks in a row must miss a topic before it counts
// as deleted: a broker that has just started may not know all topics yet.
const missesBelieved = 2

// watchTopics compares the topics with what the generation was given, every
// few seconds and when asked to. It returns when the generation must end: a
// topic is gone or new, or partitions were added. kafka-go has a watcher of its
// own, which rebalances in a hot loop when a topic is missing and does not see
// an empty assignment.
func (s *Source) watchTopics(ctx context.Context, g *Generation, assigned map[string]int) error {
	tick := time.NewTicker(s.cfg.WatchInterval)
	defer tick.Stop()
	misses := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-g.look:
			if !pause(ctx, min(metadataTTL, s.cfg.WatchInterval)) {
				return ctx.Err()
			}
		}
		v, err := s.directory.look(ctx)
		if err != nil {
			s.log.Debug().Err(err).Msg("could not look at the topics")
			continue
		}
		err = s.compare(v, g.Partitions, assigned)
		var gone *topicMissing
		switch {
		case err == nil:
			misses = 0
			g.topics.Store(&v)
		case errors.As(err, &gone):
			if misses++; misses >= missesBelieved {
				return &rejoin{why: err.Error()}
			}
		default:
			return err
		}
	}
}

// compare returns why the generation does not fit the topics any more: a
// *topicMissing, a *rejoin or a *TopicRecreatedError. A topic in another kind
// of trouble is left to the fetch loops, which show it.
func (s *Source) compare(v view, parts []Partition, assigned map[string]int) error {
	if err := s.known.remember(v); err != nil {
		return err
	}
	var gone *topicMissing
	if problem := s.directory.problem(v); errors.As(problem, &gone) {
		return gone
	}
	held := map[string]int{}
	for _, p := range parts {
		held[p.Topic]++
	}
	for name, t := range v.topics {
		if len(parts) > 0 && len(t.Partitions) > held[name] {
			return &rejoin{why: fmt.Sprintf("topic %s has %d partitions now, of which %d were assigned",
				name, len(t.Partitions), held[name])}
		}
		// The leader of the group answers for what it gave to others.
		if assigned != nil && len(t.Partitions) > assigned[name] {
			return &rejoin{why: fmt.Sprintf("topic %s has %d partitions now, of which %d were assigned; "+
				"do all members of group %s read the same topics?", name, len(t.Partitions), assigned[name], s.cfg.Group)}
		}
	}
	return nil
}
