package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trespass.dev/trespass/detect/query"
)

// judgedMarket is a policy with a table of every shape.
func judgedMarket(t testing.TB) *Policy {
	t.Helper()
	p := &Policy{
		Tables: []Table{
			{Name: "orders", ID: "id", Owners: []string{"buyer_id", "seller_id"}, Relations: []TableRelation{{Name: "support_ticket"}, {Name: "auditor", Columns: []string{"total"}}}},
			{Name: "listings", ID: "id", Owners: []string{"seller_id"}, Public: &Public{When: []Pair{{"status", "published"}}, Columns: []string{"title"}}},
			{Name: "files", ID: "id", Tenant: "org_id"},
			{Name: "projects", ID: "id", Owners: []string{"lead_id"}, Tenant: "org_id"},
			{Name: "customers", ID: "id", Owners: []string{"user_id"}, Mapping: true},
			{Name: "payouts", ID: "id", IDType: IDType{Kind: "int"}, Owners: []string{"user_id"}, Canaries: []string{"9"}},
			{Name: "plans", Shared: true},
		},
		Routes: []Route{
			{Match: "/hooks", Kind: RouteService, Tables: []string{"orders"}},
			{Match: "/admin", Kind: RouteAdmin, Roles: []string{"staff"}, Ticket: true},
			{Match: "/**", Kind: RouteUser},
		},
	}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	someIDs     = []string{"", "1", "9", "undefined", "o1", "cus_1"}
	somePeople  = []string{"", "ann", "bob", "cid", "null"}
	someTenants = []string{"", "x", "y"}
	someTables  = []string{"orders", "listings", "files", "projects", "customers", "payouts", "plans", "public.orders", "strange"}
)

func drawRequest(rt *rapid.T) Request {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
	r := Request{
		RequestID: "r1", Method: pick("method", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST"), Status: rapid.SampledFrom([]int{0, 200, 200, 200, 303, 304, 404, -1}).Draw(rt, "status"),
		Route: pick("route", "", "/hooks", "/admin", "/api", "/api"), UserID: pick("user", somePeople...), NoUser: rapid.Bool().Draw(rt, "nobody"),
		AppRole: pick("role", "", "staff"), Tenant: pick("tenant", someTenants...), ImpersonatedBy: pick("by", "", "", "sam"), Justification: pick("why", "", "T1"),
		Principal: pick("principal", "", "anon", "authenticated", "service_role"), SecretKey: Tri(rapid.IntRange(0, 2).Draw(rt, "secret")), Browser: Tri(rapid.IntRange(0, 2).Draw(rt, "browser")),
		TokenExpires: rapid.SampledFrom([]int64{0, 1, 1e18}).Draw(rt, "expires"), Complete: rapid.Bool().Draw(rt, "complete"),
		Cache: Cache{Status: CacheStatus(rapid.IntRange(0, 4).Draw(rt, "cache")), ID: pick("filled", "", "r0"), Public: Tri(rapid.IntRange(0, 2).Draw(rt, "public"))},
	}
	for range rapid.IntRange(0, 4).Draw(rt, "records") {
		rec := Record{Table: pick("table", someTables...), ID: pick("id", someIDs...), Tenant: pick("row tenant", someTenants...)}
		if owner := pick("owner", somePeople...); owner != "" {
			rec.Owners = []Owner{{Column: pick("column", "buyer_id", "seller_id", "user_id", "lead_id", ""), ID: owner}}
		}
		if rapid.Bool().Draw(rt, "columns known") {
			rec.Columns = []string{"id", pick("returned", "title", "total", "secret")}
		}
		if s := pick("state", "", "published", "draft"); s != "" {
			rec.State = []Pair{{"status", s}}
		}
		r.Records = append(r.Records, rec)
	}
	for range rapid.IntRange(0, 2).Draw(rt, "counts") {
		c := Count{Table: pick("count table", someTables...), Rows: int64(rapid.IntRange(-1, 30).Draw(rt, "rows"))}
		if f := pick("filter", "", "id", "buyer_id", "org_id", "status"); f != "" {
			c.Filter = []Filter{{f, pick("value", "ann", "1", "x", "published")}}
		}
		r.Counts = append(r.Counts, c)
	}
	return r
}

func drawFact(rt *rapid.T) Fact {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
	return Fact{
		Kind:  rapid.SampledFrom([]FactKind{FactOwner, FactTenant, FactState, FactMember, FactMapping, FactAccount, FactShare, FactTicket, FactRole, FactTable, FactSamePair, FactPermit, FactRelation, FactCanary}).Draw(rt, "kind"),
		Table: pick("table", someTables...), Record: pick("record", someIDs...), Column: pick("column", "buyer_id", "seller_id", "user_id", "status"),
		User: pick("user", somePeople...), Tenant: pick("tenant", someTenants...), Agent: pick("agent", "", "sam"), Value: pick("value", "published", "draft", "deleted", "staff", "auditor", "open", "ann"),
		Principal: "service_role", ValidFrom: rapid.SampledFrom([]int64{0, 5e17, 2e18}).Draw(rt, "from"),
	}
}

// drawStatement draws one statement of the request, with its plan and the state it ran under.
func drawStatement(rt *rapid.T, plans *query.Cache) StatementLine {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
	s := StatementLine{
		Statement: Statement{
			Kind:    rapid.SampledFrom([]StatementKind{StatementAudit, StatementAudit, StatementText, StatementTwin, StatementError, StatementOther}).Draw(rt, "line"),
			Session: "s", Txn: "1", Login: pick("login", "app", "authenticator", "postgres"), Rows: int64(rapid.IntRange(-1, 30).Draw(rt, "rows")),
			ParamsKnown: rapid.Bool().Draw(rt, "logged"), Params: []Param{{Value: pick("param", "ann", "1", "o1", "x", "undefined", "{1,o1}")}}, RequestID: "r1",
			SQL: pick("sql", "select id from orders where id = $1", "select * from public.orders where buyer_id = $1", "select title from listings where status = 'published'",
				"select id from files where org_id = $1", "select * from orders o join listings l on l.seller_id = o.seller_id where o.id = any ($1)", "select count(*) from orders",
				"select * from strange", "alter table orders disable row level security", "update payouts set note = 'x' where id = '9' returning id",
				"with pgrst_source as (select orders.* from orders where orders.id = $1) select coalesce(json_agg(_postgrest_t), '[]') as body from (select * from pgrst_source) _postgrest_t"),
		},
		Role: pick("effective role", "", "anon", "authenticated", "service_role"), RoleKnown: rapid.Bool().Draw(rt, "role known"),
		Sub: pick("sub", somePeople...), HasClaims: true, Browser: Tri(rapid.IntRange(0, 2).Draw(rt, "claims browser")),
	}
	plan, literals, err := plans.Plan(s.SQL)
	if err != nil {
		rt.Fatalf("%s: %v", s.SQL, err)
	}
	s.Plan, s.Literals = plan, slices.Clone(literals)
	return s
}

// TestVerdictsAreTotal holds over random accesses and facts: nothing panics; every record
// that came back has one verdict of the nine, with a reason and a claim that agree; the
// answer does not depend on the order of lines or facts.
func TestVerdictsAreTotal(t *testing.T) {
	p := judgedMarket(t)
	rapid.Check(t, func(rt *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(drawFact), 0, 6).Draw(rt, "facts")
		lines := rapid.SliceOfN(rapid.Custom(drawRequest), 0, 3).Draw(rt, "lines")
		plans := query.NewCache(100)
		statements := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) StatementLine { return drawStatement(rt, plans) }), 0, 3).Draw(rt, "statements")
		judged := func(facts []Fact, order, statementOrder []int) Output {
			f := NewFacts(p)
			for i := range facts {
				f.Add(&facts[i], Origin{Source: "facts"})
			}
			a := &Access{Key: "k", Time: 1e18}
			for _, i := range order {
				a.Requests = append(a.Requests, RequestLine{Request: lines[i], Time: 1e18 + int64(i), LineID: uint64(i), Origin: Origin{Source: "app", Offset: int64(i)}})
			}
			for _, i := range statementOrder {
				s := statements[i]
				s.Time, s.Line, s.LineID, s.Origin = 1e18+int64(i), int64(i), uint64(100+i), Origin{Source: "audit", Offset: int64(i)}
				a.Statements = append(a.Statements, s)
			}
			var out Output
			NewJudge(p, f, "").Access(a, false, &out)
			if len(out.Failures) > 0 {
				rt.Fatalf("%+v", out.Failures)
			}
			return out
		}
		order, statementOrder := upTo(len(lines)), upTo(len(statements))
		out := judged(facts, order, statementOrder)
		for i := range out.Reads {
			r := &out.Reads[i]
			switch {
			case r.Verdict < VerdictOwn || r.Verdict > VerdictMalformed:
				rt.Fatalf("verdict %d of %+v", r.Verdict, r)
			case r.Reason == "":
				rt.Fatalf("no reason: %+v", r)
			case (r.Claim == Proven) != (len(r.Missing) == 0):
				rt.Fatalf("claim %s with missing %v: %+v", r.Claim, r.Missing, r)
			case r.Count < 1:
				rt.Fatalf("stands for %d rows: %+v", r.Count, r)
			}
		}
		for i := range out.Findings {
			f := &out.Findings[i]
			if f.Rule == "" || f.Cause == "" || f.Summary == "" || (f.Claim == Proven) != (len(f.Missing) == 0) {
				rt.Fatalf("finding lacks a part: %+v", f)
			}
			for _, g := range out.Findings[i+1:] {
				if g.ID == f.ID {
					rt.Fatalf("two findings of one id: %s and %s", f.Rule, g.Rule)
				}
			}
		}
		again := judged(rapid.Permutation(facts).Draw(rt, "facts' order"), rapid.Permutation(order).Draw(rt, "lines' order"), rapid.Permutation(statementOrder).Draw(rt, "statements' order"))
		if diff := cmp.Diff(out, again); diff != "" {
			rt.Fatalf("another order gives another answer (-first +then):\n%s", diff)
		}
	})
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// TestOwnershipIsNeverLearnedFromAReader holds the second law: however often a session reads
// a record with success, the record is not its own while nothing says so.
func TestOwnershipIsNeverLearnedFromAReader(t *testing.T) {
	p := judgedMarket(t)
	j := NewJudge(p, NewFacts(p), "")
	for i := range 100 {
		a := &Access{Key: fmt.Sprint(i), Time: int64(i) * 1e9, Requests: []RequestLine{{Request: Request{
			RequestID: fmt.Sprint(i), Method: "GET", Status: 200, Route: "/api", UserID: "ann", Complete: true,
			Records: []Record{{Table: "orders", ID: "o1"}},
		}}}}
		var out Output
		j.Access(a, false, &out)
		if len(out.Reads) != 1 || out.Reads[0].Verdict != VerdictOwnerUnknown {
			t.Fatalf("read %d: %+v", i, out.Reads)
		}
	}
}

// TestFindingIDsAreKeptApart holds what an id is made of, and that no two fields run into
// one another.
func TestFindingIDsAreKeptApart(t *testing.T) {
	a := &Access{Env: "production", Key: "k1"}
	id := a.FindingID(FamilyRead, "orders")
	seen := []FindingID{id}
	for _, other := range []FindingID{
		a.FindingID(FamilySession, "orders"), a.FindingID(FamilyRead, "tickets"),
		(&Access{Env: "production", Key: "k2"}).FindingID(FamilyRead, "orders"), (&Access{Env: "preview", Key: "k1"}).FindingID(FamilyRead, "orders"),
		(&Access{Env: "production", Key: "k1o"}).FindingID(FamilyRead, "rders"),
	} {
		if slices.Contains(seen, other) {
			t.Errorf("id %s is given twice", other)
		}
		seen = append(seen, other)
	}
	if again := (&Access{Env: "production", Key: "k1", Time: 99, Principal: "anon"}).FindingID(FamilyRead, "orders"); again != id {
		t.Errorf("the id hangs on more than environment, family, key and table: %s and %s", id, again)
	}
}

// TestSummariesAreFitForATerminal holds that an id from a log cannot write control
// characters or pages of text into a sentence.
func TestSummariesAreFitForATerminal(t *testing.T) {
	p := judgedMarket(t)
	j := NewJudge(p, NewFacts(p), "")
	evil := "a\x1b[2J\n\u202e" + strings.Repeat("x", 5000)
	a := &Access{Key: "k", Time: 1, Requests: []RequestLine{{Request: Request{
		RequestID: "r", Status: 200, Route: "/" + evil, UserID: evil, Complete: true,
		Records: []Record{{Table: "payouts", ID: "7", Owners: []Owner{{"user_id", "bob" + evil}}}},
	}}}}
	var out Output
	j.Access(a, false, &out)
	if len(out.Findings) != 1 {
		t.Fatalf("%d findings, want 1", len(out.Findings))
	}
	s := out.Findings[0].Summary
	if strings.ContainsAny(s, "\x1b\n\u202e") || len(s) > 1000 {
		t.Errorf("summary %q", s)
	}
}
