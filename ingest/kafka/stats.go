package kafka

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Stats is a snapshot for metrics. Counters count since the start of the
// process, over all generations.
type Stats struct {
	Generations  uint64 // joined, active or standing by
	JoinErrors   uint64
	Commits      uint64
	CommitErrors uint64
	Fenced       uint64           // generations lost to another member
	Partitions   []PartitionStats // by topic and partition; every one ever held
}

// PartitionStats is the part of one partition.
type PartitionStats struct {
	Topic     string
	Partition int32
	Assigned  bool // held now; the offsets below are old otherwise

	Position      int64 // offset to be read next
	HighWatermark int64
	LastStable    int64 // HighWatermark less what open transactions hold back
	LogStart      int64
	Committed     int64 // -1 without a commit
	Lag           int64 // max(0, HighWatermark - Position)

	Fetches        uint64 // answers with data or without
	FetchErrors    uint64
	FetchedBytes   uint64 // as they came, compressed
	Records        uint64 // delivered
	RecordBytes    uint64 // keys and values delivered
	ControlBatches uint64 // transaction markers stepped over
	EmptyBatches   uint64 // batches emptied by compaction
	AbortedBatches uint64
	JumpedOffsets  uint64 // offsets that were never there: compaction and transactions
	LostRecords    uint64 // accepted gaps, in offsets
	BadBatches     uint64 // passed over with the handler's consent
	Failing        string // why fetching fails at the moment; empty when it works
}

// partitionID names a partition in maps.
type partitionID struct {
	topic     string
	partition int32
}

// counters are the counters of the source itself.
type counters struct {
	generations, joinErrors, commits, commitErrors, fenced atomic.Uint64
}

// progress is what the fetch goroutine of one partition writes and everyone
// may read.
type progress struct {
	assigned                                             atomic.Bool
	inHandler                                            atomic.Bool
	position, highWater, lastStable, logStart, committed atomic.Int64

	fetches, fetchErrors, fetchedBytes, records, recordBytes               atomic.Uint64
	controlBatches, emptyBatches, abortedBatches, jumped, lost, badBatches atomic.Uint64

	failures atomic.Int32 // in a row
	failing  atomic.Pointer[string]
}

// failuresShown is how many fetches in a row must fail before the source calls
// itself not ready: a single one is common when a leader moves.
const failuresShown = 3

func (p *progress) failed(reason string) {
	p.fetchErrors.Add(1)
	p.failures.Add(1)
	p.failing.Store(&reason)
}

func (p *progress) worked() {
	if p.failures.Swap(0) != 0 {
		p.failing.Store(nil)
	}
}

// trouble returns why the partition makes the source not ready, or "".
func (p *progress) trouble() string {
	if reason := p.failing.Load(); reason != nil && p.failures.Load() >= failuresShown {
		return *reason
	}
	return ""
}

func (p *progress) lag() int64 { return max(0, p.highWater.Load()-p.position.Load()) }

func (p *progress) snapshot(id partitionID) PartitionStats {
	s := PartitionStats{
		Topic: id.topic, Partition: id.partition, Assigned: p.assigned.Load(),
		Position: p.position.Load(), HighWatermark: p.highWater.Load(), LastStable: p.lastStable.Load(),
		LogStart: p.logStart.Load(), Committed: p.committed.Load(), Lag: p.lag(),
		Fetches: p.fetches.Load(), FetchErrors: p.fetchErrors.Load(), FetchedBytes: p.fetchedBytes.Load(),
		Records: p.records.Load(), RecordBytes: p.recordBytes.Load(),
		ControlBatches: p.controlBatches.Load(), EmptyBatches: p.emptyBatches.Load(),
		AbortedBatches: p.abortedBatches.Load(), JumpedOffsets: p.jumped.Load(),
		LostRecords: p.lost.Load(), BadBatches: p.badBatches.Load(),
	}
	if reason := p.failing.Load(); reason != nil {
		s.Failing = *reason
	}
	return s
}

// ledger keeps the progress of every partition ever held.
type ledger struct {
	mu         sync.Mutex
	partitions map[partitionID]*progress
}

func (l *ledger) of(id partitionID) *progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.partitions[id]
	if p == nil {
		p = &progress{}
		l.partitions[id] = p
	}
	return p
}

// each calls f for every partition, in order.
func (l *ledger) each(f func(partitionID, *progress)) {
	l.mu.Lock()
	ids := make([]partitionID, 0, len(l.partitions))
	for id := range l.partitions {
		ids = append(ids, id)
	}
	l.mu.Unlock()
	slices.SortFunc(ids, func(a, b partitionID) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	for _, id := range ids {
		f(id, l.of(id))
	}
}
