// Package progress keeps, for one partition of a log, what has to be known to read
// on after a crash: which records are not settled yet, and where reading must begin
// so that whatever they still need is seen again.
//
// Three numbers come out of it (see Partition.Commit): S, where reading may begin;
// C, the first record that is not settled; M, the greatest event time before S.
// Records between S and C are read again only to be looked up.
package progress

import "math"

// NoTime stands for "no event time yet"; it is less than any.
const NoTime = math.MinInt64

// Ticket names one record that is held.
type Ticket uint64

// Commit is what may be stored for a partition.
type Commit struct {
	Safe      int64 // S
	EmitFrom  int64 // C
	Watermark int64 // M; NoTime when no record came before S
}

// Partition tracks one partition. The zero value is not ready: see New.
type Partition struct {
	position int64 // first record that is not wholly seen
	emitFrom int64 // records before it were settled by an earlier run
	before   int64 // greatest event time before position
	max      int64 // greatest event time seen

	held       []slot // ring of the records that are not settled, by ticket
	first, end Ticket

	marks   []mark // where the greatest event time reached a new step
	dropped int    // marks at the front that are of no use any more
	step    int64  // width of a step
}

type slot struct {
	offset int64
	before int64
	open   int32 // holds on this record; several events can come of one
}

// mark says that before offset no event reached reach's step.
type mark struct {
	reach  int64 // event time divided by step
	offset int64
	before int64 // greatest event time before offset
}

const (
	firstStep = 1e9 // marks are a second apart, and more when there are many
	manyMarks = 1 << 14
)

// New starts at position, with what an earlier run committed: emitFrom, and the
// greatest event time before position, or NoTime.
func New(position, emitFrom, watermark int64) Partition {
	p := Partition{
		position: position, emitFrom: max(emitFrom, position),
		before: watermark, max: watermark, step: firstStep,
	}
	if watermark != NoTime {
		p.marks = append(p.marks, mark{reach: floorDiv(watermark, p.step), offset: position, before: watermark})
	}
	return p
}

// See begins the record at offset; more events of the same record may follow.
// Offsets never go back.
func (p *Partition) See(offset int64) {
	if offset > p.position {
		p.position = offset
		p.before = p.max
	}
}

// Pass says that nothing more comes of offset and of all before it.
func (p *Partition) Pass(offset int64) { p.See(offset + 1) }

// Clock takes the event time of an event of the record that See began.
func (p *Partition) Clock(t int64) {
	if t <= p.max {
		return
	}
	p.max = t
	reach := floorDiv(t, p.step)
	if n := len(p.marks); n > p.dropped && p.marks[n-1].reach >= reach {
		return
	}
	if len(p.marks)-p.dropped >= manyMarks {
		p.widen()
		reach = floorDiv(t, p.step)
		if p.marks[len(p.marks)-1].reach >= reach {
			return
		}
	}
	p.marks = append(p.marks, mark{reach: reach, offset: p.position, before: p.before})
}

// widen doubles the step; of two marks that fall together the first stays.
func (p *Partition) widen() {
	p.step *= 2
	kept := p.marks[:0]
	for _, m := range p.marks[p.dropped:] {
		m.reach = floorDiv(m.reach, 2)
		if n := len(kept); n > 0 && kept[n-1].reach == m.reach {
			continue
		}
		kept = append(kept, m)
	}
	p.marks, p.dropped = kept, 0
}

// Before is the greatest event time of the records before the one that See began.
func (p *Partition) Before() int64 { return p.before }

// Max is the greatest event time seen.
func (p *Partition) Max() int64 { return p.max }

// Position is the first record that is not wholly seen.
func (p *Partition) Position() int64 { return p.position }

// Replayed tells whether an earlier run settled the record that See began.
func (p *Partition) Replayed() bool { return p.position < p.emitFrom }

// Hold keeps the record that See began from being settled until Settle is called.
func (p *Partition) Hold() Ticket {
	if p.end > p.first {
		if last := p.at(p.end - 1); last.offset == p.position {
			last.open++
			return p.end - 1
		}
	}
	if int(p.end-p.first) == len(p.held) {
		p.grow()
	}
	*p.at(p.end) = slot{offset: p.position, before: p.before, open: 1}
	p.end++
	return p.end - 1
}

// Settle takes back one Hold.
func (p *Partition) Settle(t Ticket) {
	p.at(t).open--
	for p.first < p.end && p.at(p.first).open == 0 {
		p.first++
	}
}

// Held counts the records between the first that is held and the last.
func (p *Partition) Held() int { return int(p.end - p.first) }

func (p *Partition) at(t Ticket) *slot { return &p.held[uint64(t)&uint64(len(p.held)-1)] }

func (p *Partition) grow() {
	held := make([]slot, max(64, 2*len(p.held)))
	for t := p.first; t < p.end; t++ {
		held[uint64(t)&uint64(len(held)-1)] = *p.at(t)
	}
	p.held = held
}

// Settled is the first record that this run has not settled, with the greatest event
// time before it.
func (p *Partition) Settled() (offset, before int64) {
	if p.first < p.end {
		s := p.at(p.first)
		return s.offset, s.before
	}
	return p.position, p.before
}

// Commit gives the three numbers, where horizon is the least event time that any
// record not yet settled, of any partition, may still look up.
func (p *Partition) Commit(horizon int64) Commit {
	settled, before := p.Settled()
	c := Commit{Safe: settled, EmitFrom: max(settled, p.emitFrom), Watermark: before}
	if m, ok := p.mark(horizon); ok && m.offset < c.Safe {
		c.Safe, c.Watermark = m.offset, m.before
	}
	return c
}

// mark finds the first mark that may stand before a record of the horizon or later.
func (p *Partition) mark(horizon int64) (mark, bool) {
	if len(p.marks) == p.dropped {
		return mark{}, false
	}
	reach := int64(math.MinInt64)
	if horizon != NoTime {
		reach = floorDiv(horizon, p.step)
	}
	for p.dropped < len(p.marks)-1 && p.marks[p.dropped].reach < reach {
		p.dropped++
	}
	if p.dropped > len(p.marks)/2 {
		p.marks = p.marks[:copy(p.marks, p.marks[p.dropped:])]
		p.dropped = 0
	}
	m := p.marks[p.dropped]
	return m, m.reach >= reach
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
