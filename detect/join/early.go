package join

import (
	"slices"

	"trespass.dev/trespass/detect"
)

// provisional reports at once what a complete line proves by itself.
func (d *Detector) provisional(n int32) {
	x := d.nodes.at(n)
	a := d.blank()
	r := d.requestLine(a, x)
	a.Time, a.Cold = x.time, d.cold(x.time)
	if r.RequestID == "" && r.TraceID == "" {
		a.Key = d.lineKey(x)
	} else {
		a.Key = d.requestKey(keyComplete, r.RequestID, r.TraceID, r.UserID, x.time)
	}
	before := d.out.Extent()
	d.judging.Access(a, true, &d.out)
	d.dec.reset()
	found := d.out.Findings[before.Findings:]
	// What fails now fails again when the line is decided, and is told then.
	clear(d.out.Failures[before.Failures:])
	d.out.Failures = d.out.Failures[:before.Failures]
	if len(found) == 0 {
		return
	}
	for i := range found {
		found[i].Revision = 1
		found[i].Own()
	}
	d.early[n] = slices.Clone(found)
	if !x.is(flagEmit) {
		d.out.Cut(before)
	}
}

// takeBack marks as resolved, in a revision of their own, the findings that are not
// among those given out from a place on.
func (d *Detector) takeBack(findings []detect.Finding, from int, revision uint32) {
	for _, f := range findings {
		if slices.ContainsFunc(d.out.Findings[from:], func(g detect.Finding) bool { return g.ID == f.ID }) {
			continue
		}
		f.Revision, f.Resolved = revision, true
		d.out.Findings = append(d.out.Findings, f)
	}
}
