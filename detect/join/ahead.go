package join

import "trespass.dev/trespass/detect"

// A line waits for longer than any cache remembers: where it is taken up again, a dozen
// places in memory have to be fetched, one after the other. So the places that the next
// lines need are looked at before, of several lines at once, and are waited for together.
// None of this decides anything.

// aheadLines is how many lines are looked at together.
const aheadLines = 8

// ahead looks at what the next actions of the timeline need, in four steps: a place that
// is found through another is looked at when that one is there. It is called for each action.
func (d *Detector) ahead() {
	t := &d.timeline
	if t.next%aheadLines != 0 {
		return
	}
	seen := int64(0)
	for _, a := range t.coming(3) {
		seen += d.glance(a.node)
	}
	for _, a := range t.coming(2) {
		x := d.nodes.at(a.node)
		seen += int64(d.named.Peek(d.name(x.line)))
		if x.kind == nodeRequest {
			seen += int64(d.facts.Peek(x.who))
		} else if x.hint != 0 {
			seen += int64(d.chains.index.Peek(x.hint))
		}
		if c := x.links[0].chain; c != none {
			seen += int64(d.chains.at(c).head)
		}
	}
	for _, a := range t.coming(2) {
		seen += sum(d.nodes.at(a.node).data)
	}
	for _, a := range t.coming(1) {
		x := d.nodes.at(a.node)
		if c := x.links[0].chain; c != none {
			ch := d.chains.at(c)
			seen += int64(d.chains.index.Peek(ch.hash)) + d.glance(ch.head) + d.glance(ch.tail)
		}
	}
	for _, a := range t.coming(0) {
		x := d.nodes.at(a.node)
		if c := x.links[0].chain; c != none {
			ch := d.chains.at(c)
			if other := ch.head; other != a.node && other != none {
				seen += sum(d.nodes.at(other).data)
			} else if other = ch.tail; other != a.node && other != none {
				seen += sum(d.nodes.at(other).data)
			}
		}
	}
	d.seen += seen
}

// glance looks at a node, at both ends of it.
func (d *Detector) glance(n int32) int64 {
	if n == none {
		return 0
	}
	x := d.nodes.at(n)
	return x.time + int64(x.sibling)
}

// sum looks at every line of memory of a text, or of the beginning of a long one.
func sum(text string) int64 {
	seen := int64(0)
	for at := 0; at < min(len(text), 1024); at += 64 {
		seen += int64(text[at])
	}
	return seen
}

// coming gives the actions of the active slot that come after a number of groups.
func (t *timeline) coming(groups int) []action {
	from := min(t.next+groups*aheadLines, len(t.current))
	return t.current[from:min(from+aheadLines, len(t.current))]
}

// aheadOf looks at what events need that are about to be observed, at most aheadLines.
func (d *Detector) aheadOf(events []detect.Event) {
	for i := range events {
		d.arrivals[i] = d.arrival(&events[i])
	}
	seen := int64(0)
	for i := range d.arrivals[:len(events)] {
		a := &d.arrivals[i]
		seen += int64(d.named.Peek(a.name)) + int64(d.chains.index.Peek(a.chain.hash))
	}
	d.seen += seen
}
