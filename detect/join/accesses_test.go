package join

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
)

// sent is an event of one of several partitions.
type sent struct {
	part  Part
	event detect.Event
}

func in(p Part, events ...detect.Event) []sent {
	var out []sent
	for _, e := range events {
		out = append(out, sent{p, e})
	}
	return out
}

// orders calls yield with every order in which the partitions' lines can be read;
// the lines of one partition stay in their order.
func orders(lines []sent, yield func([]sent)) {
	byPart := map[Part][]sent{}
	for _, l := range lines {
		byPart[l.part] = append(byPart[l.part], l)
	}
	var walk func(done []sent)
	walk = func(done []sent) {
		if len(done) == len(lines) {
			yield(done)
			return
		}
		for p := range Part(len(byPart)) {
			next := byPart[p]
			if len(next) == 0 {
				continue
			}
			byPart[p] = next[1:]
			walk(append(done[:len(done):len(done)], next[0]))
			byPart[p] = next
		}
	}
	walk(nil)
}

// text gives an audit line a text.
func text(e detect.Event, sql string) detect.Event {
	s := *e.Statement
	s.SQL = sql
	e.Statement = &s
	return e
}

// logged makes of an audit line a line of log_statement.
func logged(e detect.Event, sql string) detect.Event {
	s := *e.Statement
	s.Kind, s.SQL, s.Object, s.StmtID, s.SubstmtID, s.Class, s.Command, s.ObjectType = detect.StatementText, sql, "", 0, 0, "", "", ""
	e.Statement = &s
	return e
}

func with(e detect.Event, change func(*detect.Statement)) detect.Event {
	s := *e.Statement
	change(&s)
	e.Statement = &s
	return e
}

func withRequest(e detect.Event, change func(*detect.Request)) detect.Event {
	r := *e.Request
	change(&r)
	e.Request = &r
	return e
}

// control is pgaudit's line of a transaction's begin or end, without transaction id.
func control(session string, line int64, command string) detect.Event {
	return with(text(stmt(session, "", line, 1, ""), command), func(s *detect.Statement) { s.Class, s.Command = "MISC", command })
}

// long is a time after which everything before has been decided.
const long = 1000

func TestEveryInterleavingGivesTheSameAccesses(t *testing.T) {
	cases := []struct {
		name  string
		lines [][]sent
		want  []string
	}{
		{
			name: "settings by another partition, after the read",
			lines: [][]sent{
				in(0, req("get", 1, "r1", "ann"), tick(long)),
				in(1, stmt("s", "3/1", 2, 1.2, "orders"), tick(long)),
				in(2, set("s", "3/1", 1, 1.1, "r1", "authenticated", "ann"), tick(long)),
			},
			want: []string{"get by ann | orders as authenticated for ann;"},
		},
		{
			name: "two lines of one request",
			lines: [][]sent{
				in(0, req("fetched", 1, "r1", "ann"), tick(long)),
				in(1, req("completed", 2, "r1", ""), set("s", "3/1", 1, 1.1, "r1", "web", ""), tick(long)),
				in(2, stmt("s", "3/1", 2, 1.2, "orders"), tick(long)),
			},
			want: []string{"fetched by ann + completed by ? | orders as web;"},
		},
		{
			name: "two users under one request id stay two, and what names neither is shared",
			lines: [][]sent{
				in(0, req("mine", 1, "r1", "ann"), req("stolen", 3, "r1", "bob"), tick(long)),
				in(1, req("edge", 2, "r1", ""), set("s", "3/1", 1, 1, "r1", "authenticated", "bob"), stmt("s", "3/1", 2, 1, "orders"), tick(long)),
				in(2, set("s", "3/2", 3, 2, "r1", "web", ""), stmt("s", "3/2", 4, 2, "files"), tick(long)),
			},
			want: []string{
				"mine by ann + edge by ? (shared) | files as web (shared);",
				"edge by ? (shared) + stolen by bob | orders as authenticated for bob; files as web (shared);",
			},
		},
		{
			name: "claims that name another user than the only request stay with it",
			lines: [][]sent{
				in(0, req("get", 1, "r1", "ann"), tick(long)),
				in(1, set("s", "3/1", 1, 1, "r1", "authenticated", "bob"), tick(long)),
				in(2, stmt("s", "3/1", 2, 1, "orders"), tick(long)),
			},
			want: []string{"get by ann | orders as authenticated for bob;"},
		},
		{
			name: "claims split what the lines of the gateway do not",
			lines: [][]sent{
				in(0, req("edge", 1, "r1", ""), tick(long)),
				in(1, set("s", "3/1", 1, 1, "r1", "authenticated", "ann"), stmt("s", "3/1", 2, 1, "orders"), tick(long)),
				in(2, set("s", "3/2", 3, 2, "r1", "authenticated", "bob"), stmt("s", "3/2", 4, 2, "orders"), tick(long)),
			},
			want: []string{
				"edge by ? (shared) | orders as authenticated for ann;",
				"edge by ? (shared) | orders as authenticated for bob;",
			},
		},
		{
			name: "the same line twice is one, by whichever partition",
			lines: [][]sent{
				in(0, req("get", 1, "r1", "ann"), stmt("s", "3/1", 2, 1.2, "orders"), tick(long)),
				in(1, req("get", 1, "r1", "ann"), set("s", "3/1", 1, 1.1, "r1", "web", ""), tick(long)),
				in(2, stmt("s", "3/1", 2, 1.2, "orders"), tick(long)),
			},
			want: []string{"get by ann | orders as web;"},
		},
		{
			name: "a late copy of a line adds nothing",
			lines: [][]sent{
				in(0, tick(50), req("get", 1, "r1", "ann"), tick(long)),
				in(1, req("get", 1, "r1", "ann"), tick(long)),
				in(2, tick(3), tick(long)),
			},
			want: []string{"get by ann |"},
		},
		{
			name: "a line too late for its partition stands for itself",
			lines: [][]sent{
				in(0, req("get", 1, "r1", "ann"), tick(long)),
				in(1, tick(60), with(stmt("s", "3/1", 2, 1.2, "orders"), func(s *detect.Statement) { s.RequestID = "r1" }), tick(long)),
				in(2, tick(300), req("done", 2, "r1", "ann"), tick(long)),
			},
			want: []string{"get by ann |", " | orders; late", "done by ann | late"},
		},
		{
			name: "the first request that a transaction fits, unless a later one is its user's",
			lines: [][]sent{
				in(0, req("one", 0, "req-1", "ann"), tick(30), tick(long)),
				in(1, req("two", 31, "req-1", "bob"), tick(long)),
				in(2, set("s", "3/1", 1, 20, "req-1", "authenticated", "bob"), stmt("s", "3/1", 2, 20, "orders"), tick(long)),
			},
			want: []string{"one by ann |", "two by bob | orders as authenticated for bob;"},
		},
		{
			name: "by trace id where there is no request id",
			lines: [][]sent{
				in(0, withRequest(req("span", 1, "", "ann"), func(r *detect.Request) { r.TraceID = "t1" }), tick(long)),
				in(1, withRequest(req("edge", 1, "r1", ""), func(r *detect.Request) { r.TraceID = "t1" }), tick(long)),
				in(2, with(stmt("s", "3/1", 1, 1, "orders"), func(s *detect.Statement) { s.TraceID = "t1" }), tick(long)),
			},
			want: []string{"span by ann + edge by ? | orders;"},
		},
		{
			name: "two requests of one trace with ids of their own are two",
			lines: [][]sent{
				in(0, withRequest(req("one", 1, "r1", "ann"), func(r *detect.Request) { r.TraceID = "t1" }), tick(long)),
				in(1, withRequest(req("two", 1, "r2", "ann"), func(r *detect.Request) { r.TraceID = "t1" }), tick(long)),
			},
			want: []string{"one by ann |", "two by ann |"},
		},
		{
			name: "a transaction whose statements name two requests belongs to neither",
			lines: [][]sent{
				in(0, req("one", 1, "r1", "ann"), req("two", 1, "r2", "bob"), tick(long)),
				in(1,
					with(stmt("s", "3/1", 1, 1, "orders"), func(s *detect.Statement) { s.RequestID = "r1" }),
					with(stmt("s", "3/1", 2, 1, "files"), func(s *detect.Statement) { s.RequestID = "r2" }), tick(long)),
			},
			want: []string{"one by ann |", "two by bob |", " | orders; files;"},
		},
		{
			name: "without transaction ids, by BEGIN and COMMIT",
			lines: [][]sent{
				in(0,
					control("s", 1, "BEGIN"), set("s", "", 2, 1, "", "authenticated", "ann"),
					stmt("s", "", 3, 1, "orders"), control("s", 4, "COMMIT"),
					stmt("s", "", 5, 1, "files"), tick(long)),
				in(1, stmt("s", "", 6, 1, "plans"), tick(long)),
			},
			want: []string{" | orders as authenticated for ann;", " | files;", " | plans;"},
		},
		{
			name: "SET ROLE holds for the session, in the order of its lines",
			lines: [][]sent{
				in(0,
					with(set("s", "3/1", 2, 2, "", "support", ""), func(s *detect.Statement) { s.Settings.Session = true }),
					stmt("s", "3/2", 3, 3, "orders"), stmt("s", "3/4", 5, 5, "plans"), tick(long)),
				in(1,
					stmt("s", "3/0", 1, 1, "files"),
					with(set("s", "3/3", 4, 4, "", "", ""), func(s *detect.Statement) { s.Settings.Session, s.Settings.Reset = true, true }), tick(long)),
			},
			want: []string{" | files;", " | orders as support;", " | plans as authenticator;"},
		},
		{
			name: "what is local to a transaction dies with it",
			lines: [][]sent{
				in(0, set("s", "3/1", 1, 1, "", "authenticated", "ann"), stmt("s", "3/1", 2, 1, "orders"), tick(long)),
				in(1, stmt("s", "3/2", 3, 1, "orders"), tick(long)),
			},
			want: []string{" | orders as authenticated for ann;", " | orders;"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			var first detect.Output
			orders(slices.Concat(c.lines...), func(lines []sent) {
				n++
				s := newStory(t, Options{}, len(c.lines))
				for _, l := range lines {
					s.see(l.part, l.event)
				}
				var out detect.Output
				s.Take(&out)
				for i := range s.parts {
					s.End(Part(i))
				}
				s.Take(&out)
				byKey := func(a, b detect.Read) int { return compareText(a.AccessKey, b.AccessKey) }
				slices.SortFunc(out.Reads, byKey)
				if n == 1 {
					first = out
				} else if diff := gocmp.Diff(first, out); diff != "" {
					t.Fatalf("order %d gives other accesses (-first +this):\n%s", n, diff)
				}
				for i := 1; i < len(out.Reads); i++ {
					if out.Reads[i].AccessKey == out.Reads[i-1].AccessKey {
						t.Errorf("two accesses have one key: %s and %s", out.Reads[i-1].Reason, out.Reads[i].Reason)
					}
				}
				check(t, s.end(), c.want...)
				if t.Failed() {
					t.FailNow()
				}
			})
			if n < 2 {
				t.Fatalf("only %d order was tried", n)
			}
		})
	}
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestLinesOfOneExecutionAreOne(t *testing.T) {
	const sql = "select * from orders where id = $1"
	param := func(v string) func(*detect.Statement) {
		return func(s *detect.Statement) { s.Params, s.ParamsKnown = []detect.Param{{Value: v}}, true }
	}
	same := func(id, sub int64) func(*detect.Statement) {
		return func(s *detect.Statement) { s.StmtID, s.SubstmtID = id, sub }
	}
	cases := []struct {
		name  string
		lines []detect.Event
		want  []string
	}{
		{
			name: "session and object audit lines",
			lines: []detect.Event{
				with(text(stmt("s", "3/1", 1, 1, "orders"), sql), same(7, 1)),
				with(text(stmt("s", "3/1", 2, 1, "orders"), sql), func(s *detect.Statement) { s.StmtID, s.AuditObject = 7, true }),
			},
			want: []string{" | orders x2;"},
		},
		{
			name: "a join has one line for each relation, the second with its text previously logged",
			lines: []detect.Event{
				with(with(text(stmt("s", "3/1", 1, 1, "orders"), "select * from orders o join items i on i.order_id = o.id where o.id = $1"), same(7, 1)), param("A")),
				with(stmt("s", "3/1", 2, 1, "items"), func(s *detect.Statement) { s.StmtID, s.Previous = 7, true }),
			},
			want: []string{" | orders $1=A; items $1=A;"},
		},
		{
			name: "audit and execute lines, the values from the second",
			lines: []detect.Event{
				text(stmt("s", "3/1", 1, 1, "orders"), sql),
				with(logged(stmt("s", "3/1", 2, 1, ""), sql), param("A")),
				text(stmt("s", "3/1", 3, 1, "orders"), sql),
				with(logged(stmt("s", "3/1", 4, 1, ""), sql), param("B")),
			},
			want: []string{" | orders $1=A x2; orders $1=B x2;"},
		},
		{
			name: "a text that was not audited counts by itself",
			lines: []detect.Event{
				text(stmt("s", "3/1", 1, 1, "orders"), sql),
				logged(stmt("s", "3/1", 2, 1, ""), "select * from files where id = $1"),
			},
			want: []string{" | orders; text;"},
		},
		{
			name: "the duration line after the end of its transaction",
			lines: []detect.Event{
				text(stmt("s", "3/1", 1, 1, "orders"), "select * from orders where id = 'A'"),
				logged(stmt("s", "3/0", 2, 1.01, ""), "select * from orders where id = 'A'"),
			},
			want: []string{" | orders x2;"},
		},
		{
			name: "foreign-key checks, EXPLAIN, catalog, transaction control and twins are no reads",
			lines: []detect.Event{
				text(stmt("s", "3/1", 1, 1, "public.orders"), `SELECT 1 FROM ONLY "public"."orders" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x`),
				text(stmt("s", "3/2", 2, 1, "public.orders"), "explain analyze select * from orders"),
				text(stmt("s", "3/3", 3, 1, "pg_catalog.pg_class"), "select * from pg_class"),
				text(stmt("s", "3/4", 4, 1, ""), "select 1"),
				with(text(stmt("s", "3/5", 5, 1, ""), "COMMIT"), func(s *detect.Statement) { s.Class, s.Command = "MISC", "COMMIT" }),
				with(logged(stmt("s", "3/6", 6, 1, ""), sql), func(s *detect.Statement) { s.Kind = detect.StatementTwin }),
				with(text(stmt("s", "3/7", 7, 1, "orders"), sql), func(s *detect.Statement) { s.Client = false }),
			},
			want: nil,
		},
		{
			name: "an execution that failed",
			lines: []detect.Event{
				text(stmt("s", "3/1", 1, 1, "orders"), sql),
				text(stmt("s", "3/1", 2, 1, "files"), "select * from files"),
				with(logged(stmt("s", "3/1", 3, 1, ""), sql), func(s *detect.Statement) { s.Kind, s.SQLState = detect.StatementError, "42501" }),
			},
			want: []string{" | orders failed x2; files;"},
		},
		{
			name: "an execution that failed, where no transaction ids are logged",
			lines: []detect.Event{
				logged(stmt("s", "", 1, 1, ""), "select * from files where id = 1"),
				logged(stmt("s", "", 2, 1, ""), sql),
				with(logged(stmt("s", "", 3, 1, ""), sql), func(s *detect.Statement) { s.Kind, s.SQLState = detect.StatementError, "42501" }),
				logged(stmt("s", "", 4, 1, ""), sql),
			},
			want: []string{" | text;", " | text failed x2;", " | text;"},
		},
		{
			name:  "a text that cannot be read is kept, and says why",
			lines: []detect.Event{text(stmt("s", "3/1", 1, 1, ""), "select * frm (")},
			want:  []string{" | sql_unparsable;"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, backwards := range []bool{false, true} {
				s := newStory(t, Options{}, 1)
				lines := slices.Clone(c.lines)
				if backwards {
					slices.Reverse(lines)
				}
				for _, e := range lines {
					s.see(0, e)
				}
				check(t, s.end(), c.want...)
			}
		})
	}
}

// A server whose log line has no session line numbers leaves milliseconds, and the
// order in its partition.
func TestLinesWithoutNumbersKeepTheirOrderWithinAMillisecond(t *testing.T) {
	s := newStory(t, Options{}, 1)
	unnumbered := func(e detect.Event, name string) detect.Event {
		e.LineID = lineID(name)
		return with(e, func(s *detect.Statement) { s.Line, s.StmtID = 0, 0 })
	}
	s.see(0, unnumbered(control("s", 0, "BEGIN"), "a"))
	s.see(0, unnumbered(set("s", "", 0, 1, "", "authenticated", "ann"), "b"))
	s.see(0, unnumbered(stmt("s", "", 0, 1, "orders"), "c"))
	s.see(0, unnumbered(control("s", 0, "COMMIT"), "d"))
	s.see(0, unnumbered(stmt("s", "", 0, 1, "plans"), "e"))
	s.see(0, unnumbered(control("s", 0, "BEGIN"), "f"))
	s.see(0, unnumbered(set("s", "", 0, 1, "", "service_role", ""), "g"))
	s.see(0, unnumbered(stmt("s", "", 0, 1, "files"), "h"))
	s.see(0, unnumbered(control("s", 0, "COMMIT"), "i"))
	check(t, s.end(), " | orders as authenticated for ann;", " | plans;", " | files as service_role;")
}

func TestAPooledSessionServesOneRequestAfterAnother(t *testing.T) {
	s := newStory(t, Options{}, 2)
	var want []string
	line := int64(0)
	for i := range 200 {
		at := float64(i) / 10
		user, id, txn := fmt.Sprintf("u%d", i%7), fmt.Sprintf("r%d", i), fmt.Sprintf("3/%d", i+1)
		s.see(0, req("get "+id, at, id, user))
		s.see(1, set("pooled", txn, line+1, at, id, "authenticated", user))
		s.see(1, stmt("pooled", txn, line+2, at, "orders"))
		line += 2
		want = append(want, fmt.Sprintf("get %s by %s | orders as authenticated for %s;", id, user, user))
	}
	check(t, s.end(), want...)
}

func TestARetryIsOneAccess(t *testing.T) {
	s := newStory(t, Options{}, 1)
	s.see(0, event("first", 1, "r1", "ann", "foreign"))
	s.see(0, event("again", 3, "r1", "ann", "foreign"))
	var out detect.Output
	s.Take(&out)
	check(t, s.end(), "first by ann + again by ann |")
	s.Take(&out)
	if len(out.Findings) == 0 {
		t.Fatal("nothing found")
	}
	for _, f := range out.Findings {
		if f.ID != out.Findings[0].ID {
			t.Errorf("findings %v and %v are of one access", f.ID, out.Findings[0].ID)
		}
	}
}

func TestACounterThatComesRoundIsAnotherAccess(t *testing.T) {
	s := newStory(t, Options{}, 1)
	s.see(0, req("one", 1, "req-1", "ann"))
	s.see(0, req("two", 100, "req-1", "ann"))
	s.see(0, tick(long))
	var out detect.Output
	s.Take(&out)
	if len(out.Reads) != 2 || out.Reads[0].AccessKey == out.Reads[1].AccessKey {
		t.Errorf("want two accesses with keys of their own, got %+v", out.Reads)
	}
}

// A row of lines of one request id without end is not followed: its start could not
// be told after a restart. Every line is judged all the same.
func TestAnEndlessRowOfOneRequestIDHidesNothing(t *testing.T) {
	s := newStory(t, Options{}, 1)
	for i := range 100 {
		s.see(0, event(fmt.Sprint("read ", i), float64(20*i), "mine", "mallory", "foreign"))
	}
	var out detect.Output
	s.endAll()
	s.Take(&out)
	keys := map[string]bool{}
	for _, r := range out.Reads {
		if keys[r.AccessKey] {
			t.Errorf("two accesses have one key: %s", r.Reason)
		}
		keys[r.AccessKey] = true
	}
	seen := map[string]bool{}
	for i := range 100 {
		for _, r := range out.Reads {
			if containsWord(r.Reason, fmt.Sprint("read ", i, " by")) {
				if seen[fmt.Sprint(i)] {
					t.Errorf("read %d is in two accesses", i)
				}
				seen[fmt.Sprint(i)] = true
			}
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d of 100 reads were judged", len(seen))
	}
}

func containsWord(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i:i+len(word)] == word && (i == 0 || s[i-1] == ' ') {
			return true
		}
	}
	return false
}

func TestACompleteLineIsReportedAtOnce(t *testing.T) {
	s := newStory(t, Options{}, 2)
	s.see(0, event("get", 1, "r1", "ann", "foreign"))
	var early detect.Output
	s.Take(&early)
	if len(early.Findings) != 1 || early.Findings[0].Revision != 1 || len(early.Reads) != 0 {
		t.Fatalf("want one finding of revision 1 at once and no reads, got %+v", early)
	}
	s.see(1, with(stmt("s", "3/1", 1, 1, "orders"), func(s *detect.Statement) { s.RequestID = "r1" }))
	s.endAll()
	var late detect.Output
	s.Take(&late)
	if len(late.Findings) != 1 || late.Findings[0].ID != early.Findings[0].ID || late.Findings[0].Revision != 3 || late.Findings[0].Resolved {
		t.Errorf("want the same finding in revision 3, got %+v", late.Findings)
	}
}

// endAll ends all partitions and takes nothing.
func (s *story) endAll() {
	for i := range s.parts {
		s.End(Part(i))
	}
}

func TestWhatTheOtherHalfExplainsIsTakenBack(t *testing.T) {
	s := newStory(t, Options{}, 2)
	s.see(0, event("get", 1, "r1", "ann", "foreign"))
	s.see(1, with(stmt("s", "3/1", 1, 1, "share_links"), func(s *detect.Statement) { s.RequestID = "r1" }))
	s.endAll()
	var out detect.Output
	s.Take(&out)
	if len(out.Findings) != 2 || out.Findings[0].ID != out.Findings[1].ID || out.Findings[0].Resolved || !out.Findings[1].Resolved || out.Findings[1].Revision != 3 {
		t.Errorf("want the finding, and the same resolved in revision 3, got %+v", out.Findings)
	}
}

func TestIdlePartitionsAreNotWaitedFor(t *testing.T) {
	s := newStory(t, Options{}, 2)
	s.see(0, req("get", 1, "r1", "ann"))
	s.see(0, tick(long))
	var out detect.Output
	if s.Take(&out); len(out.Reads) != 0 {
		t.Fatal("decided before the other partition said anything")
	}
	s.Idle(1, true)
	if s.Take(&out); len(out.Reads) != 1 {
		t.Fatalf("want the access once the other partition is idle, got %+v", out.Reads)
	}
	// What the idle partition then has is too late to be joined, and is judged.
	s.Idle(1, false)
	s.see(1, with(stmt("s", "3/1", 1, 1, "orders"), func(s *detect.Statement) { s.RequestID = "r1" }))
	check(t, s.end(), "get by ann |", " | orders; late")
}

func TestWhenAllPartitionsAreIdleTheClockStands(t *testing.T) {
	s := newStory(t, Options{}, 2)
	s.see(0, req("get", 1, "r1", "ann"))
	s.Idle(0, true)
	s.Idle(1, true)
	var out detect.Output
	if s.Take(&out); len(out.Reads) != 0 {
		t.Fatalf("decided while nothing moves: %+v", out.Reads)
	}
	check(t, s.end(), "get by ann |")
}

func TestFactsDoNotHoldTheClock(t *testing.T) {
	s := newStory(t, Options{}, 1)
	s.Open(Start{Source: "facts", Facts: true})
	s.see(0, req("get", 1, "r1", "ann"))
	s.see(0, tick(long))
	s.see(0, tick(long))
	var out detect.Output
	if s.Take(&out); len(out.Reads) != 1 {
		t.Fatalf("want one access, got %+v", out.Reads)
	}
}

func TestAFullDetectorDecidesTheOldestEarly(t *testing.T) {
	s := newStory(t, Options{MaxPending: 1000}, 2)
	for i := range 5000 {
		id := fmt.Sprint("r", i)
		s.see(0, req(fmt.Sprint("get ", i), float64(i)/100, id, "ann"))
		s.see(0, with(stmt("s", "3/"+id, int64(i+1), float64(i)/100, "orders"), func(s *detect.Statement) { s.RequestID = id }))
		if n := s.Stats().Pending; n > 1001 {
			t.Fatalf("%d lines are held", n)
		}
	}
	if s.Stats().Evicted == 0 {
		t.Error("lines were decided early and not counted")
	}
	got := s.end()
	if len(got) != 5000 {
		t.Errorf("%d accesses were decided, want 5000", len(got))
	}
	// Partners that are near each other have met all the same.
	for _, a := range got {
		if !strings.HasSuffix(a, " by ann | orders;") {
			t.Fatalf("decided early and apart: %s", a)
		}
	}
}

func TestAFloodOnOneKeyIsBounded(t *testing.T) {
	s := newStory(t, Options{MaxPerKey: 100}, 1)
	for i := range 1000 {
		s.see(0, req(fmt.Sprint("get ", i), 1+float64(i)/1e6, "r1", "ann"))
		s.see(0, stmt("s", "3/1", int64(i+1), 1+float64(i)/1e6, "orders"))
	}
	got := s.end()
	if s.Stats().Evicted != 1800 {
		t.Errorf("%d lines were judged by themselves, want 1800", s.Stats().Evicted)
	}
	if len(got) != 2+1800 {
		t.Errorf("%d accesses, want one for each full key and one for each line without room", len(got))
	}
}

func TestLinesOfAColdStartSaySo(t *testing.T) {
	s := newStory(t, Options{}, 0)
	s.Open(Start{Source: "log", Position: 100, Cold: true})
	s.at[0] = 100
	s.see(0, req("get", 1, "r1", "ann"))
	s.see(0, req("put", 500, "r2", "ann"))
	check(t, s.end(), "get by ann | cold", "put by ann |")
}

func TestSeveralEventsOfOneRecordHaveOneStamp(t *testing.T) {
	s := newStory(t, Options{}, 1)
	for i, e := range []detect.Event{req("a", 0, "r1", "ann"), tick(long), req("b", 1, "r1", "ann")} {
		e.Origin = detect.Origin{Source: "log", Offset: 0}
		_ = i
		s.Observe(0, &e)
	}
	s.Skip(0, 0)
	check(t, s.end(), "a by ann + b by ann |")
}

func TestFarTimesAreHarmless(t *testing.T) {
	s := newStory(t, Options{}, 1)
	for i, at := range []int64{-1 << 63, -1, 0, 1<<63 - 1} {
		e := req(fmt.Sprint(i), 0, fmt.Sprint("r", i), "ann")
		e.Time = at
		s.see(0, e)
	}
	if got := s.end(); len(got) != 4 {
		t.Errorf("want four accesses, got %q", got)
	}
}

func TestWindowsHaveDefaultsAndBounds(t *testing.T) {
	w := Windows{}.spans()
	if w.disorder != 10*second || w.join != 30*second || w.txn != 30*second || w.lateness != 120*second || w.slack != 30*second {
		t.Errorf("defaults are %+v", w)
	}
	if w := (Windows{Join: 1 << 62, Txn: time.Hour * 1e6}).spans(); w.look <= 0 || furthest+w.look <= 0 {
		t.Errorf("spans overflow: %+v", w)
	}
}

// Among how many executions of one text that of a line without transaction id is looked
// for is bounded. Where some found no room, such lines stand for themselves: the nearest may
// be another's.
func TestAFloodOfOneTextIsBounded(t *testing.T) {
	const sql = "select * from orders where id = $1"
	for _, c := range []struct{ most, evicted, accesses int }{{100, 0, 20}, {5, 35, 40}} {
		s := newStory(t, Options{MaxPerKey: c.most}, 1)
		s.listAll()
		at := 1000.0
		for i := range 20 {
			s.see(0, text(stmt("s", fmt.Sprint("3/", i+1), int64(2*i+1), at+float64(i)/100, "orders"), sql))
			s.see(0, logged(stmt("s", "3/0", int64(2*i+2), at+float64(i)/100, ""), sql))
		}
		got := s.end()
		if s.Stats().Evicted != uint64(c.evicted) || len(got) != c.accesses {
			t.Errorf("at most %d: %d accesses and %d evicted, want %d and %d", c.most, len(got), s.Stats().Evicted, c.accesses, c.evicted)
		}
	}
}
