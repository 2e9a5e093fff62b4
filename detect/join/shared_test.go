package join

import (
	"slices"
	"testing"

	"trespass.dev/trespass/detect"
)

// One request id sent by two sessions: what each line names of its own is proven, what
// names neither may be either's.
func TestABorrowedRequestIDHidesAndProvesNothing(t *testing.T) {
	s, _ := shop(t, Options{})
	mine := event("victim", 1, "r1", "ann", "A")
	mine.Request.Status, mine.Request.Records[0].Owners = 200, []detect.Owner{{Column: "user_id", ID: "ann"}}
	theirs := event("thief", 2, "r1", "mallory", "B")
	theirs.Request.Status, theirs.Request.Records[0].Owners = 200, []detect.Owner{{Column: "user_id", ID: "bob"}}
	s.see(0, mine)
	s.see(0, theirs)
	s.see(0, with(text(stmt("s", "3/1", 1, 1.5, "orders"), "select * from orders where user_id = 'carl'"), func(s *detect.Statement) { s.RequestID, s.Rows = "r1", 1 }))
	s.endAll()
	out := s.took()
	final := map[string]detect.Read{}
	for _, r := range out.Reads {
		key := r.Actor.User + " " + r.RecordID
		if len(r.Owners) > 0 {
			key += " of " + r.Owners[0].ID
		}
		final[key] = r
	}
	if r := final["mallory B of bob"]; r.Verdict != detect.VerdictForeign || r.Claim != detect.Proven {
		t.Errorf("what the thief's own line lists is proven, got %v %v", r.Verdict, r.Claim)
	}
	if r := final["ann A of ann"]; r.Verdict != detect.VerdictOwn {
		t.Errorf("the victim read her own, got %v", r.Verdict)
	}
	for _, who := range []string{"ann", "mallory"} {
		r := final[who+"  of carl"]
		if r.Verdict != detect.VerdictForeign || r.Claim != detect.Possible || !slices.Contains(r.Missing, detect.MissingActor) {
			t.Errorf("of %s want a possible foreign read whose actor is missing, got %v %v %v", who, r.Verdict, r.Claim, r.Missing)
		}
	}
}

// A second request under the same id that gets nothing does not take back what the
// first got.
func TestAnEmptyAnswerUnderTheSameRequestIDHidesNothing(t *testing.T) {
	s, _ := shop(t, Options{})
	for i, rows := range []int64{1, 0} {
		e := req([]string{"full", "empty"}[i], float64(1+i), "r1", "mallory")
		e.Request.Status, e.Request.Method = 200, "GET"
		e.Request.Counts = []detect.Count{{Table: "orders", Rows: rows, Filter: []detect.Filter{{Column: "user_id", Value: "bob"}}}}
		s.see(0, e)
	}
	s.see(0, set("s", "3/1", 1, 1, "r1", "authenticated", "mallory"))
	s.see(0, with(text(stmt("s", "3/1", 2, 1, "orders"),
		`WITH pgrst_source AS ( SELECT "public"."orders".* FROM "public"."orders" WHERE "public"."orders"."user_id" = $1 ) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t`),
		func(s *detect.Statement) { s.Params, s.ParamsKnown = []detect.Param{{Value: "bob"}}, true }))
	s.endAll()
	out := s.took()
	if len(out.Findings) != 1 || out.Findings[0].Claim != detect.Proven {
		t.Errorf("want a proven foreign read, got %+v", out.Findings)
	}
}
