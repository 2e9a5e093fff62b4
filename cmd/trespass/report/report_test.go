package report

import (
	"bytes"
	"strings"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
)

// TestRevisions: the last revision of a finding stands, whatever the order they came
// in; one that was resolved does not.
func TestRevisions(t *testing.T) {
	r := New()
	one, two := detect.FindingID{1}, detect.FindingID{2}
	r.Finding(detect.Finding{ID: one, Revision: 2, Severity: detect.High})
	r.Finding(detect.Finding{ID: one, Revision: 1, Severity: detect.Critical})
	r.Finding(detect.Finding{ID: two, Revision: 1, Severity: detect.Critical})
	if worst, any := r.Worst(); !any || worst != detect.Critical || len(r.Findings()) != 2 {
		t.Errorf("worst %v of %v", worst, r.Findings())
	}
	r.Finding(detect.Finding{ID: two, Revision: 2, Severity: detect.Critical, Resolved: true})
	if worst, any := r.Worst(); !any || worst != detect.High || len(r.Findings()) != 1 {
		t.Errorf("worst %v of %v after one was resolved", worst, r.Findings())
	}
}

// TestCoverage: what was not judged and what could not be read is said, and a log in
// which nothing came back is not called covered.
func TestCoverage(t *testing.T) {
	var out bytes.Buffer
	r := New()
	r.Sources = 1
	r.Quarantine([]ingest.Quarantine{{Reason: "cut", Format: "csvlog"}})
	if err := r.Write(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"No findings.", "Read 1 line from 1 file.", "no record came back", "quarantined: 1 × cut (csvlog)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	out.Reset()
	r.Read(&detect.Read{Verdict: detect.VerdictOwn, Table: "orders"})
	r.Read(&detect.Read{Verdict: detect.VerdictOwnerUnknown, Table: "orders", Count: 3})
	if err := r.Write(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 of 4 records that came back could be judged (25.0 %)", "not judged: 3 × owner_unknown: orders"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
