package join

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trespass.dev/trespass/detect"
)

// The promise under test: whatever the interleaving of the partitions, and wherever
// the process dies, what a reader of the sink sees in the end is what one quiet run
// gives. The model around the real Detector is the smallest there is: partitions that
// can be read again, a sink that keeps of each row the newest revision, and offsets
// that are committed after the sink has acknowledged.

var restartWindows = Windows{
	Disorder: 5 * time.Second, Lateness: time.Minute, Join: 30 * time.Second, Txn: 20 * time.Second, Session: 40 * time.Second,
}

// bug is a fault that somebody might build in; the test must see each of them.
type bug int

const (
	noBug           bug = iota
	noLookBack          // reading begins at the first record that is not settled
	noEmitGate          // records that are read again decide again
	noStamp             // a line is joined however late it comes, if its partner still waits
	passPosition        // while reading again, offsets beyond the position are committed
	commitBeforeAck     // offsets are committed before what they stand for is safe
	bugs
)

func (b bug) String() string {
	return [...]string{"none", "no look-back", "no emit gate", "no arrival stamp", "beyond the position", "commit before acknowledgement"}[b]
}

// world is the logs of one run of the model.
type world [][]detect.Event

// newWorld makes logs of requests with their transactions, spread over partitions.
func newWorld(r *rand.Rand, partitions, requests int) world {
	w := make(world, partitions)
	put := func(e detect.Event) { p := r.IntN(partitions); w[p] = append(w[p], e) }
	lines := map[string]int64{}
	at := 0.0
	for i := range requests {
		at += r.Float64() * 8
		user := []string{"ann", "bob", "cyd", ""}[r.IntN(4)]
		id := fmt.Sprint("r", i)
		if r.IntN(5) == 0 {
			id = fmt.Sprint("req-", r.IntN(6)) // a counter that comes round
		}
		name := fmt.Sprint("get ", i)
		switch r.IntN(4) {
		case 0:
			put(event(name, at, id, user, []string{"foreign", "own"}[r.IntN(2)]))
		case 1:
			put(req(name+"a", at, id, user))
			put(req(name+"b", at+r.Float64()*10, id, ""))
		case 2:
			put(req(name, at, id, user))
		}
		if r.IntN(3) == 0 {
			continue
		}
		session := fmt.Sprint("s", r.IntN(4))
		line := func() int64 { lines[session]++; return lines[session] }
		txn := fmt.Sprint("3/", i)
		if r.IntN(8) == 0 {
			txn = ""
			put(with(text(stmt(session, "", line(), at, ""), "BEGIN"), func(s *detect.Statement) { s.Class, s.Command = "MISC", "BEGIN" }))
		}
		switch r.IntN(5) {
		case 4: // a line of its duration, or of its failure, follows outside of the transaction
			const sql = "select * from orders where id = $1"
			put(with(text(stmt(session, txn, line(), at+0.2, "orders"), sql), func(s *detect.Statement) { s.RequestID = id }))
			after := logged(stmt(session, "3/0", line(), at+0.3+r.Float64()*8, ""), sql)
			if r.IntN(2) == 0 {
				after.Statement.Kind, after.Statement.SQLState = detect.StatementError, "57014"
			}
			put(after)
		case 0:
			put(with(stmt(session, txn, line(), at+0.2, "orders"), func(s *detect.Statement) { s.RequestID = id }))
		case 1:
			e := set(session, txn, line(), at+0.1, "", []string{"web", "support"}[r.IntN(2)], "")
			e.Statement.Settings.Session = true
			put(e)
			put(stmt(session, txn, line(), at+0.2, "plans"))
		default:
			put(set(session, txn, line(), at+0.1, id, "authenticated", user))
			for range 1 + r.IntN(3) {
				put(stmt(session, txn, line(), at+0.2+r.Float64(), []string{"orders", "files", "share_links"}[r.IntN(3)]))
			}
		}
		if txn == "" {
			put(with(text(stmt(session, "", line(), at+1.5, ""), "COMMIT"), func(s *detect.Statement) { s.Class, s.Command = "MISC", "COMMIT" }))
		}
	}
	for p := range w {
		w[p] = spoil(r, w, p)
	}
	return w
}

// spoil brings a partition's lines out of order: a little most of the time, 3 % of
// them by minutes; 2 % are delivered again, here or elsewhere.
func spoil(r *rand.Rand, w world, p int) []detect.Event {
	type placed struct {
		at    int64
		event detect.Event
	}
	var lines []placed
	for _, e := range w[p] {
		at := e.Time + int64(r.Float64()*4*float64(second))
		if r.IntN(100) < 3 {
			at += int64(r.Float64() * 200 * float64(second))
		}
		lines = append(lines, placed{at, e})
		if r.IntN(100) < 2 {
			lines = append(lines, placed{at + int64(r.Float64()*100*float64(second)), e})
		}
		if r.IntN(100) < 2 {
			other := r.IntN(len(w))
			if other > p { // not spoiled yet
				w[other] = append(w[other], e)
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b placed) int { return int(min(max(a.at-b.at, -1), 1)) })
	out := make([]detect.Event, len(lines))
	for i, l := range lines {
		out[i] = l.event
	}
	return out
}

// row is what a reader sees of one access or one finding.
type row struct {
	revision uint32
	resolved bool
	text     string
}

// shown is the sink: of each key the row of the highest revision, the last of equals.
type shown map[string]row

func (s shown) write(out *detect.Output) {
	put := func(key string, r row) {
		if old, ok := s[key]; !ok || r.revision >= old.revision {
			s[key] = r
		}
	}
	for _, f := range out.Findings {
		put("finding "+f.ID.String(), row{f.Revision, f.Resolved, fmt.Sprint(f.Time, " ", f.Summary, f.Origins)})
	}
	for _, v := range out.Reads {
		put("read "+v.AccessKey, row{v.Revision, false, fmt.Sprint(v.Time, " ", v.Reason, v.Origins)})
	}
}

// process is one life of the program over a world.
type process struct {
	*Detector
	position []int64
	batch    detect.Output
	progress []Progress
}

func begin(w world, committed []Progress, b bug) *process {
	p := &process{Detector: newDetector(Options{Windows: restartWindows})}
	if b == noStamp {
		p.w.slack = furthest
	}
	p.facts, p.judging = detect.NewFacts(&detect.Policy{}), &scribe{}
	for i := range w {
		c := committed[i]
		p.Open(Start{Source: "log", Partition: int32(i), Position: c.Safe, EmitFrom: c.EmitFrom, Watermark: c.Watermark})
		p.position = append(p.position, c.Safe)
	}
	return p
}

// read observes the next line of a partition; at the end of the partition it ends it.
func (p *process) read(w world, i int) {
	at := p.position[i]
	switch {
	case at < int64(len(w[i])):
		e := w[i][at]
		e.Origin = detect.Origin{Source: "log", Partition: int32(i), Offset: at}
		p.Observe(Part(i), &e)
		p.Skip(Part(i), at)
	case at == int64(len(w[i])):
		p.End(Part(i))
	}
	p.position[i]++
}

// readAll observes the next lines of a partition together, as the service does.
func (p *process) readAll(w world, i, count int) {
	from := min(p.position[i], int64(len(w[i])))
	events := slices.Clone(w[i][from:min(from+int64(count), int64(len(w[i])))])
	if len(events) == 0 {
		p.read(w, i)
		return
	}
	for k := range events {
		events[k].Origin = detect.Origin{Source: "log", Partition: int32(i), Offset: from + int64(k)}
	}
	p.ObserveAll(Part(i), events)
	p.position[i] += int64(len(events))
	p.Skip(Part(i), p.position[i]-1)
}

func (p *process) done(w world) bool {
	for i := range w {
		if p.position[i] <= int64(len(w[i])) {
			return false
		}
	}
	return true
}

// take begins a batch: what was decided, and the offsets that it lets pass.
func (p *process) take() {
	p.Take(&p.batch)
	if len(p.batch.Failures) > 0 {
		panic(p.batch.Failures[0].Stack)
	}
	p.progress = p.progress[:0]
	for i := range p.parts {
		p.progress = append(p.progress, p.Progress(Part(i)))
	}
}

// quiet is the oracle: one run without a fault, one partition after the other.
func quiet(w world) shown {
	p := begin(w, make([]Progress, len(w)), noBug)
	for i := range w {
		for p.position[i] <= int64(len(w[i])) {
			p.read(w, i)
		}
	}
	p.take()
	s := shown{}
	s.write(&p.batch)
	return s
}

// wild reads a world in a random order and dies at random moments.
func wild(r *rand.Rand, w world, b bug) (s shown, crashes, read int) {
	s = shown{}
	committed := make([]Progress, len(w))
	p := begin(w, committed, b)
	commit := func() {
		for i, c := range p.progress {
			committed[i] = c
			switch b {
			case noLookBack:
				committed[i].Safe = c.EmitFrom
			case noEmitGate:
				committed[i].EmitFrom = c.Safe
			case passPosition:
				if p.position[i] < c.EmitFrom {
					committed[i].Safe = c.EmitFrom
				}
			}
		}
	}
	steps := 0
	dies := func() bool {
		steps++
		if steps > 100_000 || r.IntN(16) != 0 {
			return false
		}
		crashes++
		p = begin(w, committed, b)
		return true
	}
	for {
		for range 1 + r.IntN(20) {
			if r.IntN(8) == 0 {
				p.readAll(w, r.IntN(len(w)), 2+r.IntN(12))
			} else {
				p.read(w, r.IntN(len(w)))
			}
			read++
		}
		if dies() {
			continue
		}
		if r.IntN(4) == 0 {
			p.readAll(w, r.IntN(len(w)), 150) // one partition runs ahead
			read += 150
		}
		p.take()
		if dies() {
			continue
		}
		if b == commitBeforeAck {
			commit()
			if dies() {
				continue
			}
		}
		s.write(&p.batch)
		p.batch = detect.Output{}
		if dies() {
			continue // acknowledged, and not committed
		}
		if r.IntN(3) == 0 && !p.done(w) {
			continue // nothing is committed this time
		}
		commit()
		if dies() {
			continue
		}
		if p.done(w) {
			return s, crashes, read
		}
	}
}

// difference counts what a reader would miss, see too much, or see wrong.
type difference struct{ lost, phantom, changed int }

func compare(want, got shown) (d difference, example string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[key]
		switch {
		case !ok:
			d.lost++
			example = fmt.Sprintf("lost %s: %+v", key, want[key])
		case g != want[key]:
			d.changed++
			example = fmt.Sprintf("changed %s:\n want %+v\n got  %+v", key, want[key], g)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			d.phantom++
			example = fmt.Sprintf("phantom %s: %+v", key, got[key])
		}
	}
	return d, example
}

func TestNothingIsLostOrInventedAcrossRestarts(t *testing.T) {
	worlds, crashes, rows := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		partitions := rapid.IntRange(1, 5).Draw(rt, "partitions")
		requests := rapid.IntRange(1, 250).Draw(rt, "requests")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "world"), 1))
		w := newWorld(r, partitions, requests)
		want := quiet(w)
		for range 2 {
			got, died, _ := wild(r, w, noBug)
			worlds, crashes, rows = worlds+1, crashes+died, rows+len(want)
			if d, example := compare(want, got); d != (difference{}) {
				rt.Fatalf("%+v after %d crashes\n%s", d, died, example)
			}
		}
	})
	t.Logf("%d runs, %d crashes, %d rows compared", worlds, crashes, rows)
	if crashes < worlds {
		t.Errorf("only %d crashes in %d runs: the test tries too little", crashes, worlds)
	}
}

func TestPlantedBugsAreSeen(t *testing.T) {
	for b := noBug + 1; b < bugs; b++ {
		t.Run(b.String(), func(t *testing.T) {
			var sum difference
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 2))
				w := newWorld(r, 3, 100)
				want := quiet(w)
				got, _, _ := wild(r, w, b)
				d, _ := compare(want, got)
				sum.lost, sum.phantom, sum.changed = sum.lost+d.lost, sum.phantom+d.phantom, sum.changed+d.changed
			}
			if sum == (difference{}) {
				t.Error("the bug went unseen")
			}
			t.Logf("%+v", sum)
		})
	}
}
