package detect

import (
	"cmp"
	"slices"
)

// phase orders what is due at the same moment: a transaction must be known before it
// is sealed, and sealed before a request asks for it.
type phase uint8

const (
	phaseResolve phase = iota
	phaseTwin
	phaseFailure
	phaseSeal
	phaseDecide
	phaseOrphan
	phaseAlone
)

// action is one thing to do with a line, at a moment of event time.
type action struct {
	due   int64
	time  int64
	line  uint64
	node  int32
	phase phase
}

func compareActions(a, b action) int {
	if c := cmp.Compare(a.due, b.due); c != 0 {
		return c
	}
	if c := cmp.Compare(a.phase, b.phase); c != 0 {
		return c
	}
	if c := cmp.Compare(a.time, b.time); c != 0 {
		return c
	}
	return cmp.Compare(a.line, b.line)
}

// slotShift makes a slot of the timeline 2^27 ns, about 134 ms, wide.
const slotShift = 27

// timeline gives actions back in order. Actions are dropped unsorted into slots of
// event time; a slot is sorted when it is reached, so that neither a busy second nor
// a time from the far future costs more than its own lines.
type timeline struct {
	slots map[int64]int32 // slot number to place in lists
	lists [][]action
	free  []int32
	order []int64 // heap of slot numbers

	// The slot that is being worked off, sorted.
	current []action
	number  int64
	next    int
	active  bool
	list    int32

	lastNumber int64 // the slot that was written last
	lastList   int32
	lastOK     bool
	length     int
}

func newTimeline() timeline { return timeline{slots: map[int64]int32{}} }

// add puts an action in. One that is due before what was given back already comes next.
func (t *timeline) add(a action) {
	t.length++
	number := a.due >> slotShift
	if t.active && number <= t.number {
		rest := t.current[t.next:]
		i, _ := slices.BinarySearchFunc(rest, a, compareActions)
		t.current = slices.Insert(t.current, t.next+i, a)
		return
	}
	if !t.lastOK || number != t.lastNumber {
		place, ok := t.slots[number]
		if !ok {
			if n := len(t.free); n > 0 {
				place, t.free = t.free[n-1], t.free[:n-1]
			} else {
				place = int32(len(t.lists))
				t.lists = append(t.lists, nil)
			}
			t.slots[number] = place
			t.push(number)
		}
		t.lastNumber, t.lastList, t.lastOK = number, place, true
	}
	t.lists[t.lastList] = append(t.lists[t.lastList], a)
}

// take gives the first action that is due before the clock.
func (t *timeline) take(clock int64) (action, bool) {
	if !t.active && !t.open(clock) {
		return action{}, false
	}
	a := t.current[t.next]
	if a.due >= clock {
		return action{}, false
	}
	t.next++
	t.length--
	if t.next == len(t.current) {
		t.close()
	}
	return a, true
}

// ready tells whether take may have something. It is what every line asks.
func (t *timeline) ready(clock int64) bool {
	if t.active {
		return t.current[t.next].due < clock
	}
	return len(t.order) > 0 && t.order[0]<<slotShift < clock
}

// first is when the first action is due; there must be one.
func (t *timeline) first() int64 {
	if t.active || t.open(forever) {
		return t.current[t.next].due
	}
	return forever
}

// open sorts the first slot and begins it.
func (t *timeline) open(clock int64) bool {
	if len(t.order) == 0 || t.order[0]<<slotShift >= clock {
		return false
	}
	t.number = t.pop()
	t.list = t.slots[t.number]
	delete(t.slots, t.number)
	if t.lastNumber == t.number {
		t.lastOK = false
	}
	t.current, t.next, t.active = t.lists[t.list], 0, true
	slices.SortFunc(t.current, compareActions)
	return true
}

// close gives the slot's list back, unless a flood made it large.
func (t *timeline) close() {
	if cap(t.current) > 1<<16 {
		t.current = nil
	}
	t.lists[t.list] = t.current[:0]
	t.free = append(t.free, t.list)
	t.current, t.active = nil, false
}

func (t *timeline) push(n int64) {
	t.order = append(t.order, n)
	i := len(t.order) - 1
	for i > 0 && t.order[(i-1)/2] > t.order[i] {
		t.order[(i-1)/2], t.order[i] = t.order[i], t.order[(i-1)/2]
		i = (i - 1) / 2
	}
}

func (t *timeline) pop() int64 {
	top := t.order[0]
	last := len(t.order) - 1
	t.order[0] = t.order[last]
	t.order = t.order[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && t.order[child+1] < t.order[child] {
			child++
		}
		if t.order[i] <= t.order[child] {
			return top
		}
		t.order[i], t.order[child] = t.order[child], t.order[i]
		i = child
	}
}
