package market

import (
	"fmt"
	"time"
)

// Step is one request of the script, with what the database gives back for it and
// what must be said about it.
type Step struct {
	At       time.Duration // from the start of the script
	ID       string        // request id
	Route    string
	Path     string
	Actor    string // user id; empty without one
	Anon     bool   // the log says that nobody was logged in
	Role     string // role inside the application
	Session  string
	Ticket   string
	Env      string
	Expired  bool   // the token's time was over
	Browser  bool   // the secret key came from a browser
	CacheHit string // request id that filled the cache entry; then no statement is made
	Fills    bool   // the response went into the shared cache
	Asked    string // id that the client asked for, when it is not the record's
	Gateway  bool   // the gateway's line: rows counted and the filter, no records listed
	Query    *Query

	Rows    []Row // what comes back
	Columns []string
	Want    []Want
	Leak    *Leak
}

// Query is the one read that a request makes.
type Query struct {
	Role   string // effective role, by set_config as PostgREST does; empty: the login role app_user
	Table  string
	Where  []Equal
	Select []string
}

// Equal is column = value.
type Equal struct{ Column, Value string }

// Want is the verdict that one record must get.
type Want struct{ Table, Record, Verdict string }

// Leak is a planted leak: the finding that must come of it.
type Leak struct {
	Rule  string
	About string
}

// Script gives n honest requests with the ten leaks spread among them, one second
// in steps of a few milliseconds. The same world and n give the same script.
func (w *World) Script(n int) []Step {
	honest := []func() Step{w.ownOrder, w.ownTicket, w.orgInvoices, w.webhook, w.publicListing, w.support, w.ownCustomer, w.nothing, w.plans}
	leaks := []func() []Step{w.serviceRole, w.otherTenant, w.anonymous, w.secretKey, w.cached, w.wrongCustomer, w.formerMember, w.expired, w.undefined, w.preview}
	var steps []Step
	for i := range max(n, len(leaks)) {
		steps = append(steps, honest[i%len(honest)]())
		if at := i * len(leaks) / max(n, len(leaks)); at != (i+1)*len(leaks)/max(n, len(leaks)) {
			steps = append(steps, leaks[at]()...)
		}
	}
	for i := range steps {
		steps[i].At = time.Duration(i) * 5 * time.Millisecond
		if steps[i].ID == "" {
			steps[i].ID = w.uuid()
		}
		if steps[i].Session == "" && steps[i].Actor != "" {
			steps[i].Session = "s-" + steps[i].Actor[:8]
		}
	}
	return steps
}

// postgrest is a read through PostgREST by one column.
func postgrest(role, table string, where ...Equal) *Query {
	return &Query{Role: role, Table: table, Where: where}
}

// pool is a read by the application's own connections.
func pool(table string, columns []string, where ...Equal) *Query {
	return &Query{Table: table, Where: where, Select: columns}
}

func (w *World) ownOrder() Step {
	r := w.pick(w.Orders)
	return Step{
		Route: "/rest/v1/orders", Path: "/rest/v1/orders", Actor: r.Owners[w.rng.IntN(2)].User, Gateway: true,
		Query: postgrest("authenticated", "orders", Equal{"id", r.ID}), Rows: []Row{r}, Want: want("own", r),
	}
}

func (w *World) ownTicket() Step {
	r := w.pick(w.Tickets[:len(w.Tickets)-1])
	u := r.Owners[0].User
	return Step{
		Route: "/api/tickets/[id]", Path: "/api/tickets/" + r.ID, Actor: u, Columns: []string{"id", "user_id", "subject"},
		Query: pool("tickets", []string{"id", "user_id", "subject"}, Equal{"id", r.ID}, Equal{"user_id", u}), Rows: []Row{r}, Want: want("own", r),
	}
}

func (w *World) orgInvoices() Step {
	u := w.anyone()
	rows := w.invoicesOf(w.Members[u])
	return Step{
		Route: "/api/invoices", Path: "/api/invoices", Actor: u, Columns: []string{"id", "org_id", "total_cents"},
		Query: pool("invoices", []string{"id", "org_id", "total_cents"}, Equal{"org_id", w.Members[u]}), Rows: rows, Want: want("explained", rows...),
	}
}

func (w *World) webhook() Step {
	r := w.pick(w.Customers)
	return Step{
		Route: "/api/webhooks/stripe", Path: "/api/webhooks/stripe", Columns: []string{"stripe_customer_id", "user_id"},
		Query: postgrest("service_role", "customers", Equal{"stripe_customer_id", r.ID}), Rows: []Row{r}, Want: want("privileged", r),
	}
}

func (w *World) publicListing() Step {
	r := w.pick(w.Listings)
	for r.State != "published" {
		r = w.pick(w.Listings)
	}
	return Step{
		Route: "/api/listings/[id]", Path: "/api/listings/" + r.ID, Anon: true, Columns: []string{"id", "seller_id", "title", "status"},
		Query: &Query{Role: "anon", Table: "listings", Where: []Equal{{"id", r.ID}}, Select: []string{"id", "seller_id", "title", "status"}},
		Rows:  []Row{r}, Want: want("public", r),
	}
}

func (w *World) support() Step {
	r := w.pick(w.Tickets)
	return Step{
		Route: "/admin/tickets/[id]", Path: "/admin/tickets/" + r.ID, Actor: Staff, Role: "staff", Ticket: "case-" + r.ID[:8],
		Columns: []string{"id", "user_id", "subject"},
		Query:   postgrest("service_role", "tickets", Equal{"id", r.ID}), Rows: []Row{r}, Want: want("privileged", r),
	}
}

func (w *World) ownCustomer() Step {
	r := w.pick(w.Customers[:len(w.Customers)-1])
	u := r.Owners[0].User
	return Step{
		Route: "/api/billing", Path: "/api/billing", Actor: u, Columns: []string{"stripe_customer_id", "user_id"},
		Query: pool("customers", []string{"stripe_customer_id", "user_id"}, Equal{"user_id", u}), Rows: []Row{r}, Want: want("own", r),
	}
}

// nothing asks for somebody else's order and is stopped by row security: no row
// comes back, so nothing was read.
func (w *World) nothing() Step {
	r := w.pick(w.Orders)
	return Step{
		Route: "/rest/v1/orders", Path: "/rest/v1/orders", Actor: w.stranger(r), Gateway: true,
		Query: postgrest("authenticated", "orders", Equal{"id", r.ID}),
	}
}

func (w *World) plans() Step {
	return Step{
		Route: "/api/plans", Path: "/api/plans", Actor: w.anyone(), Columns: []string{"id", "name"},
		Query: pool("plans", []string{"id", "name"}, Equal{"id", "pro"}), Rows: []Row{{Table: "plans", ID: "pro", IDName: "id"}},
	}
}

func (w *World) serviceRole() []Step {
	r := w.pick(w.Orders)
	return []Step{{
		Route: "/api/receipt/[id]", Path: "/api/receipt/" + r.ID, Actor: w.stranger(r), Columns: []string{"id", "buyer_id", "seller_id", "total_cents"},
		Query: postgrest("service_role", "orders", Equal{"id", r.ID}), Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"foreign_read", "a receipt route asks with the service role and trusts the id in the URL"},
	}}
}

func (w *World) otherTenant() []Step {
	u := w.anyone()
	r := w.pick(w.Invoices)
	for r.Tenant == w.Members[u] {
		r = w.pick(w.Invoices)
	}
	return []Step{{
		Route: "/api/invoices/[id]", Path: "/api/invoices/" + r.ID, Actor: u, Columns: []string{"id", "org_id", "total_cents"},
		Query: pool("invoices", []string{"id", "org_id", "total_cents"}, Equal{"id", r.ID}), Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"cross_tenant_read", "an invoice is looked up by its id alone, without the organisation"},
	}}
}

func (w *World) anonymous() []Step {
	return []Step{{
		Route: "/rest/v1/documents", Path: "/rest/v1/documents", Anon: true, Gateway: true,
		Query: postgrest("anon", "documents"), Rows: w.Documents, Want: []Want{{"documents", "", "foreign"}},
		Leak: &Leak{"anonymous_read", "row security was never enabled on documents, and anyone may list them"},
	}}
}

func (w *World) secretKey() []Step {
	r := w.pick(w.Orders)
	return []Step{{
		Route: "/rest/v1/orders", Path: "/rest/v1/orders", Gateway: true, Browser: true,
		Query: postgrest("service_role", "orders", Equal{"id", r.ID}), Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"secret_key_outside_server", "the service key is used from a browser"},
	}}
}

// cached is two requests: one fills the cache with its own document, and the next
// reader is given it.
func (w *World) cached() []Step {
	r := w.pick(w.Documents[:len(w.Documents)-1])
	fill := Step{
		ID: w.uuid(), Route: "/api/me/documents", Path: "/api/me/documents", Actor: r.Owners[0].User, Fills: true, Columns: []string{"id", "user_id"},
		Query: pool("documents", []string{"id", "user_id"}, Equal{"user_id", r.Owners[0].User}), Rows: []Row{r}, Want: want("own", r),
	}
	return []Step{fill, {
		Route: "/api/me/documents", Path: "/api/me/documents", Actor: w.stranger(r), CacheHit: fill.ID, Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"cached_private_response", "a private response was stored in the shared cache and given to the next reader"},
	}}
}

func (w *World) wrongCustomer() []Step {
	r := w.pick(w.Customers)
	return []Step{{
		Route: "/api/billing/portal", Path: "/api/billing/portal", Actor: w.stranger(r), Asked: r.ID, Columns: []string{"stripe_customer_id", "user_id"},
		Query: pool("customers", []string{"stripe_customer_id", "user_id"}, Equal{"stripe_customer_id", r.ID}), Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"stripe_mapping_mismatch", "the billing portal is opened for the customer that the client names"},
	}}
}

func (w *World) formerMember() []Step {
	rows := w.invoicesOf(w.Orgs[0])[:1]
	return []Step{{
		Route: "/api/invoices/[id]", Path: "/api/invoices/" + rows[0].ID, Actor: w.Left, Columns: []string{"id", "org_id"},
		Query: pool("invoices", []string{"id", "org_id"}, Equal{"id", rows[0].ID}, Equal{"org_id", w.Orgs[0]}), Rows: rows, Want: want("foreign", rows...),
		Leak: &Leak{"ended_membership", "somebody who left the organisation an hour ago still reads its invoices"},
	}}
}

func (w *World) expired() []Step {
	s := w.ownTicket()
	s.Expired = true
	s.Leak = &Leak{"stale_session", "a token is accepted after its time"}
	return []Step{s}
}

func (w *World) undefined() []Step {
	r := w.pick(w.Tickets[:len(w.Tickets)-1])
	return []Step{{
		Route: "/api/tickets/[id]", Path: "/api/tickets/undefined", Actor: w.stranger(r), Asked: "undefined", Columns: []string{"id", "user_id", "subject"},
		Query: pool("tickets", []string{"id", "user_id", "subject"}, Equal{"id", r.ID}), Rows: []Row{r}, Want: want("foreign", r),
		Leak: &Leak{"malformed_id_succeeded", "the id undefined drops the filter, and somebody's ticket comes back"},
	}}
}

func (w *World) preview() []Step {
	s := w.ownTicket()
	s.Env = "preview"
	s.Leak = &Leak{"preview_on_production", "a preview deployment reads the production database"}
	return []Step{s}
}

func (w *World) invoicesOf(org string) []Row {
	var rows []Row
	for _, r := range w.Invoices {
		if r.Tenant == org {
			rows = append(rows, r)
		}
	}
	return rows
}

func want(verdict string, rows ...Row) []Want {
	var all []Want
	for _, r := range rows {
		all = append(all, Want{r.Table, r.ID, verdict})
	}
	return all
}

// Staff is the support agent of the script.
const Staff = "5aff0000-0000-4000-8000-000000000001"

// SQL is the text of the query, as PostgREST 12 or node-postgres sends it, and its
// parameters. The request id goes along as PostgREST's header or as a comment.
func (q *Query) SQL(request string) (string, []any) {
	where, args := "", []any{}
	name := func(c string) string { return c }
	if q.Role != "" {
		name = func(c string) string { return fmt.Sprintf(`"public"."%s"."%s"`, q.Table, c) }
	}
	for i, e := range q.Where {
		word := " AND "
		if i == 0 {
			word = " WHERE "
		}
		where += fmt.Sprintf("%s%s = $%d", word, name(e.Column), i+1)
		args = append(args, e.Value)
	}
	if q.Role == "" {
		text := "select "
		for i, c := range q.Select {
			if i > 0 {
				text += ", "
			}
			text += c
		}
		return fmt.Sprintf("%s from %s%s /*request_id='%s'*/", text, q.Table, where, request), args
	}
	columns := fmt.Sprintf(`"public"."%s".*`, q.Table)
	for i, c := range q.Select {
		if i == 0 {
			columns = name(c)
			continue
		}
		columns += ", " + name(c)
	}
	return fmt.Sprintf(`WITH pgrst_source AS ( SELECT %s FROM "public"."%s" %s )  SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted FROM ( SELECT * FROM pgrst_source ) _postgrest_t`, columns, q.Table, where), args
}
