package detect

import (
	"strings"
	"testing"
)

// foreignOrder is an access by which ann is given an order of bob.
func foreignOrder(id string, offset int64) *Access {
	const at = 1e18
	return &Access{Key: id, Time: at, Requests: []RequestLine{{
		Time: at, Origin: Origin{Source: "app", Offset: offset},
		Request: Request{
			EventID: id, RequestID: id, Method: "GET", Status: 200, Route: "/api", UserID: "ann", Complete: true,
			Records: []Record{{Table: "orders", ID: "o1", Owners: []Owner{{Column: "buyer_id", ID: "bob"}}}},
		},
	}}}
}

// failing is a judge, and what gives it one access and takes what came of it.
func failing(t *testing.T) (*Judge, func(*Access) Output) {
	p := judgedMarket(t)
	j := NewJudge(p, NewFacts(p), "")
	return j, func(a *Access) (out Output) {
		told := 0
		j.Accesses([]*Access{a}, &out, func(i int, before Extent) {
			told++
			if i != 0 || before != (Extent{}) {
				t.Errorf("access %d is told, and %+v before it", i, before)
			}
		})
		if told != 1 {
			t.Errorf("one access is told %d times", told)
		}
		return out
	}
}

// TestFailingRule: a rule that panics is told once for each access, with the lines and
// without what they say; the verdicts and the other rules' findings stand.
func TestFailingRule(t *testing.T) {
	j, see := failing(t)
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
	j, see := failing(t)
	routes := j.routes
	j.routes = nil // what is remembered of a route has no place
	failed := foreignOrder("r1", 0)
	out := see(failed)
	if len(out.Failures) != 1 || out.Failures[0].Rule != FailedVerdicts || !strings.Contains(out.Failures[0].Cause, "nil map") {
		t.Fatalf("failures %+v", out.Failures)
	}
	if len(out.Reads)+len(out.Findings)+len(failed.Records) != 0 {
		t.Errorf("%d reads, %d findings and %d records of an access that failed", len(out.Reads), len(out.Findings), len(failed.Records))
	}
	j.routes = routes
	out = see(foreignOrder("r2", 2))
	if len(out.Failures) != 0 || len(out.Reads) != 1 || len(out.Findings) == 0 {
		t.Errorf("the next access: %d failures, %d reads, %d findings", len(out.Failures), len(out.Reads), len(out.Findings))
	}
}
