package detect

// Deciding is a long way through the program: an access is put together, judged, counted
// and put at hand for late facts. The processor keeps only a part of that way ready at a
// time. So several accesses go each part of it together, and it is fetched once for all.

// decidedTogether is how many accesses are judged together.
const decidedTogether = 16

// decision is one access on its way.
type decision struct {
	Access
	emit     bool
	revision uint32
	early    []Finding // what was reported early of its lines
	found    []Finding // what is given out of it now
}

// blank gives the next access to be put together, empty.
func (d *Detector) blank() *Access {
	if d.made == len(d.decisions) {
		d.decisions = append(d.decisions, new(decision))
	}
	a := &d.decisions[d.made].Access
	*a = Access{Requests: a.Requests[:0], Statements: a.Statements[:0], Records: a.Records[:0]}
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
				found[i].Origins = []Origin{d.origin(d.nodes.at(n))}
			}
			c.early = append(c.early, found...)
			delete(d.early, n)
		}
	}
	if d.made == decidedTogether {
		d.judgeAll()
	}
}

// judged takes what came of one access, which is all that was appended since before.
func (d *Detector) judged(c *decision, before extent) {
	from := before.findings
	for i := from; i < len(d.out.Findings); i++ {
		d.out.Findings[i].Revision = c.revision
		own(&d.out.Findings[i])
	}
	d.takeBack(c.early, from, c.revision)
	if !c.emit {
		d.out.cut(before)
	} else if len(d.out.Findings) > from {
		c.found = d.out.Findings[from:len(d.out.Findings):len(d.out.Findings)]
	}
}

// judgeAll judges what is put together.
func (d *Detector) judgeAll() {
	if d.made == 0 {
		return
	}
	decisions := d.decisions[:d.made]
	d.made = 0
	d.judging.accesses(decisions, &d.out, d.told)
	for _, c := range decisions {
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
