package market

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Database acts Postgres's part: it writes the csvlog lines that pgaudit would
// write for a step (pgaudit.log_parameter and log_rows on). The end-to-end test
// does not use it; there a real Postgres writes.
type Database struct {
	sessions map[string]*session
	started  time.Time
	pids     int
	txns     int
}

type session struct {
	login, app string
	pid        int
	lines      int
	statements int
}

// NewDatabase makes a server that was started at the given time.
func NewDatabase(started time.Time) *Database {
	return &Database{sessions: map[string]*session{}, started: started, pids: 4000}
}

// SettingsSQL is the statement by which PostgREST 12 tells Postgres who asks.
const SettingsSQL = `select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true), set_config('request.cookies', $7, true)`

// Settings gives the parameters of SettingsSQL for a step.
func (s *Step) Settings() []any {
	claims := map[string]string{"role": s.Query.Role}
	if s.Query.Role == "authenticated" {
		claims["sub"], claims["session_id"] = s.Actor, s.Session
	}
	agent := "node"
	if s.Browser || s.Gateway {
		agent = "Mozilla/5.0"
	}
	return []any{
		`"public"`, s.Query.Role, text(claims), "GET", "/" + s.Query.Table,
		text(map[string]string{"x-request-id": s.ID, "user-agent": agent}), "{}",
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("market: %v", err)) // only strings go in
	}
	return string(b)
}

// Log gives the csvlog records of a step.
func (d *Database) Log(start time.Time, s *Step) [][]byte {
	if s.Query == nil {
		return nil
	}
	at := start.Add(s.At).Add(-2 * time.Millisecond)
	sql, args := s.Query.SQL(s.ID)
	login, app := "app_user", "web"
	if s.Query.Role != "" {
		login, app = "authenticator", "PostgREST 12.2.3"
	}
	c := d.session(login, app)
	d.txns++
	vxid := fmt.Sprintf("%d/%d", c.pid%40, d.txns)
	var out [][]byte
	if s.Query.Role != "" {
		out = append(out, d.audit(c, at, vxid, "", "", SettingsSQL, s.Settings(), 1))
	}
	rows := len(s.Rows)
	if s.Query.Role != "" {
		rows = 1 // PostgREST folds its result into one row
	}
	return append(out, d.audit(c, at.Add(time.Millisecond), vxid, "TABLE", "public."+s.Query.Table, sql, args, rows))
}

func (d *Database) session(login, app string) *session {
	c := d.sessions[login]
	if c == nil {
		d.pids++
		c = &session{login: login, app: app, pid: d.pids}
		d.sessions[login] = c
	}
	return c
}

// audit writes one AUDIT line, CSV in CSV as pgaudit and csvlog do it.
func (d *Database) audit(c *session, at time.Time, vxid, kind, object, sql string, args []any, rows int) []byte {
	c.lines++
	c.statements++
	params := make([]string, len(args))
	for i, a := range args {
		params[i] = needed(fmt.Sprint(a))
	}
	message := fmt.Sprintf("AUDIT: SESSION,%d,1,READ,SELECT,%s,%s,%s,%s,%d",
		c.statements, kind, object, needed(sql), needed(or(strings.Join(params, ","), "<none>")), rows)
	const stamp = "2006-01-02 15:04:05.000 UTC"
	fields := []string{
		at.UTC().Format(stamp), quoted(c.login), quoted("market"), fmt.Sprint(c.pid), quoted("127.0.0.1:5" + fmt.Sprint(c.pid)),
		fmt.Sprintf("%x.%x", d.started.Unix(), c.pid), fmt.Sprint(c.lines), quoted("SELECT"), d.started.UTC().Format("2006-01-02 15:04:05 UTC"),
		vxid, "0", "LOG", "00000", quoted(message), "", "", "", "", "", "", "", "", quoted(c.app), quoted("client backend"), "", "0",
	}
	return []byte(strings.Join(fields, ","))
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// needed quotes as pgaudit does: only where CSV needs it.
func needed(s string) string {
	if strings.ContainsAny(s, ",\"\n\r") {
		return quoted(s)
	}
	return s
}
