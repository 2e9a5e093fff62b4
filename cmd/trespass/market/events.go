package market

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event gives the line that the application, or the gateway, writes for a step:
// Trespass's own access event. start is when the script began. rows are the rows
// that came back, from the database when there is one.
func (s *Step) Event(start time.Time, rows []Row) []byte {
	at := start.Add(s.At)
	e := map[string]any{
		"trespass": "access/1", "time": at.UTC().Format("2006-01-02T15:04:05.000000Z"), "event_id": "e-" + s.ID,
		"env": or(s.Env, "production"), "service": "web", "database": "market", "request_id": s.ID,
		"route": s.Route, "path": s.Path, "method": "GET", "status": 200,
	}
	actor := map[string]any{}
	switch {
	case s.Anon:
		actor["kind"] = "anon"
	case s.Actor != "":
		actor["kind"], actor["user_id"], actor["session_id"] = "user", s.Actor, s.Session
	case !s.Browser:
		actor["kind"] = "service"
	}
	if s.Role != "" {
		actor["role"] = s.Role
	}
	if s.Ticket != "" {
		actor["justification"] = s.Ticket
	}
	e["actor"] = actor
	if s.Actor != "" {
		expires := at.Add(time.Hour)
		if s.Expired {
			expires = at.Add(-10 * time.Minute)
		}
		e["token"] = map[string]any{"iat": expires.Add(-time.Hour).Unix(), "exp": expires.Unix()}
	}
	if s.Query != nil && s.Query.Role != "" {
		e["db"] = map[string]any{"role": s.Query.Role}
	}
	if s.Browser {
		e["client"] = map[string]any{"browser": true, "secret_key": true}
	}
	if s.Asked != "" {
		e["requested"] = []string{s.Asked}
	}
	if s.Fills {
		e["cache"] = map[string]any{"status": "miss"}
	}
	switch {
	case s.CacheHit != "":
		e["cache"] = map[string]any{"status": "hit", "id": s.CacheHit}
	case s.Gateway:
		filter := map[string]string{}
		for _, w := range s.Query.Where {
			filter[w.Column] = w.Value
		}
		e["counts"] = []any{map[string]any{"table": s.Query.Table, "rows": len(rows), "filter": filter}}
	default:
		records := []any{}
		for _, r := range rows {
			records = append(records, s.record(r))
		}
		e["records"] = records
	}
	return line(e)
}

func (s *Step) record(r Row) map[string]any {
	out := map[string]any{"table": r.Table, "id": r.ID}
	if len(r.Owners) > 0 {
		owners := map[string]string{}
		for _, o := range r.Owners {
			owners[o.Column] = o.User
		}
		out["owners"] = owners
	}
	if r.Tenant != "" {
		out["tenant"] = r.Tenant
	}
	if r.State != "" {
		out["state"] = map[string]string{"status": r.State}
	}
	if s.Columns != nil {
		out["columns"] = s.Columns
	}
	return out
}

// Facts gives the lines of the facts file: owners, tenants, members, the mapping of
// Stripe customers, roles and open support tickets. start is when the script
// begins; all held long before, but for the membership that ended.
func (w *World) Facts(start time.Time, steps []Step) [][]byte {
	var lines [][]byte
	from := start.Add(-30 * 24 * time.Hour).UTC().Format(time.RFC3339)
	add := func(kind string, pairs ...string) {
		f := map[string]any{"trespass": "fact/1", "fact": kind, "valid_from": from}
		for i := 0; i+1 < len(pairs); i += 2 {
			f[pairs[i]] = pairs[i+1]
		}
		lines = append(lines, line(f))
	}
	for _, r := range w.Rows() {
		for _, o := range r.Owners {
			add("owner", "table", r.Table, "record", r.ID, "column", o.Column, "user", o.User)
		}
		if r.Tenant != "" {
			add("tenant", "table", r.Table, "record", r.ID, "tenant", r.Tenant)
		}
	}
	for _, u := range w.Users {
		if org := w.Members[u]; org != "" {
			add("member", "user", u, "tenant", org)
		}
	}
	add("member", "user", w.Left, "tenant", w.Orgs[0], "valid_to", start.Add(-time.Hour).UTC().Format(time.RFC3339))
	for _, r := range w.Customers {
		add("mapping", "record", r.ID, "user", r.Owners[0].User)
	}
	add("role", "user", Staff, "value", "staff")
	for i := range steps {
		if t := steps[i].Ticket; t != "" {
			add("ticket", "record", t, "agent", Staff, "user", steps[i].Rows[0].Owners[0].User, "value", "open")
		}
	}
	return lines
}

// Heartbeat gives a line that moves the clock and says nothing else.
func Heartbeat(at time.Time) []byte {
	return line(map[string]any{"trespass": "heartbeat/1", "time": at.UTC().Format("2006-01-02T15:04:05.000000Z")})
}

// line writes an object of our own making as one line of JSON.
func line(v map[string]any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("market: %v", err)) // only strings, numbers and lists of them go in
	}
	return text
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
