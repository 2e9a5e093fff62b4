package kafka

import (
	"context"
	"time"
)

// Stall is a partition that has input and makes no progress. kafka-go keeps
// sending heartbeats for a member that does nothing, so the group never takes
// its partitions away.
type Stall struct {
	Topic         string
	Partition     int32
	Position      int64
	HighWatermark int64
	For           time.Duration
	// InHandler says that the partition waits for its handler, as it does while
	// a sink is slow, and not for Kafka.
	InHandler bool
}

// watchdog reports every stall once.
func (s *Source) watchdog(ctx context.Context) {
	type seen struct {
		position int64
		since    time.Time
		reported bool
	}
	last := map[partitionID]seen{}
	tick := time.NewTicker(max(s.cfg.StallAfter/20, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.ledger.each(func(id partitionID, p *progress) {
				position := p.position.Load()
				was, ok := last[id]
				if !ok || position != was.position || !p.assigned.Load() || p.lag() == 0 {
					last[id] = seen{position: position, since: now}
					return
				}
				if was.reported || now.Sub(was.since) < s.cfg.StallAfter {
					return
				}
				was.reported = true
				last[id] = was
				stall := Stall{Topic: id.topic, Partition: id.partition, Position: position,
					HighWatermark: p.highWater.Load(), For: now.Sub(was.since), InHandler: p.inHandler.Load()}
				s.log.Warn().Str("topic", id.topic).Int32("partition", id.partition).Int64("position", position).
					Int64("high_watermark", stall.HighWatermark).Dur("for", stall.For).Bool("in_handler", stall.InHandler).
					Msg("a partition has input and makes no progress")
				if s.cfg.OnStall != nil {
					go s.cfg.OnStall(stall)
				}
			})
		}
	}
}
