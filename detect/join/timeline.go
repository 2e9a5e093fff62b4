package join

import (
	"cmp"
	"container/heap"
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
	line  uint64
	node  int32
	turn  uint32 // of the node's place: the action of a node that is gone is nobody's
	phase phase
}

func compareActions(a, b action) int {
	switch {
	case a.due != b.due:
		return cmp.Compare(a.due, b.due)
	case a.phase != b.phase:
		return cmp.Compare(a.phase, b.phase)
	}
	return cmp.Compare(a.line, b.line)
}

// slotShift makes a slot of the timeline 2^29 ns, about half a second, wide: long enough
// for looking ahead, short enough for a busy second to be sorted within the cache.
const slotShift = 29

// timeline gives actions back in order. Actions are dropped unsorted into slots of
// event time; a slot is sorted when it is reached, so that neither a busy second nor
// a time from the far future costs more than its own lines.
type timeline struct {
	slots map[int64]int32 // slot number to place in lists
	lists [][]action
	free  []int32
	order slotHeap

	// The slot that is being worked off, sorted, and what was added to it since.
	current []action
	next    int
	since   actionHeap
	number  int64
	list    int32
	active  bool
	sort    actionSort

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
		heap.Push(&t.since, a)
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
			heap.Push(&t.order, number)
		}
		t.lastNumber, t.lastList, t.lastOK = number, place, true
	}
	t.lists[t.lastList] = append(t.lists[t.lastList], a)
}

// take gives the first action that is due before a moment.
func (t *timeline) take(until int64) (action, bool) {
	if !t.active && !t.open(until) {
		return action{}, false
	}
	if len(t.since) == 0 && t.next+1 < len(t.current) {
		a := t.current[t.next]
		if a.due >= until {
			return action{}, false
		}
		t.next++
		t.length--
		return a, true
	}
	a, added := t.peek()
	if a.due >= until {
		return action{}, false
	}
	if added {
		heap.Pop(&t.since)
	} else {
		t.next++
	}
	t.length--
	if t.next == len(t.current) && len(t.since) == 0 {
		t.close()
	}
	return a, true
}

// peek gives the first action of the active slot, and whether it was added since the
// slot was sorted.
func (t *timeline) peek() (a action, added bool) {
	if len(t.since) == 0 {
		return t.current[t.next], false
	}
	if t.next < len(t.current) && compareActions(t.current[t.next], t.since[0]) <= 0 {
		return t.current[t.next], false
	}
	return t.since[0], true
}

// each gives all actions, in no order.
func (t *timeline) each(yield func(action)) {
	for _, place := range t.slots {
		for _, a := range t.lists[place] {
			yield(a)
		}
	}
	if t.active {
		for _, a := range t.current[t.next:] {
			yield(a)
		}
	}
	for _, a := range t.since {
		yield(a)
	}
}

// first is when the first action is due; there must be one.
func (t *timeline) first() int64 {
	if !t.active && !t.open(forever) {
		return forever
	}
	a, _ := t.peek()
	return a.due
}

// open sorts the first slot and begins it.
func (t *timeline) open(until int64) bool {
	if len(t.order) == 0 || t.order[0]<<slotShift >= until {
		return false
	}
	t.number = heap.Pop(&t.order).(int64)
	t.list = t.slots[t.number]
	delete(t.slots, t.number)
	if t.lastNumber == t.number {
		t.lastOK = false
	}
	t.current, t.next, t.active = t.sort.sort(t.lists[t.list]), 0, true
	return true
}

// close gives the slot's list back, unless a flood made it large.
func (t *timeline) close() {
	if cap(t.current) > 1<<16 {
		t.current = nil
	}
	if cap(t.since) > 1<<16 {
		t.since = nil
	}
	t.lists[t.list] = t.current[:0]
	t.free = append(t.free, t.list)
	t.current, t.active = nil, false
}

// slotHeap has the least slot number first.
type slotHeap []int64

func (h slotHeap) Len() int           { return len(h) }
func (h slotHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h slotHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *slotHeap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *slotHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// actionHeap has the first action first.
type actionHeap []action

func (h actionHeap) Len() int           { return len(h) }
func (h actionHeap) Less(i, j int) bool { return compareActions(h[i], h[j]) < 0 }
func (h actionHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *actionHeap) Push(x any)        { *h = append(*h, x.(action)) }
func (h *actionHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
