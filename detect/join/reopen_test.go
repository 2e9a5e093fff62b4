package join

import (
	"testing"
	"time"

	"trespass.dev/trespass/detect"
)

// shop is a policy of one table, with the real judge behind it.
func shop(t *testing.T, o Options) (*story, Part) {
	t.Helper()
	p := &detect.Policy{Tables: []detect.Table{{Name: "orders", ID: "id", Owners: []string{"user_id"}}}, Principals: detect.DefaultPrincipals(), Grace: detect.DefaultGrace(), Thresholds: detect.DefaultThresholds()}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, Detector: New(p, o), scribe: &scribe{}, at: map[Part]int64{}}
	s.Open(Start{Source: "log"})
	return s, s.Open(Start{Source: "facts", Facts: true})
}

func (s *story) took() detect.Output {
	var out detect.Output
	s.Take(&out)
	return out
}

func owner(record, user string, from int64) detect.Event {
	return detect.Event{Kind: detect.KindFact, Time: noon, Fact: &detect.Fact{Kind: detect.FactOwner, Table: "orders", Record: record, Column: "user_id", User: user, ValidFrom: from}}
}

func TestAForeignReadIsProvenByItsOwnLineAtOnce(t *testing.T) {
	s, _ := shop(t, Options{})
	e := event("get", 1, "r1", "ann", "A")
	e.Request.Status, e.Request.Route = 200, "/api/orders/[id]"
	e.Request.Records[0].Owners = []detect.Owner{{Column: "user_id", ID: "bob"}}
	s.see(0, e)
	out := s.took()
	if len(out.Findings) != 1 || out.Findings[0].Claim != detect.Proven || out.Findings[0].Revision != 1 {
		t.Fatalf("want one proven finding at once, got %+v", out.Findings)
	}
	s.endAll()
	final := s.took()
	if len(final.Findings) != 1 || final.Findings[0].ID != out.Findings[0].ID || final.Findings[0].Revision != 2 {
		t.Errorf("want the same finding in revision 2, got %+v", final.Findings)
	}
	if len(final.Reads) != 1 || final.Reads[0].Verdict != detect.VerdictForeign || final.Reads[0].Revision != 1 {
		t.Errorf("want one foreign read, got %+v", final.Reads)
	}
	cover := s.Coverage()
	if len(cover) != 1 || cover[0].Table != "orders" || cover[0].Route != "/api/orders/[id]" || cover[0].Records[detect.VerdictForeign] != 1 || cover[0].Accesses != 1 {
		t.Errorf("coverage is %+v", cover)
	}
	if st := s.Stats(); st.Accesses != 1 || st.Events[detect.KindRequest] != 1 || st.Verdicts[detect.VerdictForeign] != 1 {
		t.Errorf("counts are %+v", st)
	}
}

func TestAFactThatComesLateJudgesAgain(t *testing.T) {
	s, facts := shop(t, Options{})
	e := event("get", 1, "r1", "ann", "A")
	e.Request.Status = 200
	s.see(0, e)
	s.see(0, event("other", 1, "r2", "ann", "B"))
	s.see(0, tick(120))
	s.see(0, tick(120))
	before := s.took()
	if len(before.Reads) != 2 || before.Reads[0].Verdict != detect.VerdictOwnerUnknown || len(before.Findings) != 0 {
		t.Fatalf("want two reads of unknown owner, got %+v", before)
	}
	s.see(facts, owner("A", "bob", noon-second))
	after := s.took()
	if len(after.Reads) != 1 || after.Reads[0].RecordID != "A" || after.Reads[0].Verdict != detect.VerdictForeign || after.Reads[0].Revision != 2 || after.Reads[0].AccessKey != readOf(before, "A").AccessKey {
		t.Errorf("want the read of A as foreign in revision 2, and nothing of B, got %+v", after.Reads)
	}
	if len(after.Findings) != 1 || after.Findings[0].Revision != 3 {
		t.Errorf("want a finding in revision 3, got %+v", after.Findings)
	}
	// The owner of A was somebody else all along: the finding is taken back.
	s.see(facts, detect.Event{Kind: detect.KindFact, Time: noon, Fact: &detect.Fact{Kind: detect.FactOwner, Table: "orders", Record: "A", Column: "user_id", User: "bob", ValidFrom: noon - second, Retract: true}})
	s.see(facts, owner("A", "ann", noon-second))
	back := s.took()
	if len(back.Findings) != 1 || !back.Findings[0].Resolved || back.Findings[0].ID != after.Findings[0].ID || back.Findings[0].Revision != 4 {
		t.Errorf("want the finding resolved in revision 4, got %+v", back.Findings)
	}
	if len(back.Reads) != 1 || back.Reads[0].Verdict != detect.VerdictOwn || back.Reads[0].Revision != 3 {
		t.Errorf("want A's read as own in revision 3, got %+v", back.Reads)
	}
	// A fact that changes nothing gives nothing.
	s.see(facts, owner("A", "ann", noon-second))
	if again := s.took(); len(again.Reads)+len(again.Findings) != 0 {
		t.Errorf("nothing changed, and this was given out: %+v", again)
	}
	if n := s.Stats().Reviewed; n != 2 {
		t.Errorf("%d accesses changed by facts, want 2", n)
	}
}

func readOf(o detect.Output, record string) detect.Read {
	for _, r := range o.Reads {
		if r.RecordID == record {
			return r
		}
	}
	return detect.Read{}
}

func TestAFactThatComesTooLateJudgesNothing(t *testing.T) {
	s, facts := shop(t, Options{Windows: Windows{Reopen: time.Minute}})
	s.see(0, event("get", 1, "r1", "ann", "A"))
	s.see(0, tick(1000))
	s.see(0, event("put", 1000, "r2", "ann", "B"))
	s.see(0, tick(3000))
	s.see(0, tick(3000))
	s.took()
	s.see(facts, owner("A", "bob", noon-second))
	if out := s.took(); len(out.Reads) != 0 {
		t.Errorf("an access of long ago was judged again: %+v", out.Reads)
	}
}

func TestWhatIsKeptForFactsIsBounded(t *testing.T) {
	s, facts := shop(t, Options{MaxReopen: 100, Windows: Windows{Reopen: 24 * time.Hour}})
	for i := range 5000 {
		s.see(0, event("get"+string(rune('a'+i%26)), float64(i), "r", "ann", "A"))
	}
	s.endAll()
	s.took()
	r := &s.reopen
	if kept := r.items.Len(); kept > 100 {
		t.Errorf("%d accesses are kept", kept)
	}
	if r.names.Len() > 100*8 {
		t.Errorf("%d names are kept", r.names.Len())
	}
	s.see(facts, owner("A", "bob", noon-second))
	if out := s.took(); len(out.Reads) != 100 {
		t.Errorf("%d accesses were judged again, want the 100 at hand", len(out.Reads))
	}
}

func TestANewPolicyJudgesWhatIsDecidedFromThenOn(t *testing.T) {
	s, _ := shop(t, Options{})
	e := event("get", 1, "r1", "ann", "A")
	e.Request.Complete = false
	e.Request.Status = 200
	e.Request.Records[0].Owners = []detect.Owner{{Column: "user_id", ID: "bob"}}
	s.see(0, e)
	p := &detect.Policy{Tables: []detect.Table{{Name: "orders", Shared: true}}, Principals: detect.DefaultPrincipals(), Grace: detect.DefaultGrace(), Thresholds: detect.DefaultThresholds()}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	s.Reload(p)
	s.endAll()
	if out := s.took(); len(out.Findings) != 0 {
		t.Errorf("the table belongs to nobody now: %+v", out.Findings)
	}
}

// What late facts can no longer change, because there was no room for it, is counted.
func TestAnAccessForgottenForWantOfRoomIsCounted(t *testing.T) {
	s, facts := shop(t, Options{MaxReopen: 1})
	s.see(facts, owner("Z", "bob", noon-second))
	for i, record := range []string{"A", "B", "C"} {
		e := event("get "+record, 1+float64(i), "r"+record, "ann", record)
		e.Request.Status = 200
		s.see(0, e)
	}
	s.see(0, tick(120))
	s.see(0, tick(120))
	if out := s.took(); len(out.Reads) != 3 {
		t.Fatalf("%d reads, want 3", len(out.Reads))
	}
	if n := s.Stats().Forgotten; n != 2 {
		t.Errorf("%d accesses are counted as forgotten, want 2", n)
	}
}
