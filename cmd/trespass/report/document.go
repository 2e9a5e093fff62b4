package report

import (
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/sink/lines"
)

// Document is the whole report as one JSON object.
type Document struct {
	Findings []lines.Finding  `json:"findings"`
	Verdicts map[string]int64 `json:"verdicts"`
	Coverage Coverage         `json:"coverage"`
}

// Coverage says how much could be judged, and why the rest could not.
type Coverage struct {
	Files       int              `json:"files"`
	Lines       int64            `json:"lines"`
	Records     int64            `json:"records"`
	Judged      int64            `json:"judged"`
	NotJudged   map[string]int64 `json:"not_judged"`
	Undecided   map[string]int64 `json:"undecided"`
	Quarantined map[string]int64 `json:"quarantined"`
	Silent      int64            `json:"silent"`
}

// Document gives the report for programs.
func (r *Report) Document() Document {
	all, judged := r.Records()
	d := Document{Findings: []lines.Finding{}, Verdicts: map[string]int64{}, Coverage: Coverage{
		Files: r.Sources, Lines: r.Lines, Records: all, Judged: judged,
		NotJudged: r.Unjudged, Undecided: r.Undecided, Quarantined: r.Quarantined, Silent: r.Silent,
	}}
	findings := r.Findings()
	for i := range findings {
		d.Findings = append(d.Findings, lines.OfFinding(&findings[i]))
	}
	for _, v := range detect.Verdicts() {
		d.Verdicts[v.String()] = r.Verdicts[v]
	}
	return d
}

// Quarantine counts lines that could not be read.
func (r *Report) Quarantine(all []ingest.Quarantine) {
	r.Lines += int64(len(all))
	for i := range all {
		r.Quarantined[string(all[i].Reason)+" ("+all[i].Format+")"]++
	}
}

// Stats takes over what the detector counted.
func (r *Report) Stats(s join.Stats) {
	for _, n := range s.Events {
		r.Lines += int64(n)
	}
	r.Accesses = int64(s.Accesses)
	for reason, n := range s.Undecided {
		r.Undecided["statement "+reason] += int64(n)
	}
	r.Undecided["statement whose effective role cannot be told"] += int64(s.StateLost)
	r.Undecided["transaction whose statements name several requests"] += int64(s.Mixed)
	r.Undecided["line too late to be joined"] += int64(s.Apart)
	r.Undecided["line decided early, memory was full"] += int64(s.Evicted)
}
