package detect

// A line waits for longer than any cache remembers: where it is taken up again, a dozen
// places in memory have to be fetched, one after the other. So the places that the next
// lines need are looked at before, of several lines at once, which takes hardly longer
// than of one. None of this decides anything.

// aheadLines is how many lines are looked at together.
const aheadLines = 8

// ahead looks at what the next actions of the timeline need, in three steps: a place that
// is found through another is looked at when that one is there. It is called for each action.
func (d *Detector) ahead() {
	t := &d.timeline
	if t.next%aheadLines != 0 {
		return
	}
	seen := int64(0)
	for _, a := range t.coming(2 * aheadLines) {
		x := d.nodes.at(a.node)
		seen += x.time + int64(x.sibling)
	}
	for _, a := range t.coming(aheadLines) {
		x := d.nodes.at(a.node)
		seen += int64(d.named.peek(d.name(x.line)))
		for at := 0; at < len(x.data); at += 64 {
			seen += int64(x.data[at])
		}
		if x.row != 0 {
			seen += int64(d.facts.rows.peek(x.row))
		}
		if x.who > nobody {
			seen += int64(d.facts.ids.peek(x.who))
		}
		if c := x.links[0].chain; c != none {
			seen += int64(d.chains.at(c).head)
		}
	}
	for _, a := range t.coming(0) {
		x := d.nodes.at(a.node)
		if c := x.links[0].chain; c != none {
			seen += int64(d.chains.index.peek(d.chains.at(c).hash))
		}
		if x.row != 0 {
			if first := d.facts.rows.peek(x.row); first != 0 {
				seen += d.facts.spans[first-1].from
			}
		}
	}
	d.seen += seen
}

// coming gives the aheadLines actions of the active slot that come after some others.
func (t *timeline) coming(after int) []action {
	from := min(t.next+after, len(t.current))
	return t.current[from:min(from+aheadLines, len(t.current))]
}

// aheadOf looks at what events need that are about to be observed.
func (d *Detector) aheadOf(events []Event) {
	seen := int64(0)
	for i := range events {
		e := &events[i]
		seen += int64(d.named.peek(d.name(e.LineID)))
		switch {
		case e.Request != nil && e.Request.RequestID != "":
			seen += int64(d.chains.index.peek(d.chains.hash(spaceRequest, e.Request.RequestID)))
		case e.Statement != nil && e.Statement.Txn != "":
			seen += int64(d.chains.index.peek(d.chains.within(spaceTxn, e.Statement.Session, e.Statement.Txn).hash))
		}
	}
	d.seen += seen
}
