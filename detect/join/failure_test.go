package join

import (
	"testing"

	"trespass.dev/trespass/detect"
)

// breaking stands in for a judge that fails while it is broken.
type breaking struct {
	simple
	broken bool
}

func (b *breaking) Accesses(list []*detect.Access, out *detect.Output, told func(int, detect.Extent)) {
	oneByOne(b, list, out, told)
}

func (b *breaking) Access(a *detect.Access, provisional bool, out *detect.Output) {
	switch {
	case b.broken:
		out.Failures = append(out.Failures, detect.Failure{Rule: detect.FailedVerdicts, Origins: receipts(a)})
	case !provisional:
		out.Reads = append(out.Reads, detect.Read{Reading: &detect.Reading{AccessKey: a.Key, Revision: 1, Time: a.Time}})
	}
}

// TestAFailureIsToldOnceAndHoldsItsOffset: what fails when a line is looked at by itself
// and again when it is decided is one failure; its offset may not be passed before it is
// taken; and the next access is joined and judged as if nothing had been.
func TestAFailureIsToldOnceAndHoldsItsOffset(t *testing.T) {
	s := newStory(t, Options{}, 1)
	judge := &breaking{broken: true}
	s.judging = judge
	for i, id := range []string{"r1", "r2"} {
		at := s.at[0]
		s.see(0, event("get "+id, float64(1000*i), id, "ann", "o1"))
		s.see(0, tick(float64(1000*i+600)))
		s.see(0, tick(float64(1000*i+600)))
		if got := s.Progress(0).EmitFrom; got > at {
			t.Errorf("offset %d may be passed before what came of %d was taken", got, at)
		}
		out := s.took()
		if got := s.Progress(0).EmitFrom; got <= at {
			t.Errorf("offset %d may not be passed after what came of it was taken", at)
		}
		failures, reads := 1, 0
		if !judge.broken {
			failures, reads = 0, 1
		}
		if len(out.Failures) != failures || len(out.Reads) != reads || len(out.Findings) != 0 {
			t.Errorf("%s: %d failures and %d reads, want %d and %d", id, len(out.Failures), len(out.Reads), failures, reads)
		}
		if failures > 0 && (len(out.Failures[0].Origins) != 1 || out.Failures[0].Origins[0].Offset != at) {
			t.Errorf("%s: failure %+v", id, out.Failures[0])
		}
		judge.broken = false
	}
	if n := s.Stats().Accesses; n != 2 {
		t.Errorf("%d accesses, want 2", n)
	}
}

// late fails once it is to judge what it has proven early.
type late struct{ simple }

func (l late) Accesses(list []*detect.Access, out *detect.Output, told func(int, detect.Extent)) {
	oneByOne(l, list, out, told)
}

func (late) Access(a *detect.Access, provisional bool, out *detect.Output) {
	if provisional {
		out.Findings = append(out.Findings, detect.Finding{ID: a.FindingID(detect.FamilyRead, "orders"), Claim: detect.Proven})
		return
	}
	out.Failures = append(out.Failures, detect.Failure{Rule: detect.FailedVerdicts, Origins: receipts(a)})
}

// TestAFailureTakesNothingBack: what one line has proven stands when the whole cannot be
// judged.
func TestAFailureTakesNothingBack(t *testing.T) {
	s := newStory(t, Options{}, 1)
	s.judging = late{}
	s.see(0, event("get", 1, "r1", "ann", "foreign"))
	if out := s.took(); len(out.Findings) != 1 || out.Findings[0].Resolved {
		t.Fatalf("early: %+v", out.Findings)
	}
	s.endAll()
	if out := s.took(); len(out.Failures) != 1 || len(out.Findings) != 0 {
		t.Errorf("%d failures, and findings %+v", len(out.Failures), out.Findings)
	}
}
