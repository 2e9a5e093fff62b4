package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Question is one forensic question: a parameterised view that any SQL client can
// ask as well.
type Question struct {
	Name   string
	About  string // what it answers
	Cannot string // what it cannot
	View   string
	Params []Param // beyond since and until, which all take
}

// Param is one parameter of a question. All are passed to the server beside the
// text, never inside it.
type Param struct {
	Name  string
	About string
	Empty bool // may be left out
}

// Questions lists all, in the order in which help shows them.
func Questions() []Question {
	return []Question{
		{
			Name: "who-read", View: "ask_who_read",
			About:  "Who read this person's rows: when, by which route, as which database role, and with what reason.",
			Cannot: "Rows whose owner no log and no fact names are not in it; ask coverage for how many those are.",
			Params: []Param{{Name: "person", About: "id of the person whose rows were read"}},
		},
		{
			Name: "what-was-read", View: "ask_what_was_read",
			About:  "What this actor read: each record with its owners and the verdict.",
			Cannot: "Reads on routes that log neither an access event nor statements with their parameters.",
			Params: []Param{{Name: "actor", About: "id of the user, or empty for sessions without one"}},
		},
		{
			Name: "who-read-record", View: "ask_who_read_record",
			About:  "Who read this one record.",
			Cannot: "Reads that are known only as a number of rows.",
			Params: []Param{{Name: "table", About: "table, as in the policy"}, {Name: "record", About: "id of the record"}},
		},
		{
			Name: "findings", View: "ask_findings",
			About:  "Which findings there are, on one route or on all, since when.",
			Cannot: "Findings that a later revision took back are left out.",
			Params: []Param{{Name: "route", About: "route, as in the logs; all when left out", Empty: true}},
		},
		{
			Name: "coverage", View: "ask_coverage",
			About:  "How many of the records that came back could be judged, by route and table, and why the rest could not.",
			Cannot: "It counts what reached Trespass, not what was never logged.",
		},
	}
}

// Asked is one call of a question.
type Asked struct {
	Question Question
	Values   map[string]string
	Since    time.Time // included
	Until    time.Time // not included
	Limit    int       // rows; 0 means all
}

// Answer is a result, read row by row.
type Answer struct {
	Columns []string
	rows    interface {
		Next() bool
		Scan(...any) error
		Err() error
		Close() error
	}
	types []reflect.Type
}

// Ask puts a question to the store. The caller closes the answer.
func (s *Store) Ask(ctx context.Context, a Asked) (*Answer, error) {
	pairs := []string{"since", stamp(a.Since), "until", stamp(a.Until)}
	args := []string{"since = {since:DateTime64(6, 'UTC')}", "until = {until:DateTime64(6, 'UTC')}"}
	for _, p := range a.Question.Params {
		v, ok := a.Values[p.Name]
		if !ok && !p.Empty {
			return nil, fmt.Errorf("ask %s: --%s is missing: %s", a.Question.Name, p.Name, p.About)
		}
		if strings.IndexByte(v, 0) >= 0 {
			return nil, fmt.Errorf("ask %s: --%s holds a NUL byte, which no id has", a.Question.Name, p.Name)
		}
		pairs = append(pairs, p.Name, v)
		args = append(args, p.Name+" = {"+p.Name+":String}")
	}
	query := "SELECT * FROM " + s.database + "." + a.Question.View + "(" + strings.Join(args, ", ") + ")"
	if a.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", a.Limit)
	}
	rows, err := s.conn.Query(ctx, query, params(pairs...)...)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.Question.Name, err)
	}
	answer := &Answer{Columns: rows.Columns(), rows: rows}
	for _, t := range rows.ColumnTypes() {
		answer.types = append(answer.types, t.ScanType())
	}
	return answer, nil
}

// Next gives the next row, one value for each column, or nil at the end.
// Times are time.Time in UTC, arrays are slices.
func (a *Answer) Next() ([]any, error) {
	if !a.rows.Next() {
		return nil, a.rows.Err()
	}
	into := make([]any, len(a.types))
	for i, t := range a.types {
		into[i] = reflect.New(t).Interface()
	}
	if err := a.rows.Scan(into...); err != nil {
		return nil, err
	}
	for i := range into {
		into[i] = reflect.ValueOf(into[i]).Elem().Interface()
		if t, ok := into[i].(time.Time); ok {
			into[i] = t.UTC()
		}
	}
	return into, nil
}

// Close ends the query, also one that has rows left.
func (a *Answer) Close() error { return a.rows.Close() }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// Find gives the question of a name.
func Find(name string) (Question, error) {
	var names []string
	for _, q := range Questions() {
		if q.Name == name {
			return q, nil
		}
		names = append(names, q.Name)
	}
	return Question{}, errors.New("no question " + name + "; there are: " + strings.Join(names, ", "))
}

// Strings runs a query of our own making and gives every row's values as text.
// It is for the demo and for tests; questions of people go through Ask.
func (s *Store) Strings(ctx context.Context, query string, pairs ...string) ([][]string, error) {
	rows, err := s.conn.Query(ctx, query, params(pairs...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all [][]string
	for rows.Next() {
		into := make([]any, len(rows.ColumnTypes()))
		for i, t := range rows.ColumnTypes() {
			into[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(into))
		for i := range into {
			row[i] = fmt.Sprint(reflect.ValueOf(into[i]).Elem().Interface())
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
