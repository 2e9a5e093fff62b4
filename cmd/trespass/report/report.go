// Package report turns findings and reads into what a person sees at the end of a
// scan: one block for each cause, and a line that says how much could be judged.
package report

import (
	"cmp"
	"slices"
	"strings"

	"trespass.dev/trespass/detect"
)

// Report collects what a scan decided.
type Report struct {
	Sources     int   // files read
	Lines       int64 // lines and framed records read
	Quarantined map[string]int64
	Silent      int64                    // lines that are empty, or that say no time and nothing else of use
	Verdicts    map[detect.Verdict]int64 // records, by verdict
	Unjudged    map[string]int64         // reasons of owner_unknown, actor_unknown, malformed
	Undecided   map[string]int64         // statements and lines that no verdict could be given for
	Accesses    int64
	NoPolicy    bool

	seen     seen
	findings map[detect.FindingID]detect.Finding
}

// New makes an empty report.
func New() *Report {
	return &Report{
		Quarantined: map[string]int64{}, Verdicts: map[detect.Verdict]int64{}, Unjudged: map[string]int64{},
		Undecided: map[string]int64{}, seen: newSeen(), findings: map[detect.FindingID]detect.Finding{},
	}
}

// Finding adds a finding, or a later revision of one.
func (r *Report) Finding(f detect.Finding) {
	if old, ok := r.findings[f.ID]; !ok || f.Revision >= old.Revision {
		r.findings[f.ID] = f
	}
}

// Read adds one judged record.
func (r *Report) Read(d *detect.Read) {
	n := max(d.Count, 1)
	r.Verdicts[d.Verdict] += n
	if r.NoPolicy {
		r.seen.read(d, n)
	}
	switch d.Verdict {
	case detect.VerdictOwnerUnknown, detect.VerdictActorUnknown, detect.VerdictMalformed:
		r.Unjudged[d.Verdict.String()+": "+d.Table] += n
	}
}

// Findings gives all that stand, the worst first.
func (r *Report) Findings() []detect.Finding {
	all := make([]detect.Finding, 0, len(r.findings))
	for _, f := range r.findings {
		if !f.Resolved {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b detect.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Claim, a.Claim), cmp.Compare(a.Time, b.Time), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return all
}

// Worst is the highest severity that stands, and false when nothing does.
func (r *Report) Worst() (detect.Severity, bool) {
	all := r.Findings()
	if len(all) == 0 {
		return 0, false
	}
	return all[0].Severity, true
}

// Records is how many records came back, and how many of them got a verdict that
// says whether there was a reason.
func (r *Report) Records() (all, judged int64) {
	for v, n := range r.Verdicts {
		all += n
		switch v {
		case detect.VerdictOwnerUnknown, detect.VerdictActorUnknown, detect.VerdictMalformed:
		default:
			judged += n
		}
	}
	return all, judged
}

// Group is all findings of one cause.
type Group struct {
	Cause    detect.Cause
	Findings []detect.Finding
	Worst    detect.Severity
	Proven   int
	Actors   []string
	People   []string
	Tables   []string
	Routes   []string
	Rules    []string
	Records  int64
	Unnamed  int64 // records whose owner is not known
	First    int64
	Last     int64
}

// Groups gives the findings by cause, the worst group first.
func (r *Report) Groups() []Group {
	by := map[detect.Cause]*Group{}
	var order []*Group
	for _, f := range r.Findings() {
		g := by[f.Cause]
		if g == nil {
			g = &Group{Cause: f.Cause, Worst: f.Severity, First: f.Time, Last: f.Time}
			by[f.Cause] = g
			order = append(order, g)
		}
		g.Findings = append(g.Findings, f)
		if f.Claim == detect.Proven {
			g.Proven++
		}
		g.Records += f.Records
		if f.People == 0 && f.Verdict == detect.VerdictForeign {
			g.Unnamed += f.Records
		}
		g.First, g.Last = min(g.First, f.Time), max(g.Last, f.Time)
		g.Actors = append(g.Actors, Who(f.Actor))
		g.People = append(g.People, f.Owners...)
		g.Tables = append(g.Tables, f.Table)
		g.Routes = append(g.Routes, f.Route)
		g.Rules = append(g.Rules, f.Rule)
	}
	out := make([]Group, 0, len(order))
	for _, g := range order {
		for _, l := range []*[]string{&g.Actors, &g.People, &g.Tables, &g.Routes, &g.Rules} {
			slices.Sort(*l)
			*l = slices.Compact(*l)
			*l = slices.DeleteFunc(*l, func(s string) bool { return s == "" })
		}
		out = append(out, *g)
	}
	return out
}

// Who names an actor in a few words.
func Who(a detect.Actor) string {
	switch a.Kind {
	case detect.ActorUser:
		if a.Impersonating != "" {
			return "agent " + a.User + " as " + a.Impersonating
		}
		return "user " + a.User
	case detect.ActorAnonymous:
		return "anonymous"
	case detect.ActorOutsider:
		return "holder of a secret key"
	case detect.ActorService:
		return "service"
	}
	return "unknown reader"
}
