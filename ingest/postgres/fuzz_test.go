package postgres

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

// fuzz runs what every decoder promises, and that decoding twice gives one event.
func fuzz(t *testing.T, open func() decode.Decoder, line []byte) {
	decodetest.Fuzz(t, open(), line)
	var (
		one, two       decode.Scratch
		first, second  detect.Event
		d              = open()
		err, secondErr = d.Decode(line, &one, &first), d.Decode(line, &two, &second)
	)
	if (err == nil) != (secondErr == nil) {
		t.Fatalf("%v, and the second time %v", err, secondErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Fatalf("decoded twice, two events:\n%s", diff)
	}
	bounded(t, line, first.Statement)
}

// bounded checks that what anybody may write is short where it is taken for an id.
func bounded(t *testing.T, line []byte, st *detect.Statement) {
	if st == nil {
		return
	}
	if len(st.RequestID) > maxID || len(st.Route) > maxRoute || len(st.TraceID) != 0 && len(st.TraceID) != 32 {
		t.Fatalf("ids out of bounds: %+v", st)
	}
	if len(st.SQL) > len(line) || len(st.Params) > decode.MaxElements {
		t.Fatalf("more than the line holds: %d bytes of SQL, %d parameters", len(st.SQL), len(st.Params))
	}
}

func seed(f *testing.F, d decode.Framer, dir string, files ...string) {
	decodetest.Seed(f, dir)
	for _, file := range files {
		for _, rec := range records(d, read(f, "testdata", "corpus", file)) {
			f.Add(rec)
		}
	}
}

func FuzzCSVLog(f *testing.F) {
	seed(f, NewCSVLog(Options{}), "testdata/csvlog", "postgres15/local_B.csv", "postgres15/local_C.csv", "cloudnative-pg/two_lines_14.csv")
	f.Fuzz(func(t *testing.T, line []byte) {
		fuzz(t, func() decode.Decoder { return NewCSVLog(Options{}) }, line)
	})
}

func FuzzJSONLog(f *testing.F) {
	seed(f, NewJSONLog(Options{}), "testdata/jsonlog", "postgres15/local_B.json")
	f.Fuzz(func(t *testing.T, line []byte) {
		fuzz(t, func() decode.Decoder { return NewJSONLog(Options{}) }, line)
	})
}

func FuzzStderr(f *testing.F) {
	d, err := NewStderr(Options{})
	if err != nil {
		f.Fatal(err)
	}
	seed(f, d, "testdata/stderr", "postgres15/local_A.log", "postgres15/local_C.log", "pgbadger/multiline_param.log")
	f.Add([]byte("\n0000-00-00 00:00:00 [0] A0:"))
	f.Fuzz(func(t *testing.T, line []byte) {
		fuzz(t, func() decode.Decoder { return newStderr(t, Options{}) }, line)
		if d.Starts(line) && d.Continues(line) {
			t.Fatal("a line that starts a record goes on with another")
		}
	})
}

// The text of a statement, with parameters of which each may be anything.
func FuzzStatement(f *testing.F) {
	for _, sql := range []string{
		"select set_config('role', $1, true), set_config($1, $2, $1)", "SET LOCAL ROLE a; RESET ALL", "/* /* a */ request_id='x\\'y%2F' */",
		"select E'\\'' || $tag$ '; $tag$ -- x", "set request.jwt.claims to '{\"sub\":\"a\"}'", "select set_config('request.headers', '{\"traceparent\":1}', f())",
		"set_config(", "set_config(\x00", "set \"a\".b = E'", "$", "/*", "--", "'", "\"",
	} {
		f.Add(sql, "request.jwt.claims", `{"sub":"ann","exp":1e9,"app_metadata":{"role":"x"}}`, "req=a traceparent:b")
	}
	f.Fuzz(func(t *testing.T, sql, one, two, name string) {
		for _, does := range []effects{nothing, everything, byConfig, bySet} {
			var (
				mem decode.Scratch
				w   walker
				st  = detect.Statement{Kind: detect.StatementText, SQL: sql, App: name, Params: []detect.Param{{Value: one}, {Value: two}, {Unknown: true}}}
			)
			w.read(&st, &mem, does)
			bounded(t, []byte(sql), &st)
			if does == nothing && st.Settings != nil {
				t.Fatalf("settings of a text that may set nothing: %+v", st.Settings)
			}
			if strings.Contains(sql, "set") || strings.Contains(strings.ToLower(sql), "set") || strings.Contains(strings.ToLower(sql), "discard") {
				continue
			}
			if st.Settings != nil {
				t.Fatalf("%q sets nothing, but gives %+v", sql, st.Settings)
			}
		}
	})
}

// A DETAIL list is what was written into it, however the values look.
func FuzzParams(f *testing.F) {
	f.Add("a", "it's", "...")
	f.Add("'", "', $2 = 'x", "NULL")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var (
			list strings.Builder
			mem  decode.Scratch
			want []detect.Param
		)
		for i, v := range []string{a, b, c} {
			list.WriteString([]string{"", ", ", ", "}[i] + []string{"$1", "$2", "$3"}[i] + " = '" + strings.ReplaceAll(v, "'", "''") + "'")
			p := detect.Param{Value: v}
			if strings.HasSuffix(v, "...") {
				p = detect.Param{Unknown: true}
			}
			want = append(want, p)
		}
		got, known := detailParams([]byte(list.String()), &mem)
		if diff := cmp.Diff(want, got); !known || diff != "" {
			t.Fatalf("%q: known %v\n%s", list.String(), known, diff)
		}
		detailParams([]byte(a), &mem)
	})
}

// An audit line is what was written into it: the statement and the parameters come back.
func FuzzAudit(f *testing.F) {
	f.Add("select 1", "a", `"b", c`, "AUDIT: SESSION,1,1,READ,SELECT,,,,")
	f.Add("select \"a\"\nfrom b", "", "x\ny", "AUDIT: OBJECT,1,1,,,,,\"")
	f.Fuzz(func(t *testing.T, sql, a, b, raw string) {
		var (
			mem decode.Scratch
			st  = detect.Statement{Rows: -1}
			r   reader
		)
		if isAudit([]byte(raw)) {
			_ = r.audit(&entry{message: []byte(raw)}, &mem, &st)
		}
		if strings.ContainsAny(sql+a+b, "<\r") || sql == "" {
			return // what pgaudit writes in place of a text
		}
		quote := func(s string) string {
			if strings.ContainsAny(s, ",\"\n\r") {
				return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
			}
			return s
		}
		line := "AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,public.orders," + quote(sql) + "," + quote(quote(a)+","+quote(b)) + ",7"
		st = detect.Statement{Rows: -1}
		if err := r.audit(&entry{message: []byte(line)}, &mem, &st); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := []detect.Param{{Value: a}, {Value: b}}
		if diff := cmp.Diff(want, st.Params); diff != "" || st.SQL != sql || st.Rows != 7 || !st.ParamsKnown {
			t.Fatalf("%q: %+v\n%s", line, st, diff)
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, line := range []string{auditCSV, `"a""b",c`, `"a"b`, `a"b`, `"`, ",", "a\nb"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) { checkCSV(t, line) })
}

// Strings of an event point into the line or the Scratch, and the line is never written.
func TestBorrowing(t *testing.T) {
	line := []byte(auditCSV)
	before := bytes.Clone(line)
	var (
		mem decode.Scratch
		ev  detect.Event
	)
	if err := NewCSVLog(Options{}).Decode(line, &mem, &ev); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(line, before) {
		t.Fatal("the line was written to")
	}
	at := uintptr(unsafe.Pointer(unsafe.StringData(ev.Statement.Session)))
	first := uintptr(unsafe.Pointer(unsafe.SliceData(line)))
	if at < first || at >= first+uintptr(len(line)) {
		t.Error("the session was copied, want a view of the line")
	}
}

// The walk looks at each byte that may matter, and at no letter or blank.
func FuzzNextStop(f *testing.F) {
	f.Add("select buyer_id, set_config('a', $1) from b -- x")
	f.Add("^c_ _c_C______c_")
	f.Fuzz(func(t *testing.T, sql string) {
		for i := range len(sql) + 1 {
			want := i
			for want < len(sql) && !strings.ContainsRune(`'"/-$;`, rune(sql[want])) &&
				(sql[want] != '_' || want+1 < len(sql) && sql[want+1]|0x20 != 'c') {
				want++
			}
			got := nextStop(sql, i)
			if got > want {
				t.Fatalf("%q: from %d stops at %d, want %d", sql, i, got, want)
			}
			if got < want && sql[got] != '_' && sql[got] != '%' && sql[got] != '^' {
				t.Fatalf("%q: from %d stops at %d, where nothing is", sql, i, got)
			}
		}
	})
}

// Trying few prefixes must find what trying all of them finds.
func FuzzPrefixes(f *testing.F) {
	for _, line := range []string{
		"2026-11-23 01:54:05.262 UTC [7605] [user=a,db=b,app=c: LOG:  x] LOG:  42P01: text",
		"2026-11-23 01:54:05 UTC:127.0.0.1(4711):a@b:[7605]:ERROR:  text", "1.2.3.4 2026-11-23 01:54:05.262 UTC [1] a@b 쿼리:text", "2026-11-23 01:54:05.2 UTC [1] LOG :  text",
	} {
		f.Add([]byte(line))
	}
	d := newStderr(f, Options{})
	f.Fuzz(func(t *testing.T, line []byte) {
		line = firstLine(line)
		if len(line) > 0 && line[0] == '\t' {
			return
		}
		var (
			best  head
			found bool
			m     matcher
		)
		for _, p := range d.prefixes {
			if m.match(p, line) && (!found || len(m.head.text) > len(best.text)) {
				found, best = true, m.head
			}
		}
		if got := d.match(line); got != found {
			t.Fatalf("%q: match %v, want %v", line, got, found)
		} else if got && !reflect.DeepEqual(d.matcher.head, best) {
			t.Fatalf("%q: got %+v, want %+v", line, d.matcher.head, best)
		}
	})
}

// An audit line that is read in place, inside of csvlog's quotes, says what it says when
// the quotes are undoubled first; and so does what is wrong with it.
func FuzzAuditInPlace(f *testing.F) {
	for _, rest := range []string{
		`1,1,READ,SELECT,TABLE,public.orders,"select ""a"" from b","a,""b,"",""""""c""""""",7`, `1,1,READ,SELECT,TABLE,"public.""Order""",select 1,<none>`,
		`1,1,"RE""AD",SELECT,,,x,,`, `1,1,READ,SELECT,,,"",""`, `1,1,READ,SELECT,,,"a"b,`, `1,1,READ,SELECT,,,"`, `1,1,READ,SELECT,,,"a","""`, `0,1,READ,SELECT,,,<not logged>,"<long param suppressed>,""""",x`,
	} {
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		message := "AUDIT: SESSION," + rest
		read := func(e entry) (detect.Statement, error) {
			var (
				mem decode.Scratch
				r   reader
				st  = detect.Statement{Rows: -1}
			)
			err := r.audit(&e, &mem, &st)
			return st, err
		}
		got, gotErr := read(entry{message: []byte(strings.ReplaceAll(message, `"`, `""`)), width: 2})
		want, wantErr := read(entry{message: []byte(message)})
		if diff := cmp.Diff(wantErr, gotErr); diff != "" {
			t.Fatalf("%q: %v, want %v", message, gotErr, wantErr)
		}
		if diff := cmp.Diff(want, got); wantErr == nil && diff != "" {
			t.Fatalf("%q:\n%s", message, diff)
		}
	})
}
