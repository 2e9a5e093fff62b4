package join

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
)

// TestObserveAll holds ObserveAll, and judging several accesses together, against
// Observe: the same lines give the same reads and findings, whatever runs they come in, and
// whether executions are listed from the first line on or from where they must be.
func TestObserveAll(t *testing.T) {
	judged := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(r, 3, 60)
		want := judgedWorld(t, w, true, func() int { return 1 })
		got := judgedWorld(t, w, false, func() int { return 1 + r.IntN(200) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		judged += len(want)
	}
	if judged < 1000 {
		t.Errorf("%d reads and findings in all: too few to tell anything", judged)
	}
}

// judgedWorld judges a world in runs of lines, of one partition after the other, and
// gives every row that came of it.
func judgedWorld(t *testing.T, w world, listed bool, run func() int) map[string]string {
	t.Helper()
	p := &process{Detector: New(judgedMarket(t), Options{Windows: restartWindows})}
	p.listed = listed
	for i := range w {
		p.Open(Start{Source: "log", Partition: int32(i)})
		p.position = append(p.position, 0)
	}
	for !p.done(w) {
		for i := range w {
			if n := run(); n == 1 {
				p.read(w, i)
			} else {
				p.readAll(w, i, n)
			}
		}
	}
	p.take()
	rows := map[string]string{}
	for _, f := range p.batch.Findings {
		key := "finding " + f.ID.String()
		rows[key] = max(rows[key], fmt.Sprint(f.Revision, f.Resolved, f.Rule, f.Severity, f.Claim, f.Cause, f.Evidence, f.Summary, f.Origins))
	}
	for _, v := range p.batch.Reads {
		rows[fmt.Sprint("read ", v.AccessKey, v.Table, v.RecordID, v.Owners, v.Origins)] =
			fmt.Sprint(v.Revision, v.Time, v.Actor, v.Route, v.Principal, v.Verdict, v.Relation, v.Reason, v.Claim, v.Missing, v.Count)
	}
	return rows
}

// judgedMarket is a policy with a table of every shape.
func judgedMarket(t testing.TB) *detect.Policy {
	t.Helper()
	p := &detect.Policy{
		Tables: []detect.Table{
			{Name: "orders", ID: "id", Owners: []string{"buyer_id", "seller_id"}, Relations: []detect.TableRelation{{Name: "support_ticket"}, {Name: "auditor", Columns: []string{"total"}}}},
			{Name: "listings", ID: "id", Owners: []string{"seller_id"}, Public: &detect.Public{When: []detect.Pair{{Name: "status", Value: "published"}}, Columns: []string{"title"}}},
			{Name: "files", ID: "id", Tenant: "org_id"},
			{Name: "projects", ID: "id", Owners: []string{"lead_id"}, Tenant: "org_id"},
			{Name: "customers", ID: "id", Owners: []string{"user_id"}, Mapping: true},
			{Name: "payouts", ID: "id", IDType: detect.IDType{Kind: "int"}, Owners: []string{"user_id"}, Canaries: []string{"9"}},
			{Name: "plans", Shared: true},
		},
		Routes: []detect.Route{
			{Match: "/hooks", Kind: detect.RouteService, Tables: []string{"orders"}},
			{Match: "/admin", Kind: detect.RouteAdmin, Roles: []string{"staff"}, Ticket: true},
			{Match: "/**", Kind: detect.RouteUser},
		},
	}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	return p
}
