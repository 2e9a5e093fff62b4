package detect

import (
	"math/rand/v2"
	"testing"
)

// TestPlainLinesProveNothing holds the short way against the long one: over lines and
// facts of every mixture, no line that is told to be plain gives an early finding.
func TestPlainLinesProveNothing(t *testing.T) {
	p := &Policy{
		Tables: []Table{
			{Name: "orders", ID: "id", IDType: IDType{Kind: "int"}, Owners: []string{"buyer_id", "seller_id"}},
			{Name: "invoices", ID: "id", Owners: []string{"user_id"}, Tenant: "org_id"},
			{Name: "customers", ID: "id", Owners: []string{"user_id"}, Mapping: true},
			{Name: "notes", ID: "id", Owners: []string{"user_id"}, Canaries: []string{"7"}},
			{Name: "plans", Shared: true},
		},
		Routes: []Route{{Match: "/api/cron/**", Kind: RouteService}, {Match: "/**", Kind: RouteUser}},
	}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	seldom := func(s string) string {
		if rng.IntN(8) == 0 {
			return s
		}
		return ""
	}
	tri := func() Tri { return []Tri{Unknown, Unknown, Unknown, No, Yes}[rng.IntN(5)] }
	plain, found := 0, 0
	for range 30_000 {
		f := NewFacts(p)
		for range rng.IntN(4) {
			f.Add(&Fact{
				Kind: FactKind(one("owner", "owner", "member", "tenant", "mapping", "account", "share", "same")), Table: one("orders", "invoices", "customers", "notes"),
				Record: one("7", "8"), Column: one("buyer_id", "seller_id", "user_id"), User: one("u1", "u2"), Tenant: one("t1", "t2"), Value: one("u1", "u2", "deleted"),
			}, Origin{})
		}
		j := NewJudge(p, f, "production")
		r := Request{
			RequestID: "r", UserID: one("u1", "u1", "u1", "u2", ""), Status: 200, Complete: true, Kind: ActorUser, Tenant: seldom("t1"),
			Route: one("/api/orders", "/api/cron/nightly", ""), ImpersonatedBy: seldom("agent"), Principal: seldom("service_role"),
			SecretKey: tri(), Browser: tri(), Bypass: tri(), StripeUser: seldom("u2"),
		}
		if rng.IntN(8) == 0 {
			r.Cache = Cache{Status: CacheStatus(rng.IntN(5)), ID: "r0", Public: tri()}
		}
		if id := seldom(one("undefined", "8")); id != "" {
			r.Requested = []string{id}
		}
		for range 1 + rng.IntN(3) {
			rec := Record{Table: one("orders", "orders", "invoices", "customers", "notes", "plans", "unknown"), ID: one("7", "8", "8", "undefined"), Tenant: seldom(one("t1", "t2"))}
			for range rng.IntN(3) {
				rec.Owners = append(rec.Owners, Owner{Column: one("buyer_id", "seller_id", "user_id", ""), ID: one("u1", "u1", "u2", "")})
			}
			r.Records = append(r.Records, rec)
		}
		a := &Access{Key: "k", Time: 1e18, Requests: []RequestLine{{Request: r, Time: 1e18, Origin: Origin{Source: "app"}}}}
		isPlain := j.Plain(&r)
		var out Output
		j.Access(a, true, &out)
		if isPlain && len(out.Findings) > 0 {
			t.Fatalf("%+v is plain, but gives %s: %s", r, out.Findings[0].Rule, out.Findings[0].Summary)
		}
		if isPlain {
			plain++
		}
		if len(out.Findings) > 0 {
			found++
		}
	}
	if plain < 300 || found < 300 {
		t.Fatalf("%d plain lines and %d with findings: the mixture shows too little", plain, found)
	}
}
