package join

import (
	"slices"

	"trespass.dev/trespass/detect"
)

// resolve gives a statement that carries no transaction id its transaction.
func (d *Detector) resolve(n int32) {
	x := d.nodes.at(n)
	d.dec.s = x.data
	chain := d.chains.get(d.chains.txn(x.session, d.transactionOf(d.dec.first(), x)), 0)
	if !d.enchain2(n, chain) {
		d.crowded(n)
		return
	}
	d.list(n)
	d.schedule(n, phaseSeal, d.w.seal)
}

// list enters an execution by its text, so that a line which says more of it, outside
// of its transaction, can be told: audited ones, and those without transaction id.
func (d *Detector) list(n int32) {
	x := d.nodes.at(n)
	if !d.listed || !x.is(flagRead) || x.plan == nil {
		return
	}
	chain := d.chains.get(x.session.text(x.plan.Fingerprint, d.span(x.time)), 1)
	switch {
	case chain == none:
	case int(d.chains.at(chain).length) >= d.o.MaxPerKey:
		d.chains.at(chain).full = true
		d.stats.Evicted++
	default:
		d.chains.append(&d.nodes, chain, n)
	}
}

// span numbers the spans of time by which executions are listed. They are as long as
// nearest looks to either side, so that it looks into three.
func (d *Detector) span(time int64) int64 { return time / max(d.w.txn/4, 1) }

// listAll begins to list executions: the first line has come that looks for one. Many
// logs hold no such line, and their executions need not be listed. Before it no line was
// put into a transaction by follow, so that what waits to be sealed is what list would
// have entered.
func (d *Detector) listAll() {
	if d.listed {
		return
	}
	d.listed = true
	d.timeline.each(func(a action) {
		if a.phase == phaseSeal && d.nodes.at(a.node).turn == a.turn && d.nodes.at(a.node).kind == nodeStatement {
			d.list(a.node)
		}
	})
}

// resolveTwin gives a text line without transaction the transaction of the audited
// execution nearest to it that has the same text; failing that, it stands for itself.
func (d *Detector) resolveTwin(n int32) {
	x := d.nodes.at(n)
	audit := d.nearest(n, func(y *node) (int64, bool) {
		if x.seq != 0 && y.seq != 0 {
			return abs(y.seq - x.seq), y.stmt == detect.StatementAudit
		}
		return abs(y.time - x.time), y.stmt == detect.StatementAudit
	})
	d.follow(n, audit)
}

// resolveFailure gives an error line without transaction that of the execution of its
// text last before it.
func (d *Detector) resolveFailure(n int32) {
	x := d.nodes.at(n)
	failed := d.nearest(n, func(y *node) (int64, bool) {
		switch {
		case x.seq != 0 && y.seq != 0:
			return x.seq - y.seq, y.seq < x.seq
		case x.part == y.part:
			return x.offset - y.offset, y.offset < x.offset
		}
		return x.time - y.time, y.time <= x.time
	})
	d.follow(n, failed)
}

// nearest finds the execution of a line's text, in its session and within a quarter of
// Windows.Txn, that is least away.
func (d *Detector) nearest(n int32, away func(*node) (int64, bool)) int32 {
	x := d.nodes.at(n)
	best, least := none, int64(0)
	for span := d.span(x.time) - 1; span <= d.span(x.time)+1; span++ {
		chain := d.chains.find(x.session.text(x.plan.Fingerprint, span))
		if chain == none {
			continue
		}
		if d.chains.at(chain).full {
			return none // better by itself than in another's transaction
		}
		for m := d.chains.at(chain).head; m != none; m = d.nodes.at(m).links[1].next {
			y := d.nodes.at(m)
			if !samePlan(x.plan, y.plan) || y.links[0].chain == none || abs(y.time-x.time) > d.w.txn/4 {
				continue
			}
			if far, ok := away(y); ok && (best == none || far < least || far == least && d.nodes.before(m, best) < 0) {
				best, least = m, far
			}
		}
	}
	return best
}

// follow puts a line into the transaction of another, or into its own.
func (d *Detector) follow(n, other int32) {
	if other == none || !d.enchain2(n, d.nodes.at(other).links[0].chain) {
		d.resolve(n)
		return
	}
	d.schedule(n, phaseSeal, d.w.seal)
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// seal ends the waiting for the other lines of a statement's transaction. The first
// line of a transaction takes in those up to Windows.Txn after it; what comes later
// in a transaction that goes on stands for itself.
func (d *Detector) seal(n int32) {
	x := d.nodes.at(n)
	d.unname(n)
	chain := x.links[0].chain
	var members []int32
	joined := x.is(flagJoined)
	if chain != none {
		ch := d.chains.at(chain)
		tail := ch.last != never && x.time-ch.last <= d.w.txn
		ch.last = x.time
		if !joined && !tail {
			members = d.members(n, chain)
		}
	}
	d.unchain(n)
	if joined {
		if x.is(flagDone) {
			d.nodes.drop(n)
		} else {
			x.flags |= flagPopped
		}
		return
	}
	if len(members) == 0 {
		if !x.is(flagRead) {
			d.nodes.drop(n)
			return
		}
		members = append(d.gather.members[:0], n)
		d.gather.members = members
	}
	// From here on x stands for its transaction.
	x.kind = nodeUnit
	x.flags |= flagJoined
	read := false
	for i, m := range members {
		y := d.nodes.at(m)
		y.flags |= flagJoined
		read = read || y.is(flagRead)
		if i+1 < len(members) {
			y.sibling = members[i+1]
		}
	}
	if !read {
		d.release(n)
		d.nodes.drop(n)
		return
	}
	d.publish(n)
}

// members lists the lines of a transaction that its first line takes in, that first.
func (d *Detector) members(first, chain int32) []int32 {
	list := d.gather.members[:0]
	end := d.nodes.at(first).time + d.w.txn
	for m := d.chains.at(chain).head; m != none; m = d.nodes.at(m).links[0].next {
		if y := d.nodes.at(m); m != first && !y.is(flagJoined) && y.time <= end {
			list = append(list, m)
		}
	}
	list = append(list, first)
	slices.SortFunc(list, func(a, b int32) int {
		if a == first || b == first {
			return boolCompare(b == first, a == first)
		}
		return d.nodes.before(a, b)
	})
	d.gather.members = list
	return list
}

// publish puts a sealed transaction where its request will look for it. One that
// names no request, or several, has none.
func (d *Detector) publish(n int32) {
	keys := d.peek(n)
	if keys.mixed {
		d.stats.Mixed++
	}
	if keys.mixed || keys.request == "" && keys.trace == "" {
		d.judgeUnit(n)
		d.nodes.drop(n)
		return
	}
	x := d.nodes.at(n)
	if keys.request != "" {
		x.flags |= flagHasR
	}
	if keys.hasSub {
		x.flags |= flagIdentity
		x.who = d.person(keys.sub)
	}
	if !d.enchain(n, spaceRequest, keys.request, 0) || !d.enchain(n, spaceTrace, keys.trace, 1) {
		d.unchain(n)
		d.stats.Evicted++
		d.judgeUnit(n)
		d.nodes.drop(n)
		return
	}
	d.schedule(n, phaseOrphan, d.w.orphan)
}

// orphan judges a transaction that no request has claimed.
func (d *Detector) orphan(n int32) {
	d.unchain(n)
	d.judgeUnit(n)
	d.nodes.drop(n)
}

// judgeUnit judges a transaction, or a statement, without request.
func (d *Detector) judgeUnit(n int32) {
	a := d.blank()
	a.Statements, _ = d.build(n, a.Statements)
	if len(a.Statements) > 0 {
		first := 0
		for i := range a.Statements {
			s, f := &a.Statements[i], &a.Statements[first]
			if s.Time < f.Time || s.Time == f.Time && s.LineID < f.LineID {
				first = i
			}
		}
		a.Time, a.Key = a.Statements[first].Time, d.txnKey(&a.Statements[first])
		emit, lines := d.weigh(n)
		d.finish(emit, lines, nil)
	}
	d.release(n)
}

// weigh tells whether a transaction has a line that this run decides, and counts its
// lines.
func (d *Detector) weigh(first int32) (emit bool, lines int) {
	for m := first; m != none; m = d.nodes.at(m).sibling {
		emit = emit || d.nodes.at(m).is(flagRead) && d.nodes.at(m).is(flagEmit)
		lines++
	}
	return emit, lines
}

// release lets go of all lines of a decided transaction but the node that stands for
// it, which the caller drops.
func (d *Detector) release(first int32) {
	for m := first; m != none; {
		y := d.nodes.at(m)
		next := y.sibling
		d.settled(m)
		d.nodes.forget(m)
		y.flags |= flagDone
		y.sibling = none
		if m != first && y.is(flagPopped) {
			d.nodes.drop(m)
		}
		m = next
	}
}
