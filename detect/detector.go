package detect

import "time"

// Options sets what a Detector waits for and how much it may hold.
type Options struct {
	Windows Windows
	// MaxPending bounds the lines held for a partner; the oldest are decided
	// early and counted as evicted when it is reached. 0 means 1,000,000.
	MaxPending int
	// Environment names the accesses whose lines do not. Empty means "production".
	Environment string
}

// Windows are spans of event time. Zero values take the defaults.
type Windows struct {
	Disorder time.Duration // how far back in time a partition may jump: 10s
	Lateness time.Duration // how late a line may come and still be joined: 2m
	Join     time.Duration // how far a statement may be from its request: 30s
	Txn      time.Duration // how long a transaction's state is waited for: 30s
	Reopen   time.Duration // how long a decided access can be judged again when facts come late: 2m
}

// Start says where reading of one partition, or file, begins.
type Start struct {
	Source    string
	Partition int32 // -1 for a file
	Facts     bool  // carries facts only: never waited for, and never holds the clock
	Position  int64 // first offset that will be observed
	EmitFrom  int64 // offsets before it are looked up but decide nothing again
	Watermark int64 // greatest event time before Position; 0 unknown
	Cold      bool  // no earlier progress is known: decisions near the start say so
}

// Part names an open partition of one Detector.
type Part int

// Progress is what may be committed for one partition once everything taken from
// the Detector so far is safe in the sink.
type Progress struct {
	Safe      int64 // S: reading may begin here after a crash
	EmitFrom  int64 // C: first offset that is not settled
	Watermark int64 // M: greatest event time before Safe
}

// Output is what a Detector has decided since the last Take.
// Everything in it is owned by the caller.
type Output struct {
	Findings []Finding
	Reads    []Read
}
