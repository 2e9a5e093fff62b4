package join

import "trespass.dev/trespass/detect"

// Deciding is a long way through the program: an access is put together, judged, counted
// and put at hand for late facts. The processor keeps only a part of that way ready at a
// time. So several accesses go each part of it together, and it is fetched once for all.

// decision is one access on its way.
type decision struct {
	detect.Access
	emit     bool
	revision uint32
	early    []detect.Finding // what was reported early of its lines
	found    []detect.Finding // what is given out of it now
}

// blank gives the next access to be put together, empty.
func (d *Detector) blank() *detect.Access {
	if d.made == len(d.decisions) {
		c := new(decision)
		d.decisions, d.accesses = append(d.decisions, c), append(d.accesses, &c.Access)
	}
	a := d.accesses[d.made]
	*a = detect.Access{Requests: a.Requests[:0], Statements: a.Statements[:0], Records: a.Records[:0]}
	return a
}

// finish says that the access that blank gave last is put together, of a number of lines.
// It is judged soon. Nothing is given out of it if an earlier run has given it out already.
// What was reported early of some of the lines, and does not hold, is taken back.
func (d *Detector) finish(emit bool, lines int, early []int32) {
	c := d.decisions[d.made]
	d.made++
	c.Cold = d.cold(c.Time)
	c.emit, c.revision, c.early, c.found = emit, uint32(1+lines), nil, nil
	for _, n := range early {
		if len(d.early) == 0 {
			break
		}
		if found, ok := d.early[n]; ok {
			// A copy of the line may have come since, and its receipt is the one that stands.
			for i := range found {
				found[i].Origins = []detect.Origin{d.origin(d.nodes.at(n))}
			}
			c.early = append(c.early, found...)
			delete(d.early, n)
		}
	}
	if d.made == detect.JudgedTogether {
		d.judgeAll()
	}
}

// judged takes what came of one access, by its place among the decisions: all that was
// appended since before.
func (d *Detector) judged(place int, before detect.Extent) {
	c := d.decisions[place]
	from := before.Findings
	for i := from; i < len(d.out.Findings); i++ {
		d.out.Findings[i].Revision = c.revision
		d.out.Findings[i].Own()
	}
	if len(d.out.Failures) == before.Failures { // what was proven stands if the rest could not be judged
		d.takeBack(c.early, from, c.revision)
	}
	if !c.emit {
		d.out.Cut(before)
	} else if len(d.out.Findings) > from {
		c.found = d.out.Findings[from:len(d.out.Findings):len(d.out.Findings)]
	}
}

// judgeAll judges what is put together.
func (d *Detector) judgeAll() {
	if d.made == 0 {
		return
	}
	made := d.made
	d.made = 0
	d.judging.Accesses(d.accesses[:made], &d.out, d.told)
	for _, c := range d.decisions[:made] {
		if !c.emit {
			continue
		}
		d.stats.judged(&c.Access)
		if d.reopen.on {
			d.remember(&c.Access, c.revision, c.found)
		}
		c.early, c.found = nil, nil
	}
	d.dec.reset()
}

// cold tells whether a time is so near the start of a partition whose past nobody
// knows that partners may lie before the start.
func (d *Detector) cold(time int64) bool {
	for i := range d.parts {
		p := &d.parts[i]
		if p.Cold && !p.Facts && p.begun && time <= p.began+d.w.disorder+d.w.decide {
			return true
		}
	}
	return false
}
