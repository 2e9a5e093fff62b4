package detect

import (
	"errors"
	"strings"
	"testing"
)

// market is the policy of a small marketplace.
func market(t testing.TB) *Policy {
	t.Helper()
	p := &Policy{
		Tables: []Table{
			{Name: "orders", ID: "id", IDType: IDType{Kind: "uuid"}, Owners: []string{"buyer_id", "seller_id"}, Tenant: "org_id"},
			{Name: `public."Order"`, ID: "id", Owners: []string{"userId"}},
			{Name: "billing.customers", ID: "stripe_customer_id", IDType: IDType{Kind: "prefix", Prefix: "cus_"}, Owners: []string{"user_id"}, Mapping: true},
			{Name: "order_view", Of: "public.orders"},
			{Name: "my_orders", Of: "order_view"},
			{Name: "plans", Shared: true},
		},
		Routes: []Route{
			{Match: "/api/webhooks/**", Kind: RouteService, Tables: []string{"orders"}},
			{Match: "/admin/**", Kind: RouteAdmin, Roles: []string{"staff"}},
			{Match: "/api/orders/[id]", Kind: RouteUser},
			{Match: "/feed-*.json", Kind: RoutePublic},
			{Match: "/docs/[...slug]", Kind: RoutePublic},
			{Match: "/**", Kind: RouteUser},
		},
		Principals:   Principals{Bypass: []string{"service_role"}, Anonymous: []string{"anon"}, Authenticated: []string{"authenticated"}, Login: []string{"authenticator"}, Jobs: []Job{{Role: "etl", App: "nightly"}}},
		Environments: []Environment{{Name: "production", Databases: []string{"market"}}},
		EgressIPs:    []string{"203.0.113.0/24", "2001:db8::1"},
	}
	if err := p.Compile(); err != nil {
		t.Fatalf("compile: %v", err)
	}
	return p
}

func TestTableIsFoundInAnySpelling(t *testing.T) {
	p := market(t)
	for name, want := range map[string]string{
		"orders": "orders", "public.orders": "orders", `"public"."orders"`: "orders", `public."orders"`: "orders", `"orders"`: "orders",
		"Order": "Order", `"Order"`: "Order", `public."Order"`: "Order", `"public"."Order"`: "Order",
		"billing.customers": "billing.customers", `"billing"."customers"`: "billing.customers", `billing."customers"`: "billing.customers",
		"order_view": "orders", "public.my_orders": "orders", `"public"."my_orders"`: "orders",
		"plans": "plans",
		"order": "", "customers": "", "ORDERS": "", "": "", `"`: "", ".": "", "public.": "", `"public".`: "",
	} {
		var got string
		if table := p.Table(name); table != nil {
			got = table.Name
		}
		if got != want {
			t.Errorf("Table(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRouteTakesTheFirstThatMatches(t *testing.T) {
	p := market(t)
	for _, c := range []struct{ route, path, want string }{
		{"", "/api/webhooks/stripe", "/api/webhooks/**"},
		{"", "/api/webhooks", "/api/webhooks/**"},
		{"", "/api/webhooks2", "/**"},
		{"/admin/users/[id]", "/admin/users/7", "/admin/**"},
		{"/api/orders/[id]", "", "/api/orders/[id]"},
		{"/api/orders/:id", "", "/api/orders/[id]"},
		{"", "/api/orders/7", "/api/orders/[id]"},
		{"", "/api/orders/7/", "/api/orders/[id]"},
		{"", "//api//orders/7", "/api/orders/[id]"},
		{"", "/api/orders/7/lines", "/**"},
		{"GET /api/orders/{id}", "", "/api/orders/[id]"},
		{"", "/feed-eu.json", "/feed-*.json"},
		{"", "/feed-.xml", "/**"},
		{"", "/docs/a/b", "/docs/[...slug]"},
		{"", "/docs", "/**"},
		{"/api/[[...route]]", "/api/webhooks/stripe", "/api/webhooks/**"},
		{"/*", "/admin/x", "/admin/**"},
		{"", "/", "/**"},
		{"", "", ""},
		{"", "/api/webhooks/../orders/7", "/api/orders/[id]"},
		{"", "/api/webhooks/./stripe", "/api/webhooks/**"},
		{"", "/api/webhooks/%2e%2E/orders/7", "/api/orders/[id]"},
		{"", "/api/webhooks/..%2forders/7", "/api/orders/[id]"},
		{"", `/api/webhooks/..\orders/7`, "/api/orders/[id]"},
		{"", "/../../admin/x", "/admin/**"},
		{"/api/webhooks/../orders/7", "", "/api/orders/[id]"},
		{"", "/api/orders/a%2Fb", "/api/orders/[id]"},
		{"", "/api/orders/.hidden", "/api/orders/[id]"},
	} {
		var got string
		if r := p.Route(c.route, c.path); r != nil {
			got = r.Match
		}
		if got != c.want {
			t.Errorf("Route(%q, %q) = %q, want %q", c.route, c.path, got, c.want)
		}
	}
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	p := market(t)
	if n := testing.AllocsPerRun(100, func() {
		if p.Table(`"billing"."customers"`) == nil || p.Table("public.orders") == nil || p.Table("unknown") != nil {
			t.Fatal("wrong table")
		}
		if p.Route("", "/api/orders/7").Match != "/api/orders/[id]" {
			t.Fatal("wrong route")
		}
	}); n != 0 {
		t.Errorf("%v allocations per look-up, want 0", n)
	}
}

func TestPrincipalsAndPlaces(t *testing.T) {
	p := market(t)
	for name, ok := range map[string]bool{
		"bypass":        p.BypassRole("service_role") && !p.BypassRole("anon"),
		"anonymous":     p.AnonymousRole("anon") && !p.AnonymousRole("authenticated"),
		"authenticated": p.AuthenticatedRole("authenticated") && !p.AuthenticatedRole("anon"),
		"login":         p.LoginRole("authenticator") && !p.LoginRole("postgres"),
		"job":           p.Job("etl", "nightly") != nil && p.Job("etl", "web") == nil,
		"environment":   p.EnvironmentOf("market") == "production" && p.EnvironmentOf("scratch") == "",
		"egress":        p.Egress("203.0.113.9") == Yes && p.Egress("::ffff:203.0.113.9") == Yes && p.Egress("198.51.100.1") == No && p.Egress("nonsense") == Unknown,
		"no egress":     (&Policy{}).Egress("203.0.113.9") == Unknown,
	} {
		if !ok {
			t.Errorf("%s is wrong", name)
		}
	}
}

func TestIDTypes(t *testing.T) {
	uuid, number, customer := IDType{Kind: "uuid"}, IDType{Kind: "int"}, IDType{Kind: "prefix", Prefix: "cus_"}
	for _, c := range []struct {
		kind IDType
		id   string
		want bool
	}{
		{uuid, "0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0002", true},
		{uuid, "0B9E0D9A-6C1F-4F0E-8A58-0A4B5D5A0002", true},
		{uuid, "0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a000g", false},
		{uuid, "0b9e0d9a6c1f4f0e8a580a4b5d5a0002", false},
		{uuid, "0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a00021", false},
		{number, "0", true}, {number, "-7", true}, {number, "9223372036854775807", true},
		{number, "12345678901234567890", false}, {number, "1e3", false}, {number, "-", false}, {number, "٣", false},
		{customer, "cus_NffrFeUfNV2Hib", true}, {customer, "cus_", false}, {customer, "sub_1", false}, {customer, "cus_1' or 1=1", false},
		{IDType{}, "anything at all", true}, {IDType{}, "  ", false}, {IDType{Kind: "text"}, "ann", true},
		{IDType{}, "", false}, {IDType{}, "undefined", false}, {IDType{}, "null", false}, {IDType{Kind: "text"}, "NaN", false},
	} {
		if got := c.kind.Valid(c.id); got != c.want {
			t.Errorf("%+v.Valid(%q) = %v, want %v", c.kind, c.id, got, c.want)
		}
	}
}

func TestCompileReportsEveryProblem(t *testing.T) {
	p := &Policy{
		Tables: []Table{
			{Name: "orders", Owners: []string{"user_id", "user_id"}},
			{Name: "public.orders", Owners: []string{"user_id"}},
			{Name: "profiles", Public: &Public{}},
			{Name: "notes"},
			{Name: "orders_view", Of: "ordres"},
			{Name: "loop", Of: "pool"}, {Name: "pool", Of: "loop"},
			{Name: "plans", Shared: true, Owners: []string{"id"}},
			{Name: "keys", Owners: []string{"u"}, IDType: IDType{Kind: "guid"}},
		},
		Routes: []Route{
			{Match: "/api/**/x"}, {Match: "/a/**"}, {Match: "/a/b/[id]"}, {Match: "api"}, {Match: "/admin", Kind: RouteAdmin},
			{Match: "/hook", Kind: RouteService, Tables: []string{"order"}},
		},
		Principals:   Principals{Anonymous: []string{"anon"}, Bypass: []string{"anon"}},
		Environments: []Environment{{Name: "production", Databases: []string{"market"}}, {Name: "preview", Databases: []string{"market"}}},
		EgressIPs:    []string{"10.0.0.0/40"},
		Grace:        Grace{Session: -1},
		Thresholds:   Thresholds{CriticalPeople: 1},
	}
	err := p.Compile()
	if err == nil {
		t.Fatal("a wrong policy compiled")
	}
	for _, want := range []string{
		`tables[0].owners[1]: "user_id" is listed twice`, `tables[1]: table "orders" is declared twice`, `tables[2].public: public needs columns`,
		`tables[3]: nothing says whose rows "notes" holds`, `tables[4].of: unknown table "ordres" (did you mean "orders"?)`,
		`tables[5].of: "loop" leads back to itself`, `tables[6].of: "pool" leads back to itself`, `tables[7].shared: `, `tables[8].id_type: unknown id type "guid"`,
		`routes[0].match: `, `routes[2].match: route "/a/b/[id]" can never match: "/a/**" (routes[1])`, `routes[3].match: route "api" does not begin with /`,
		`routes[4]: an admin route needs roles`, `routes[5].tables[0]: unknown table "order" (did you mean "orders"?)`,
		`principals.anonymous[0]: `, `environments[1].databases[0]: database "market" already belongs to environment "production"`,
		`egress[0]: `, `grace.session: `, `thresholds.bound_records: `,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	var problem *PolicyProblem
	if !errors.As(err, &problem) {
		t.Errorf("%T holds no *PolicyProblem", err)
	}
	if p.Table("orders") != nil || p.Route("", "/a/x") != nil {
		t.Error("a policy that did not compile answers look-ups")
	}
}

// BenchmarkPolicy looks up a table and a route in a policy of twenty routes.
func BenchmarkPolicy(b *testing.B) {
	p := &Policy{Tables: []Table{{Name: "orders", Owners: []string{"user_id"}}}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s"} {
		p.Routes = append(p.Routes, Route{Match: "/api/" + name + "/[id]"})
	}
	p.Routes = append(p.Routes, Route{Match: "/**"})
	if err := p.Compile(); err != nil {
		b.Fatal(err)
	}
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.Table("public.orders") == nil {
				b.Fatal("no table")
			}
		}
	})
	b.Run("last-route", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.Route("/shop/orders/[id]", "").Match != "/**" || p.Route("/api/s/[id]", "").Match != "/api/s/[id]" {
				b.Fatal("wrong route")
			}
		}
	})
}
