package progress

import (
	"math/rand/v2"
	"testing"
)

func TestAHeldRecordHoldsTheRest(t *testing.T) {
	p := New(100, 0, NoTime)
	var tickets []Ticket
	for o := int64(100); o < 110; o++ {
		p.See(o)
		tickets = append(tickets, p.Hold())
		p.Clock(o * 1e9)
		p.Pass(o)
	}
	if c := p.Commit(NoTime); c != (Commit{100, 100, NoTime}) {
		t.Errorf("nothing is settled: %+v", c)
	}
	p.Settle(tickets[1])
	if o, _ := p.Settled(); o != 100 {
		t.Errorf("the first is not settled, and %d is said to be next", o)
	}
	p.Settle(tickets[0])
	if o, before := p.Settled(); o != 102 || before != 101e9 {
		t.Errorf("want 102 after 101 s, got %d after %d", o, before)
	}
	for _, ticket := range tickets[2:] {
		p.Settle(ticket)
	}
	if c := p.Commit(1e18); c != (Commit{110, 110, 109e9}) {
		t.Errorf("all is settled: %+v", c)
	}
}

func TestSeveralHoldsOnOneRecord(t *testing.T) {
	p := New(0, 0, NoTime)
	p.See(7)
	a, b := p.Hold(), p.Hold()
	p.Pass(7)
	p.Settle(a)
	if o, _ := p.Settled(); o != 7 {
		t.Errorf("one event of the record waits, and %d is said to be next", o)
	}
	p.Settle(b)
	if o, _ := p.Settled(); o != 8 {
		t.Errorf("want 8, got %d", o)
	}
}

func TestReadingAgainCommitsNothingBeyondThePosition(t *testing.T) {
	p := New(50, 80, 5e9)
	p.See(50)
	p.Clock(6e9)
	p.Pass(50)
	if !p.Replayed() {
		t.Error("51 lies before 80")
	}
	if c := p.Commit(1e18); c != (Commit{51, 80, 6e9}) {
		t.Errorf("want S at the position and C where it was: %+v", c)
	}
	p.Pass(79)
	if p.Replayed() {
		t.Error("80 is not settled")
	}
}

// The horizon's record is found by walking: the first whose event time reaches it.
func TestSafeOffsetAgainstAWalk(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		p := New(0, 0, NoTime)
		var times []int64
		at := int64(0)
		for o := range int64(400) {
			at += r.Int64N(3e9)
			e := at - r.Int64N(20e9)
			times = append(times, e)
			p.See(o)
			p.Clock(e)
			p.Pass(o)
		}
		horizon := int64(NoTime)
		last := int64(0)
		for range 10 {
			horizon = max(horizon, r.Int64N(at+1))
			c := p.Commit(horizon)
			first := int64(len(times))
			for o, e := range times {
				if e >= horizon {
					first = int64(o)
					break
				}
			}
			if c.Safe > first {
				t.Fatalf("record %d reaches the horizon, and reading would begin at %d", first, c.Safe)
			}
			if first < int64(len(times)) && times[first]-horizon < 0 || c.Safe < last {
				t.Fatalf("went back from %d to %d", last, c.Safe)
			}
			// No more than the width of a step too early.
			for o := c.Safe; o < first; o++ {
				if times[o] < horizon-20e9-firstStep-3e9 {
					t.Fatalf("reading would begin at %d, long before %d", c.Safe, first)
				}
			}
			want := int64(NoTime)
			for _, e := range times[:c.Safe] {
				want = max(want, e)
			}
			if c.Watermark != want {
				t.Fatalf("greatest time before %d is %d, not %d", c.Safe, want, c.Watermark)
			}
			last = c.Safe
		}
	}
}

func TestMarksAreBounded(t *testing.T) {
	p := New(0, 0, NoTime)
	for o := range int64(1_000_000) {
		p.See(o)
		p.Clock(o * 10e9) // each record opens a new step
		p.Pass(o)
	}
	if n := len(p.marks) - p.dropped; n > manyMarks {
		t.Errorf("%d marks", n)
	}
	if c := p.Commit(5_000_000e9); c.Safe > 500_000 || c.Safe < 490_000 {
		t.Errorf("reading would begin at %d, want a little before 500000", c.Safe)
	}
}

func TestTheRingGrowsAndShrinksInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := New(0, 0, NoTime)
	open := map[int64]Ticket{}
	first := func() int64 {
		least := p.Position()
		for o := range open {
			least = min(least, o)
		}
		return least
	}
	for o := range int64(20_000) {
		p.See(o)
		if r.IntN(3) > 0 {
			open[o] = p.Hold()
		}
		p.Pass(o)
		for len(open) > 300+int(o%700) {
			for k, ticket := range open {
				p.Settle(ticket)
				delete(open, k)
				break
			}
		}
		if o%97 == 0 {
			if got, _ := p.Settled(); got != first() {
				t.Fatalf("at %d: want %d, got %d", o, first(), got)
			}
		}
	}
}
