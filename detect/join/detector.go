package join

import (
	"hash/maphash"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
	"trespass.dev/trespass/detect/progress"
	"trespass.dev/trespass/detect/query"
)

// Options sets what a Detector waits for and how much it may hold.
type Options struct {
	Windows Windows
	// MaxPending bounds the lines held for a partner; the oldest are decided
	// early and counted as evicted when it is reached. 0 means 1,000,000.
	MaxPending int
	// MaxBytes bounds the memory of the lines held, in the same way. The collector
	// needs as much again. 0 means 256 MiB, about half a million lines.
	MaxBytes int64
	// MaxPerKey bounds the lines held for one request id, trace id or transaction; a
	// line above it is judged by itself and counted as evicted. It also bounds the
	// executions of one text in one session, within a quarter of Windows.Txn, among which
	// that of a line without transaction id is looked for. 0 means 4,096.
	MaxPerKey int
	// MaxReopen bounds the decided accesses kept for facts that come late. 0 means
	// 50,000.
	MaxReopen int
	// Environment names the accesses whose lines do not. Empty means "production".
	Environment string
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
	Watermark int64 // M: greatest event time before Safe; 0 unknown
}

// Detector joins events into accesses and judges them. What it decides depends on
// the content of the partitions and the policy alone: not on the order in which the
// partitions are read, not on where reading was broken off and taken up again, and
// not on any clock. It reads no clock, writes no log, starts no goroutine and does
// no I/O; one goroutine at a time may use it.
//
// Events of one partition are observed in the order of their offsets; several may
// carry one offset. Lines wait until every partition's event time has gone so far
// that no partner can come any more; see Windows. A line that proves something by
// itself is reported at once, and again, with a higher revision, when it is decided.
type Detector struct {
	o     Options
	w     spans
	parts []part
	clock int64 // the least watermark of what is read; never goes back
	slow  int   // partition that the clock waits for; -1 none

	waiting bool // what is due waits for the events at hand

	plans    *query.Cache
	judging  judging
	facts    *detect.Facts
	nodes    nodes
	chains   chains
	timeline timeline
	named    memory.Table // lines that wait, by LineID
	salt     uint64
	sessions sessions
	early    map[int32][]detect.Finding // what was reported of a waiting line already

	arena  memory.Arena
	keyer  keyer
	enc    encoder
	dec    decoder
	gather gathering
	unit   unitBuilder
	out    detect.Output

	decisions []*decision      // accesses that are judged together; their memory is used again
	accesses  []*detect.Access // of the decisions, in the same order
	made      int              // of them are put together
	told      func(i int, before detect.Extent)

	settle []hold // to be settled once what was decided is taken

	listed   bool // executions are listed by their text
	arrivals [aheadLines]arrival
	seen     int64 // keeps the compiler from leaving out looks ahead
	findings handover[detect.Finding]
	reads    handover[detect.Read]
	reopen   reopening
	stats    counters
}

// judging is what a Detector needs of a detect.Judge, which see. Tests stand in for it.
type judging interface {
	Access(a *detect.Access, provisional bool, out *detect.Output)
	Accesses(list []*detect.Access, out *detect.Output, told func(i int, before detect.Extent))
	Plain(r *detect.Request) bool
	Reload(p *detect.Policy)
	FillsLost() uint64
}

// hold is one record that is not settled.
type hold struct {
	part   int32
	ticket progress.Ticket
}

// part is one partition that is read.
type part struct {
	Start
	track       progress.Partition
	watermark   int64 // greatest event time less the disorder; forever at the end
	idle, ended bool
	began       int64 // first event time seen
	begun       bool
}

// plansKept is how many shapes of statements are remembered.
const plansKept = 1 << 14

// New gives a Detector that judges by a policy, which must be compiled.
func New(p *detect.Policy, o Options) *Detector {
	d := newDetector(o)
	d.facts = detect.NewFacts(p)
	d.judging = detect.NewJudge(p, d.facts, d.o.Environment)
	return d
}

// Reload swaps the policy: what is decided from now on is judged by p, which must be
// compiled. Facts and waiting lines stay.
func (d *Detector) Reload(p *detect.Policy) { d.judging.Reload(p) }

func newDetector(o Options) *Detector {
	if o.MaxPending <= 0 {
		o.MaxPending = 1_000_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if o.MaxPerKey <= 0 {
		o.MaxPerKey = 4096
	}
	if o.MaxReopen <= 0 {
		o.MaxReopen = 50_000
	}
	if o.Environment == "" {
		o.Environment = "production"
	}
	d := &Detector{
		o: o, w: o.Windows.spans(), clock: never, slow: -1,
		plans: query.NewCache(plansKept), chains: newChains(),
		timeline: newTimeline(), early: map[int32][]detect.Finding{},
	}
	d.salt = maphash.Bytes(d.chains.seed, []byte("line"))
	d.sessions.init()
	d.reopen.init()
	d.stats.init()
	d.told = d.judged
	return d
}

// Open begins a partition. Open all that are known before the first Observe: the
// clock waits for those that are open.
func (d *Detector) Open(s Start) Part {
	watermark := s.Watermark
	if watermark == 0 {
		watermark = progress.NoTime
	}
	p := part{Start: s, track: progress.New(s.Position, s.EmitFrom, watermark), watermark: never}
	if watermark != progress.NoTime {
		p.watermark = watermark - d.w.disorder
	}
	d.parts = append(d.parts, p)
	if s.Facts {
		d.reopen.on = true
	}
	d.turn()
	return Part(len(d.parts) - 1)
}

// Skip says that nothing more comes of offset and of all offsets before it:
// quarantined, empty, or observed already.
func (d *Detector) Skip(p Part, offset int64) {
	d.parts[p].track.Pass(offset)
	d.moved(int(p))
}

// Idle says whether a partition is read to its end and silent. The clock does not
// wait for idle partitions, unless all that are still open are idle: then it stands.
// What comes late of a partition that was idle is judged by itself. An event ends a
// partition's idleness.
func (d *Detector) Idle(p Part, idle bool) {
	d.parts[p].idle = idle
	d.turn()
}

// End says that nothing more will come of a partition. After the last has ended
// everything is decided.
func (d *Detector) End(p Part) {
	d.parts[p].ended = true
	d.parts[p].watermark = forever
	d.turn()
}

// Watermark is the event time up to which a partition is taken to be read, in
// nanoseconds: the greatest seen less the disorder. It is 0 before the first event.
func (d *Detector) Watermark(p Part) int64 {
	if w := d.parts[p].watermark; w != never && w != forever {
		return w
	}
	if m := d.parts[p].track.Max(); m != progress.NoTime {
		return m - d.w.disorder
	}
	return 0
}

// Take appends to out what was decided since the last call. The strings of reads
// are cut from shared memory of 64 KiB at a time: clone those that are kept for long.
func (d *Detector) Take(out *detect.Output) {
	d.review()
	out.Findings = d.findings.hand(out.Findings, &d.out.Findings)
	out.Reads = d.reads.hand(out.Reads, &d.out.Reads)
	out.Failures = append(out.Failures, d.out.Failures...)
	d.out.Failures = nil
	for _, h := range d.settle {
		d.parts[h.part].track.Settle(h.ticket)
	}
	d.settle = d.settle[:0]
}

// handover gives lists away. It knows how many values it gave last, because they are
// still in the memory that comes back.
type handover[T any] struct{ given int }

// hand appends what is in from to a list and empties from. Against an empty list's memory
// it is exchanged, since there may be much to hand over.
func (h *handover[T]) hand(to []T, from *[]T) []T {
	if len(to) > 0 {
		to = append(to, *from...)
		clear(*from)
		*from = (*from)[:0]
		return to
	}
	clear(to[:min(h.given, cap(to))])
	to, *from = *from, to
	h.given = len(to)
	return to
}

// Progress says what may be committed for a partition once everything taken so far
// is safe.
func (d *Detector) Progress(p Part) Progress {
	c := d.parts[p].track.Commit(d.horizon())
	out := Progress{Safe: c.Safe, EmitFrom: c.EmitFrom}
	if c.Watermark != progress.NoTime {
		out.Watermark = c.Watermark
	}
	return out
}

// horizon is the least event time that bears on anything not settled in any partition.
func (d *Detector) horizon() int64 {
	least := int64(forever)
	for i := range d.parts {
		p := &d.parts[i]
		if p.Facts || (p.idle || p.ended) && p.track.Held() == 0 {
			continue
		}
		_, before := p.track.Settled()
		if before == progress.NoTime {
			return progress.NoTime
		}
		least = min(least, before-d.w.disorder)
	}
	if least == forever {
		return forever
	}
	return least - d.w.look
}

// ObserveAll takes events of a partition, one after the other. It gives what Observe
// gives, and takes less time: what has fallen due is done for several events together.
// Nothing that arrives in the meantime can be part of it, because the clock has passed it.
func (d *Detector) ObserveAll(at Part, events []detect.Event) {
	for len(events) > 0 {
		group := events[:min(len(events), observedTogether)]
		events = events[len(group):]
		d.waiting = true
		for i := range group {
			if i%aheadLines == 0 {
				d.aheadOf(group[i:min(i+aheadLines, len(group))])
			}
			d.observe(at, &group[i], &d.arrivals[i%aheadLines])
		}
		d.waiting = false
		d.work(d.clock)
	}
}

// observedTogether is how many events arrive before what is due is done. Arriving and
// being decided are two long ways through the program, and the processor keeps only one
// of them at hand.
const observedTogether = 64

// Observe takes one event of a partition. It copies what it keeps.
func (d *Detector) Observe(at Part, e *detect.Event) {
	as := d.arrival(e)
	d.observe(at, e, &as)
}

func (d *Detector) observe(at Part, e *detect.Event, as *arrival) {
	p := &d.parts[at]
	p.track.See(e.Origin.Offset)
	d.moved(int(at))
	time := min(max(e.Time, 0), furthest)
	stamp := int64(never)
	if before := p.track.Before(); before != progress.NoTime {
		stamp = before - d.w.disorder
	}
	// Decisions made while this partition was idle are not taken back.
	stamp = max(stamp, d.clock)
	if !p.begun && time > 0 {
		p.began, p.begun = time, true
	}
	if p.idle {
		p.idle, d.slow = false, -1
	}
	d.stats.Events[e.Kind]++
	switch e.Kind {
	case detect.KindRequest:
		d.request(at, e, as, time, stamp)
	case detect.KindStatement:
		d.statement(at, e, as, time, stamp)
	case detect.KindFact:
		d.fact(e)
	}
	d.parts[at].track.Clock(time)
	if d.nodes.count > d.o.MaxPending || d.nodes.memory() > d.o.MaxBytes {
		d.evict()
	}
}

// moved raises a partition's watermark to what stands before the record at hand. Its
// own events do not count yet: several events of one record have one stamp.
func (d *Detector) moved(at int) {
	p := &d.parts[at]
	before := p.track.Before()
	if p.ended || before == progress.NoTime || before-d.w.disorder <= p.watermark {
		return
	}
	p.watermark = before - d.w.disorder
	if at == d.slow || d.slow < 0 {
		d.turn()
	}
}

// turn sets the clock by the slowest partition, and does what is then due.
func (d *Detector) turn() {
	least, slow, waiting := int64(forever), -1, false
	for i := range d.parts {
		p := &d.parts[i]
		switch {
		case p.Facts || p.ended:
		case p.idle:
			waiting = true
		case p.watermark < least || slow < 0:
			least, slow = p.watermark, i
		}
	}
	d.slow = slow
	if slow < 0 && (waiting || len(d.parts) == 0) || slow < 0 && d.onlyFacts() {
		return
	}
	if least > d.clock {
		d.clock = least
	}
	if !d.waiting {
		d.work(d.clock)
	}
}

// onlyFacts tells whether nothing is open that could be judged.
func (d *Detector) onlyFacts() bool {
	for i := range d.parts {
		if !d.parts[i].Facts {
			return false
		}
	}
	return true
}

// work does everything that is due before a moment.
func (d *Detector) work(until int64) {
	for {
		a, ok := d.timeline.take(until)
		if !ok {
			break
		}
		d.ahead()
		if d.nodes.at(a.node).turn != a.turn {
			continue
		}
		switch a.phase {
		case phaseResolve:
			d.resolve(a.node)
		case phaseTwin:
			d.resolveTwin(a.node)
		case phaseFailure:
			d.resolveFailure(a.node)
		case phaseSeal:
			d.seal(a.node)
		case phaseDecide:
			d.decide(a.node)
		case phaseOrphan:
			d.orphan(a.node)
		case phaseAlone:
			d.alone(a.node)
		}
	}
	d.judgeAll()
	d.forgetSessions()
}

// evict decides what is due next, before its time, until a part of the lines has gone.
// The clock stays: lines that come are not late for want of room.
func (d *Detector) evict() {
	held := d.nodes.count
	for d.timeline.length > 0 && (d.nodes.count > d.o.MaxPending/16*15 || d.nodes.memory() > d.o.MaxBytes/16*15) {
		d.work(d.timeline.first() + 1)
	}
	d.stats.Evicted += uint64(held - d.nodes.count)
}

// schedule puts an action for a node into the timeline.
func (d *Detector) schedule(n int32, ph phase, after int64) {
	x := d.nodes.at(n)
	d.timeline.add(action{due: x.time + after, line: x.line, node: n, turn: x.turn, phase: ph})
}

// settled lets go of a node's record: at once if nothing came of it, else when what
// came of it has been taken.
func (d *Detector) settled(n int32) {
	x := d.nodes.at(n)
	if x.holder == none {
		return
	}
	h := hold{part: x.holder, ticket: x.ticket}
	x.holder = none
	if d.made == 0 && d.out.Extent() == (detect.Extent{}) {
		d.parts[h.part].track.Settle(h.ticket)
		return
	}
	d.settle = append(d.settle, h)
}
