package service

import (
	"sync"
	"sync/atomic"
	"time"

	"trespass.dev/trespass/ingest/kafka"
)

// behind is how far the owner is in one partition, for whoever asks how far behind
// that is.
type behind struct {
	position atomic.Int64 // records before it are judged, or wait for their partners
	reached  atomic.Int64 // event time of the newest of them, nanoseconds
}

// newBehind begins at a position. Until a line tells a time, the partition is behind
// since now, unless an earlier run has left the time that it reached.
func newBehind(position, watermark int64, now time.Time) *behind {
	b := &behind{}
	b.position.Store(position)
	if b.reached.Store(watermark); watermark <= 0 {
		b.reached.Store(now.UnixNano())
	}
	return b
}

// reach takes over the time of what was judged; 0 when it tells none. One goroutine
// calls it.
func (b *behind) reach(time int64) {
	if time > b.reached.Load() {
		b.reached.Store(time)
	}
}

// seconds is how old the newest judged line is while others wait behind it, and 0
// when none does: a silent topic is not behind.
func (b *behind) seconds(end int64, now time.Time) float64 {
	if b.position.Load() >= end {
		return 0
	}
	return max(0, now.Sub(time.Unix(0, b.reached.Load())).Seconds())
}

// partitionName names a partition in maps.
type partitionName struct {
	topic     string
	partition int32
}

// standing holds what the owner of the partitions has got to.
type standing struct {
	mu    sync.Mutex
	parts map[partitionName]*behind
}

func (s *standing) set(p kafka.Partition, b *behind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts == nil {
		s.parts = map[partitionName]*behind{}
	}
	s.parts[partitionName{p.Topic, p.Partition}] = b
}

// seconds is how far behind a partition is. One that another member holds is not
// behind here.
func (s *standing) seconds(p *kafka.PartitionStats, now time.Time) float64 {
	s.mu.Lock()
	b := s.parts[partitionName{p.Topic, p.Partition}]
	s.mu.Unlock()
	if b == nil || !p.Assigned {
		return 0
	}
	return b.seconds(p.HighWatermark, now)
}
