package join

import (
	"slices"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
)

// gathering is the scratch of one decision.
type gathering struct {
	members []int32
	lines   []int32
	units   []int32
	later   []int32
	groups  []group
	line    []int // of each line its group, or everyGroup
	unit    []int
	early   []int32
	origins []detect.Origin
	peek    []detect.StatementLine
	rest    bool // the line at hand is a further line of a long row
}

// group is one access that comes of lines of one request id.
type group struct {
	who      uint64 // hash of the user
	known    bool   // who is known
	complete bool
	bucket   int64 // of the complete lines
	id       int32 // chain of their request id, else of their trace id
}

// everyGroup marks a line that may be of any of several users.
const everyGroup = -1

// decide ends the waiting for the partners of a request line.
//
// The first line of a request id takes in all lines of that id up to Windows.Join
// after it, and the transactions that name it, up to Windows.Join on both sides. A
// line is the first if no other came before it within Windows.Join. A longer row of
// lines is not followed: where such a row began could not be told after a restart.
// Its further lines stand for themselves, only complete lines of one user within one
// keyBucket stay together.
func (d *Detector) decide(n int32) {
	x := d.nodes.at(n)
	d.unname(n)
	byID, byTrace := x.links[0].chain, x.links[1].chain
	first := d.first(x, byID, byTrace)
	if x.is(flagJoined) {
		d.unchain(n)
		d.nodes.drop(n)
		return
	}
	g := &d.gather
	g.rest = !first
	g.lines, g.units, g.later = append(g.lines[:0], n), g.units[:0], g.later[:0]
	d.collect(n, byID, 0, first)
	d.collect(n, byTrace, 1, first)
	if first {
		d.oneRequest(n)
		d.extend()
	}
	slices.SortFunc(g.lines, d.nodes.before)
	slices.SortFunc(g.units, d.nodes.before)
	d.leave()
	d.split()
	for i := range g.groups {
		d.judgeGroup(i)
	}
	for _, u := range g.units {
		d.release(u)
		d.unchain(u)
		d.nodes.drop(u)
	}
	for _, m := range g.lines {
		d.nodes.at(m).flags |= flagJoined | flagDone
		d.settled(m)
		d.nodes.forget(m)
	}
	d.unchain(n)
	d.nodes.drop(n)
}

// first tells whether no related line came shortly before x, and takes note of x for
// the lines after it.
func (d *Detector) first(x *node, byID, byTrace int32) bool {
	first := true
	near := func(last int64) bool { return last != never && x.time-last <= d.w.join }
	if byID != none {
		c := d.chains.at(byID)
		first = first && !near(c.last)
		c.last = x.time
	}
	if byTrace != none {
		c := d.chains.at(byTrace)
		if x.is(flagHasR) {
			first = first && !near(c.lastBare)
		} else {
			first = first && !near(c.last)
			c.lastBare = x.time
		}
		c.last = x.time
	}
	return first
}

// collect finds what belongs to n in one of its chains: by request id, or by trace id
// where one of the two has no request id.
func (d *Detector) collect(n, chain int32, side uint8, first bool) {
	if chain == none {
		return
	}
	g := &d.gather
	x := d.nodes.at(n)
	for m := d.chains.at(chain).head; m != none; m = d.nodes.at(m).links[side].next {
		y := d.nodes.at(m)
		if m == n || side == 1 && x.is(flagHasR) && y.is(flagHasR) {
			continue
		}
		switch {
		case y.kind == nodeUnit:
			if !y.is(flagDone) && abs(y.time-x.time) <= d.w.join {
				g.units = append(g.units, m)
			}
		case y.is(flagJoined) || y.time > x.time+d.w.join+d.w.txn:
		case first && y.time <= x.time+d.w.join || !first && d.sameCore(n, m):
			g.lines = append(g.lines, m)
		default:
			g.later = append(g.later, m)
		}
	}
}

// sameCore tells whether two complete lines are one access: of one user, one request
// id and one keyBucket.
func (d *Detector) sameCore(a, b int32) bool {
	x, y := d.nodes.at(a), d.nodes.at(b)
	return x.is(flagComplete) && y.is(flagComplete) && x.who == y.who && x.coreID() == y.coreID() && bucket(x.time) == bucket(y.time)
}

// coreID is the chain of a request's id, else of its trace.
func (n *node) coreID() int32 {
	if n.links[0].chain != none {
		return n.links[0].chain
	}
	return n.links[1].chain
}

// oneRequest keeps a line that has a trace id alone from tying several requests of
// that trace together: it goes with the first of them.
func (d *Detector) oneRequest(n int32) {
	if d.nodes.at(n).is(flagHasR) {
		return
	}
	g := &d.gather
	chosen := none
	for _, m := range g.lines {
		if d.nodes.at(m).is(flagHasR) && (chosen == none || d.nodes.before(m, chosen) < 0) {
			chosen = m
		}
	}
	if chosen == none {
		return
	}
	id := d.nodes.at(chosen).links[0].chain
	other := func(m int32) bool {
		y := d.nodes.at(m)
		return y.is(flagHasR) && y.links[0].chain != id
	}
	g.lines = slices.DeleteFunc(g.lines, other)
	g.units = slices.DeleteFunc(g.units, other)
}

// extend takes in what is one access with a line that is taken in.
func (d *Detector) extend() {
	g := &d.gather
	n := len(g.lines)
	for _, m := range g.later {
		if d.nodes.at(m).is(flagComplete) && slices.ContainsFunc(g.lines[:n], func(l int32) bool { return d.sameCore(l, m) }) {
			g.lines = append(g.lines, m)
		}
	}
}

// leave drops the transactions that are nearer to a later request: their claims name
// a user who is not among the lines taken in, but has a line of the same id soon after.
func (d *Detector) leave() {
	g := &d.gather
	g.units = slices.DeleteFunc(g.units, func(u int32) bool {
		y := d.nodes.at(u)
		if !y.is(flagIdentity) || len(g.later) == 0 {
			return false
		}
		is := func(m int32) bool { return d.nodes.at(m).is(flagIdentity) && d.nodes.at(m).who == y.who }
		if slices.ContainsFunc(g.lines, is) {
			return false
		}
		return slices.ContainsFunc(g.later, func(m int32) bool {
			return is(m) && !slices.Contains(g.lines, m) && abs(d.nodes.at(m).time-y.time) <= d.w.join
		})
	})
}

// split makes one group for each user that the lines name. Somebody can send the
// request id of another's request, so what names no user goes to all of them, marked
// as shared: it can neither prove nor hide anything.
func (d *Detector) split() {
	g := &d.gather
	g.groups, g.line, g.unit = g.groups[:0], g.line[:0], g.unit[:0]
	for range g.lines {
		g.line = append(g.line, everyGroup)
	}
	for i, m := range g.lines {
		x := d.nodes.at(m)
		if !x.is(flagComplete) {
			continue
		}
		at := slices.IndexFunc(g.groups, func(o group) bool {
			return o.who == x.who && o.bucket == bucket(x.time) && o.id == x.coreID()
		})
		if at < 0 {
			at = len(g.groups)
			g.groups = append(g.groups, group{who: x.who, known: true, complete: true, bucket: bucket(x.time), id: x.coreID()})
		}
		g.line[i] = at
	}
	for i, m := range g.lines {
		x := d.nodes.at(m)
		if x.is(flagComplete) || !x.is(flagIdentity) {
			continue
		}
		at := g.of(x.who)
		if at < 0 {
			at = len(g.groups)
			g.groups = append(g.groups, group{who: x.who, known: true})
		}
		g.line[i] = at
	}
	if len(g.groups) == 0 {
		// No line names a user: the claims of the transactions do.
		for _, u := range g.units {
			if x := d.nodes.at(u); x.is(flagIdentity) && g.of(x.who) < 0 {
				g.groups = append(g.groups, group{who: x.who, known: true})
			}
		}
	}
	if len(g.groups) == 0 {
		g.groups = append(g.groups, group{})
	}
	only := everyGroup
	if g.one() {
		only = 0
	}
	for i := range g.line {
		if g.line[i] == everyGroup {
			g.line[i] = only
		}
	}
	for _, u := range g.units {
		to := only
		if x := d.nodes.at(u); x.is(flagIdentity) {
			if at := g.of(x.who); at >= 0 {
				to = at
			}
		}
		g.unit = append(g.unit, to)
	}
}

// of finds the first group of a user.
func (g *gathering) of(who uint64) int {
	return slices.IndexFunc(g.groups, func(o group) bool { return o.who == who })
}

// one tells whether all groups are of one user.
func (g *gathering) one() bool {
	for i := range g.groups {
		if g.groups[i].who != g.groups[0].who {
			return false
		}
	}
	return true
}

// shares tells whether a line or transaction given to a group goes into the ith.
func (g *gathering) shares(given, i int) bool {
	return given == i || given == everyGroup && g.of(g.groups[i].who) == i
}

// judgeGroup judges one access of a request.
func (d *Detector) judgeGroup(i int) {
	g := &d.gather
	a := d.blank()
	emit, lines := false, 0
	g.early = g.early[:0]
	own := -1
	for j, m := range g.lines {
		if !g.shares(g.line[j], i) {
			continue
		}
		x := d.nodes.at(m)
		r := d.requestLine(a, x)
		r.Shared = g.line[j] == everyGroup
		emit = emit || x.is(flagEmit)
		lines++
		if g.line[j] == i {
			g.early = append(g.early, m)
			if x.is(flagComplete) == g.groups[i].complete && (own < 0 || r.Time < a.Requests[own].Time) {
				own = len(a.Requests) - 1
			}
		}
	}
	sub := ""
	for j, u := range g.units {
		if !g.shares(g.unit[j], i) {
			continue
		}
		from := len(a.Statements)
		var keys unitKeys
		a.Statements, keys = d.build(u, a.Statements)
		for k := from; k < len(a.Statements); k++ {
			a.Statements[k].Shared = g.unit[j] == everyGroup
		}
		if g.unit[j] == i && keys.hasSub {
			sub = keys.sub
		}
		e, n := d.weigh(u)
		emit, lines = emit || e, lines+n
	}
	r := &a.Requests[max(own, 0)]
	id, trace, user := r.RequestID, r.TraceID, r.UserID
	for k := range a.Requests {
		if id == "" && !g.groups[i].complete {
			id = a.Requests[k].RequestID
		}
	}
	if user == "" && own < 0 {
		user = sub
	}
	a.Time = r.Time
	switch {
	case id == "" && trace == "", g.rest && !g.groups[i].complete:
		a.Key = d.lineKey(d.nodes.at(g.lines[0]))
	case g.groups[i].complete:
		a.Key = d.requestKey(keyComplete, id, trace, user, a.Time)
	default:
		a.Key = d.requestKey(keyRequest, id, trace, user, a.Time)
	}
	d.finish(emit, lines, g.early)
}

// requestLine adds a waiting request to an access.
func (d *Detector) requestLine(a *detect.Access, x *node) *detect.RequestLine {
	r := memory.Extend(&a.Requests)
	r.Time, r.Origin, r.LineID, r.Text = x.time, d.origin(x), x.line, x.data
	d.dec.s = x.data
	d.dec.request(&r.Request)
	return r
}

// alone judges a line that came too late to be joined, or for which there was no room.
func (d *Detector) alone(n int32) {
	x := d.nodes.at(n)
	d.unname(n)
	if x.is(flagDropped) {
		d.nodes.drop(n)
		return
	}
	a := d.blank()
	a.Late = x.is(flagLate)
	if x.kind == nodeRequest {
		d.requestLine(a, x)
	} else if x.is(flagRead) {
		a.Statements, _ = d.build(n, a.Statements)
	}
	a.Time, a.Key = x.time, d.lineKey(x)
	if len(a.Requests)+len(a.Statements) > 0 {
		d.finish(x.is(flagEmit), 1, nil)
	}
	d.settled(n)
	d.nodes.drop(n)
}
