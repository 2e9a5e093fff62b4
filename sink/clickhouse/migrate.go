package clickhouse

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// Rendering says for which kind of ClickHouse the schema is written out.
// The zero value is a single node.
type Rendering struct {
	Database string
	Cluster  string // not empty: ON CLUSTER, and replicated engines
}

// Migration is one step of the schema, rendered.
type Migration struct {
	Version    string // file name without .sql, such as 001_tables
	Checksum   string // of the source text, the same for every rendering
	Statements []string
}

// Migrations gives all steps in order, rendered from the one source.
func Migrations(r Rendering) ([]Migration, error) {
	if err := validName(r.Database); err != nil {
		return nil, fmt.Errorf("database %q: %w", r.Database, err)
	}
	if r.Cluster != "" {
		if err := validName(r.Cluster); err != nil {
			return nil, fmt.Errorf("cluster %q: %w", r.Cluster, err)
		}
	}
	entries, err := schemaFiles.ReadDir("schema")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, e := range entries { // ReadDir sorts by name
		text, err := schemaFiles.ReadFile(path.Join("schema", e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		m := Migration{Version: strings.TrimSuffix(e.Name(), ".sql"), Checksum: hex.EncodeToString(sum[:16])}
		for _, s := range splitStatements(string(text)) {
			m.Statements = append(m.Statements, r.render(s))
		}
		all = append(all, m)
	}
	return all, nil
}

// render writes the placeholders out: {db}, {on_cluster} and {replacing:VERSION}.
// A {name:Type} of a parameterised view is none of them and stays.
func (r Rendering) render(statement string) string {
	onCluster := ""
	if r.Cluster != "" {
		onCluster = "ON CLUSTER " + r.Cluster
	}
	out := strings.NewReplacer("{db}", r.Database, " {on_cluster}", strings.TrimRight(" "+onCluster, " ")).Replace(statement)
	for {
		before, rest, ok := strings.Cut(out, "{replacing:")
		if !ok {
			return out
		}
		version, after, _ := strings.Cut(rest, "}")
		engine := "ReplacingMergeTree"
		if r.Cluster != "" {
			engine = "ReplicatedReplacingMergeTree"
		}
		if version != "" {
			engine += "(" + version + ")"
		}
		out = before + engine + after
	}
}

// splitStatements cuts a file of ours into statements: one ends with a line that
// ends in a semicolon. Comment lines in front of a statement go away.
func splitStatements(text string) []string {
	var all []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if b.Len() == 0 && (trimmed == "" || strings.HasPrefix(trimmed, "--")) {
			continue
		}
		if body, ends := strings.CutSuffix(trimmed, ";"); ends {
			b.WriteString(strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, " "))) + body)
			all = append(all, b.String())
			b.Reset()
			continue
		}
		b.WriteString(line)
	}
	if b.Len() > 0 {
		all = append(all, b.String())
	}
	return all
}

// Applied is one migration that the database has.
type Applied struct {
	Version  string
	Checksum string
	At       time.Time
}

// State compares what the program brings with what the database has.
type State struct {
	Pending []Migration
	Applied []Applied
	Changed []string // applied with another checksum than the program's
	Unknown []string // applied, and not known to this program: the database is newer
}

// Err is nil when the program may run on this database.
func (s State) Err() error {
	switch {
	case len(s.Unknown) > 0:
		return fmt.Errorf("the database has migrations that this program does not know (%s): run a newer trespass", strings.Join(s.Unknown, ", "))
	case len(s.Changed) > 0:
		return fmt.Errorf("migrations were applied with another text than this program's (%s): the schema was changed by hand or by another build", strings.Join(s.Changed, ", "))
	case len(s.Pending) > 0:
		return fmt.Errorf("the schema is %d migrations behind: run trespass migrate up", len(s.Pending))
	}
	return nil
}

const (
	createDatabase   = "CREATE DATABASE IF NOT EXISTS {db} {on_cluster} ENGINE = Atomic"
	createMigrations = `CREATE TABLE IF NOT EXISTS {db}.migrations {on_cluster}
(
    version    String,
    checksum   String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = {replacing:applied_at}
ORDER BY version`
)

// Plan gives every statement that Migrate would run on a new database.
func Plan(r Rendering) ([]string, error) {
	all, err := Migrations(r)
	if err != nil {
		return nil, err
	}
	out := []string{r.render(createDatabase), r.render(createMigrations)}
	for _, m := range all {
		out = append(out, m.Statements...)
	}
	return out, nil
}

// Status reads which migrations the database has. It changes nothing.
func (s *Store) Status(ctx context.Context, r Rendering) (State, error) {
	r.Database = s.database
	all, err := Migrations(r)
	if err != nil {
		return State{}, err
	}
	var st State
	var exists uint8
	if err := s.conn.QueryRow(ctx, "SELECT count() > 0 FROM system.tables WHERE database = {db:String} AND name = 'migrations'",
		params("db", s.database)...).Scan(&exists); err != nil {
		return State{}, fmt.Errorf("look for the migrations table in %s: %w", s.database, err)
	}
	if exists == 0 {
		st.Pending = all
		return st, nil
	}
	rows, err := s.conn.Query(ctx, "SELECT version, checksum, applied_at FROM "+s.database+".migrations FINAL ORDER BY version")
	if err != nil {
		return State{}, fmt.Errorf("read the migrations of %s: %w", s.database, err)
	}
	defer func() { _ = rows.Close() }()
	have := map[string]string{}
	for rows.Next() {
		var a Applied
		if err := rows.Scan(&a.Version, &a.Checksum, &a.At); err != nil {
			return State{}, fmt.Errorf("read the migrations of %s: %w", s.database, err)
		}
		have[a.Version] = a.Checksum
		st.Applied = append(st.Applied, a)
	}
	if err := rows.Err(); err != nil {
		return State{}, fmt.Errorf("read the migrations of %s: %w", s.database, err)
	}
	for _, m := range all {
		switch sum, ok := have[m.Version]; {
		case !ok:
			st.Pending = append(st.Pending, m)
		case sum != m.Checksum:
			st.Changed = append(st.Changed, m.Version)
		}
		delete(have, m.Version)
	}
	for _, a := range st.Applied {
		if _, left := have[a.Version]; left {
			st.Unknown = append(st.Unknown, a.Version)
		}
	}
	return st, nil
}

// prepare makes the database and the table of migrations. A connection names its
// database, and a server refuses one that is not there yet, so the database is
// made through a connection of its own.
func (s *Store) prepare(ctx context.Context, r Rendering) error {
	if err := s.Ping(ctx); code(err) == unknownDatabase {
		o := *s.options
		o.Auth.Database = ""
		bare, err := ch.Open(&o)
		if err != nil {
			return err
		}
		defer func() { _ = bare.Close() }()
		if err := bare.Exec(ctx, r.render(createDatabase)); err != nil {
			return err
		}
	}
	return s.exec(ctx, r.render(createMigrations))
}

// Migrate brings the database to this program's schema and tells which steps it
// ran. It may be run again, and by several processes at once: every statement is
// harmless when repeated, and the rows that record a step fold into one.
func (s *Store) Migrate(ctx context.Context, r Rendering) ([]string, error) {
	r.Database = s.database
	if err := s.prepare(ctx, r); err != nil {
		return nil, fmt.Errorf("prepare the database %s: %w", s.database, err)
	}
	st, err := s.Status(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(st.Unknown)+len(st.Changed) > 0 {
		return nil, st.Err()
	}
	var ran []string
	for _, m := range st.Pending {
		for i, statement := range m.Statements {
			if err := s.exec(ctx, statement); err != nil {
				return ran, fmt.Errorf("migration %s, statement %d of %d: %w", m.Version, i+1, len(m.Statements), err)
			}
		}
		err := s.insert(ctx, "migrations", []string{"version", "checksum", "applied_at"}, 1, func(add func(...any) error) error {
			return add(m.Version, m.Checksum, time.Now().UTC())
		})
		if err != nil {
			return ran, fmt.Errorf("record migration %s: %w", m.Version, err)
		}
		ran = append(ran, m.Version)
	}
	return ran, nil
}
