//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trespass.dev/trespass/cmd/trespass/market"
)

// postgres is the marketplace's database, with connections as its two kinds of
// client hold them: PostgREST's, which change roles inside each transaction, and
// the application's own.
type postgres struct {
	api, app []*pgx.Conn
	turn     int
	log      *os.File
	from     int64 // where the traffic's part of the log begins
	read     int64
	rest     []byte
}

func connect(ctx context.Context, user, database string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", real.env["PGHOST"], real.env["PGPORT"], user, database))
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.RuntimeParams["application_name"] = "web"
	if user == "authenticator" {
		cfg.RuntimeParams["application_name"] = "PostgREST 12.2.3"
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// openPostgres makes the database anew, fills it, and opens the log of the given
// format behind all that.
func openPostgres(t *testing.T, w *market.World, format string) *postgres {
	t.Helper()
	ctx := t.Context()
	admin, err := connect(ctx, "postgres", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS market WITH (FORCE)",
		`DO $$ DECLARE r text; BEGIN
		   FOREACH r IN ARRAY ARRAY['anon', 'authenticated', 'service_role', 'authenticator', 'app_user'] LOOP
		     IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r) THEN EXECUTE 'CREATE ROLE ' || r; END IF;
		   END LOOP; END $$`,
		"ALTER ROLE authenticator LOGIN NOINHERIT", "ALTER ROLE app_user LOGIN BYPASSRLS", "ALTER ROLE service_role BYPASSRLS",
		"GRANT anon, authenticated, service_role TO authenticator",
		"CREATE DATABASE market",
	} {
		if _, err := admin.Exec(ctx, sql); err != nil {
			t.Fatalf("prepare Postgres: %v", err)
		}
	}
	_ = admin.Close(ctx)
	owner, err := connect(ctx, "postgres", "market")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(ctx, market.Schema, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("make the schema: %v", err)
	}
	fill(t, owner, w)
	_ = owner.Close(ctx)

	p := &postgres{}
	name := map[string]string{"csvlog": "postgresql.csv", "jsonlog": "postgresql.json"}[format]
	if p.log, err = os.Open(filepath.Join(real.env["TRESPASS_POSTGRES_LOGS"], name)); err != nil {
		t.Fatal(err)
	}
	if p.from, err = p.settled(ctx); err != nil {
		t.Fatal(err)
	}
	p.read = p.from
	for range 2 {
		api, err := connect(ctx, "authenticator", "market")
		if err != nil {
			t.Fatal(err)
		}
		app, err := connect(ctx, "app_user", "market")
		if err != nil {
			t.Fatal(err)
		}
		p.api, p.app = append(p.api, api), append(p.app, app)
	}
	t.Cleanup(func() {
		for _, c := range append(p.api, p.app...) {
			_ = c.Close(context.Background())
		}
		_ = p.log.Close()
	})
	return p
}

func fill(t *testing.T, c *pgx.Conn, w *market.World) {
	t.Helper()
	batch := &pgx.Batch{}
	for _, r := range w.Rows() {
		switch r.Table {
		case "orders":
			batch.Queue("INSERT INTO orders VALUES ($1, $2, $3, 1999)", r.ID, r.Owners[0].User, r.Owners[1].User)
		case "invoices":
			batch.Queue("INSERT INTO invoices VALUES ($1, $2, 4999)", r.ID, r.Tenant)
		case "listings":
			batch.Queue("INSERT INTO listings VALUES ($1, $2, $3, 'a thing', 100)", r.ID, r.Owners[0].User, r.State)
		case "documents":
			batch.Queue("INSERT INTO documents VALUES ($1, $2, 'X0000000')", r.ID, r.Owners[0].User)
		case "tickets":
			batch.Queue("INSERT INTO tickets VALUES ($1, $2, 'help')", r.ID, r.Owners[0].User)
		case "customers":
			batch.Queue("INSERT INTO customers VALUES ($1, $2)", r.ID, r.Owners[0].User)
		}
	}
	batch.Queue("INSERT INTO plans VALUES ('pro', 'Pro')")
	if err := c.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatalf("fill the tables: %v", err)
	}
}

// settled waits until the log has taken in a mark of ours, and gives the place
// behind it.
func (p *postgres) settled(ctx context.Context) (int64, error) {
	c, err := connect(ctx, "postgres", "market")
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }()
	mark := fmt.Sprintf("mark%d", time.Now().UnixNano())
	if _, err := c.Exec(ctx, "SELECT '"+mark+"'", pgx.QueryExecModeSimpleProtocol); err != nil {
		return 0, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(p.log.Name())
		if err != nil {
			return 0, err
		}
		if i := bytes.LastIndex(text, []byte(mark)); i >= 0 {
			if end := bytes.IndexByte(text[i:], '\n'); end >= 0 {
				return int64(i + end + 1), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
}

// play makes the step's read in a real transaction and gives the rows that really
// came back.
func (p *postgres) play(ctx context.Context, s *market.Step) ([]market.Row, error) {
	if s.Query == nil {
		return s.Rows, nil // answered from the cache
	}
	sql, args := s.Query.SQL(s.ID)
	p.turn++
	if s.Query.Role == "" {
		rows, err := p.app[p.turn%len(p.app)].Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (string, error) {
			values, err := r.Values()
			if err != nil {
				return "", err
			}
			return idText(values[0]), nil
		})
		if err != nil {
			return nil, err
		}
		return matching(s.Rows, ids)
	}
	var ids []string
	err := pgx.BeginTxFunc(ctx, p.api[p.turn%len(p.api)], pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, market.SettingsSQL, s.Settings()...); err != nil {
			return err
		}
		var n int64
		var body, ignored any
		if err := tx.QueryRow(ctx, sql, args...).Scan(&ignored, &n, &body, &ignored, &ignored, &ignored); err != nil {
			return err
		}
		list, _ := body.([]any)
		for _, each := range list {
			row, _ := each.(map[string]any)
			for _, name := range []string{"id", "stripe_customer_id"} {
				if id, ok := row[name].(string); ok {
					ids = append(ids, id)
				}
			}
		}
		if int(n) != len(ids) {
			return fmt.Errorf("%d rows, %d ids", n, len(ids))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return matching(s.Rows, ids)
}

func idText(v any) string {
	if b, ok := v.([16]byte); ok {
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
	}
	return fmt.Sprint(v)
}

// matching holds the script to the database: what came back must be what the
// script says.
func matching(rows []market.Row, ids []string) ([]market.Row, error) {
	if len(rows) != len(ids) {
		return nil, fmt.Errorf("the database gave %d rows, the script says %d", len(ids), len(rows))
	}
	for _, id := range ids {
		found := false
		for _, r := range rows {
			found = found || r.ID == id
		}
		if !found {
			return nil, fmt.Errorf("the database gave %s, which the script does not know", id)
		}
	}
	return rows, nil
}

// records gives the whole records that the log has taken in since the last call.
func (p *postgres) records(format string) ([][]byte, error) {
	text, err := io.ReadAll(io.NewSectionReader(p.log, p.read, 1<<30))
	if err != nil {
		return nil, err
	}
	p.read += int64(len(text))
	p.rest = append(p.rest, text...)
	var out [][]byte
	for {
		end := recordEnd(p.rest, format)
		if end < 0 {
			return out, nil
		}
		out = append(out, bytes.Clone(p.rest[:end]))
		p.rest = p.rest[end+1:]
	}
}

// recordEnd is where the first record's line end is: of csvlog, the first outside
// quotes.
func recordEnd(b []byte, format string) int {
	in := false
	for i, c := range b {
		switch {
		case c == '"' && format == "csvlog":
			in = !in
		case c == '\n' && !in:
			return i
		}
	}
	return -1
}

// sessionOf gives a field by which a careful shipper could key an audit line.
func sessionOf(record []byte, format string) string {
	if format == "csvlog" {
		if f := strings.SplitN(string(record), ",", 7); len(f) == 7 {
			return f[5]
		}
		return ""
	}
	_, rest, _ := strings.Cut(string(record), `"session_id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
