package detect

import (
	"strings"
	"testing"
)

// foreignOrder is a complete line by which ann is given an order of bob.
func foreignOrder(id string, at int64) Event {
	return Event{Kind: KindRequest, Time: noon + at*second, LineID: lineID(id), Request: &Request{
		EventID: id, RequestID: id, Method: "GET", Status: 200, Route: "/api", UserID: "ann", Complete: true,
		Records: []Record{{Table: "orders", ID: "o1", Owners: []Owner{{Column: "buyer_id", ID: "bob"}}}},
	}}
}

// failing is a detector over one partition, and what feeds it one line and takes what
// came of it.
func failing(t *testing.T) (*Detector, *judge, func(Event) Output) {
	d := New(judgedMarket(t), Options{})
	p := d.Open(Start{Source: "app", EmitFrom: 0})
	offset := int64(0)
	return d, d.judging.(*judge), func(e Event) Output {
		e.Origin = Origin{Source: "app", Offset: offset}
		d.Observe(p, &e)
		later := Event{Kind: KindHeartbeat, Time: e.Time + 600*second, Origin: Origin{Source: "app", Offset: offset + 1}}
		d.Observe(p, &later)
		d.Skip(p, offset+1)
		offset += 2
		if got := d.Progress(p).EmitFrom; got > offset-2 && len(d.out.Failures) > 0 {
			t.Errorf("offset %d may be passed before the failure at %d was taken", got, offset-2)
		}
		var out Output
		d.Take(&out)
		return out
	}
}

// TestFailingRule: a rule that panics is told once for each access, with the lines and
// without what they say; the verdicts and the other rules' findings stand.
func TestFailingRule(t *testing.T) {
	_, j, see := failing(t)
	j.rules = append([]Rule{{Name: "broken", Family: FamilyRead, check: func(s *scene) (hit, bool) { panic("of " + s.a.Actor.User) }}}, j.rules...)
	out := see(foreignOrder("r1", 0))
	if len(out.Failures) == 0 {
		t.Fatal("the failure is not told")
	}
	f := out.Failures[0]
	if f.Rule != "broken" || f.Cause != "string" || !strings.Contains(f.Stack, "TestFailingRule") || len(f.Origins) != 1 || f.Origins[0].String() != "app/0@0" {
		t.Errorf("failure %+v", f)
	}
	if strings.Contains(f.Cause, "ann") {
		t.Errorf("the cause says what a line says: %s", f.Cause)
	}
	if len(out.Reads) != 1 || out.Reads[0].Verdict != VerdictForeign {
		t.Errorf("reads %+v", out.Reads)
	}
	rules := map[string]bool{}
	for _, f := range out.Findings {
		rules[f.Rule] = true
	}
	if !rules["foreign_read"] {
		t.Errorf("foreign_read is not among the findings: %v", rules)
	}
}

// TestFailingVerdicts: an access whose verdicts fail is told as failed, and the next is
// judged as if it had not been.
func TestFailingVerdicts(t *testing.T) {
	d, j, see := failing(t)
	routes := j.routes
	j.routes = nil // what is remembered of a route has no place
	out := see(foreignOrder("r1", 0))
	if len(out.Failures) != 1 || out.Failures[0].Rule != FailedVerdicts || !strings.Contains(out.Failures[0].Cause, "nil map") {
		t.Fatalf("failures %+v", out.Failures)
	}
	if len(out.Reads)+len(out.Findings) != 0 {
		t.Errorf("%d reads and %d findings of an access that failed", len(out.Reads), len(out.Findings))
	}
	j.routes = routes
	out = see(foreignOrder("r2", 1000))
	if len(out.Failures) != 0 || len(out.Reads) != 1 || len(out.Findings) == 0 {
		t.Errorf("the next access: %d failures, %d reads, %d findings", len(out.Failures), len(out.Reads), len(out.Findings))
	}
	if n := d.Stats().Accesses; n != 2 {
		t.Errorf("%d accesses, want 2", n)
	}
}
