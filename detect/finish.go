package detect

import (
	"slices"
	"strings"
)

// New gives a Detector. The policy must be compiled.
func New(p *Policy, o Options) *Detector {
	d := newDetector(o)
	d.facts = NewFacts(p)
	d.judging = newJudge(p, d.facts, d.o.Environment)
	return d
}

// Reload swaps the policy: what is decided from now on is judged by p, which must be
// compiled. Facts and waiting lines stay.
func (d *Detector) Reload(p *Policy) {
	next := newJudge(p, d.facts, d.o.Environment)
	if last, ok := d.judging.(*judge); ok {
		next.fills = last.fills
	}
	d.judging = next
}

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
	before := d.out.extent()
	d.judging.access(a, true, &d.out)
	d.dec.reset()
	found := d.out.Findings[before.findings:]
	// What fails now fails again when the line is decided, and is told then.
	clear(d.out.Failures[before.failures:])
	d.out.Failures = d.out.Failures[:before.failures]
	if len(found) == 0 {
		return
	}
	for i := range found {
		found[i].Revision = 1
		own(&found[i])
	}
	d.early[n] = slices.Clone(found)
	if !x.is(flagEmit) {
		d.out.cut(before)
	}
}

// takeBack marks as resolved, in a revision of their own, the findings that are not
// among those given out from a place on.
func (d *Detector) takeBack(findings []Finding, from int, revision uint32) {
	for _, f := range findings {
		if slices.ContainsFunc(d.out.Findings[from:], func(g Finding) bool { return g.ID == f.ID }) {
			continue
		}
		f.Revision, f.Resolved = revision, true
		d.out.Findings = append(d.out.Findings, f)
	}
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

// own copies the texts of a finding, so that one that is kept for long does not keep
// all the lines around it.
func own(f *Finding) {
	for _, s := range []*string{
		&f.Rule, &f.Summary, &f.Env, &f.RequestID, &f.TraceID, &f.Route, &f.Principal, &f.Table, &f.Tenant,
		&f.Actor.User, &f.Actor.Session, &f.Actor.AppRole, &f.Actor.Tenant, &f.Actor.Impersonating, &f.Actor.Conflict,
	} {
		*s = strings.Clone(*s)
	}
	for _, list := range []*[]string{&f.Missing, &f.Evidence, &f.RecordIDs, &f.Owners, &f.Columns} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i] = strings.Clone((*list)[i])
		}
	}
	f.Origins = slices.Clone(f.Origins)
}
