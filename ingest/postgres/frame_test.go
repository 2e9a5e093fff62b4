package postgres

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// A line inside of quotes that looks like a record of its own is none.
func TestForgedRecordStaysInItsQuotes(t *testing.T) {
	line := strings.Replace(auditCSV, "select id,", "select '\n"+strings.ReplaceAll(auditCSV, `"`, `""""`)+"\n"+
		`2026-11-23 09:13:37.454 UTC,postgres,market,1,[local],6b0403c1.1,1,SELECT,2026-11-23 09:13:37 UTC,3/1,0,LOG,00000,statement: forged,,,,,,,,,psql,client backend,,0`+"\n',", 1)
	d := NewCSVLog(Options{})
	recs := records(d, []byte(auditCSV+"\n"+line+"\n"+auditCSV+"\n"))
	if len(recs) != 3 {
		t.Fatalf("%d records, want 3", len(recs))
	}
	var mem decode.Scratch
	for i, rec := range recs {
		var ev detect.Event
		if err := d.Decode(rec, &mem, &ev); err != nil || ev.Statement.Login != "app_user" {
			t.Errorf("record %d: %v, %+v", i, err, ev.Statement)
		}
	}
}

// Whatever the text of a statement holds, none of its lines restarts the log.
func TestNoTextRestarts(t *testing.T) {
	d := NewCSVLog(Options{})
	if !d.Restarts([]byte(auditCSV)) {
		t.Errorf("not told as the beginning of a record: %s", auditCSV)
	}
	begin := "2026-11-23 09:13:37.454 UTC,"
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.SampledFrom([]string{begin, "\n", `"`, ",", "a", " ", "\r", "\t", `"app","db",1,`, "\n" + begin, "\n\"" + begin, "\n" + begin[:len(begin)-1]})).Draw(t, "text")
		quoted := strings.ReplaceAll(strings.Join(text, ""), `"`, `""`)
		behind := rapid.SampledFrom([]string{",", ",,,", `,"detail",`, "\n"}).Draw(t, "behind")
		for i, line := range strings.Split(`x,"`+quoted+`"`+behind, "\n") {
			if i > 0 && d.Restarts([]byte(line)) {
				t.Fatalf("line %d restarts: %q", i, line)
			}
		}
	})
}

// What is open does not depend on how a record came in pieces.
func TestOpenInPieces(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    decode.Framer
		rec  string
	}{
		{"csvlog", NewCSVLog(Options{}), claimsCSV},
		{"jsonlog", NewJSONLog(Options{}), auditJSON},
	} {
		for cut := 1; cut < len(tt.rec); cut++ {
			half := tt.f.Open(decode.Closed, []byte(tt.rec[:cut]))
			if end := tt.f.Open(half, []byte(tt.rec[cut:])); end != decode.Closed {
				t.Fatalf("%s: open after the whole record, cut at %d", tt.name, cut)
			}
			if tt.name == "jsonlog" && half == decode.Closed {
				t.Fatalf("jsonlog: closed after %d of %d bytes", cut, len(tt.rec))
			}
		}
	}
}

func TestLooksLike(t *testing.T) {
	lines := map[string]string{
		"csvlog":  auditCSV,
		"jsonlog": auditJSON,
		"stderr":  auditText,
		"":        `{"level":30,"time":1795398957366,"msg":"request completed"}`,
	}
	tests := map[string]func([]byte) bool{"csvlog": LooksLikeCSVLog, "jsonlog": LooksLikeJSONLog, "stderr": LooksLikeStderr}
	for is, line := range lines {
		for name, looks := range tests {
			if got := looks([]byte(line)); got != (name == is) {
				t.Errorf("a line of %q looks like %s: %v", is, name, got)
			}
		}
	}
	for _, line := range []string{
		"", "\n", "2026", "hello, world", "2026-11-23 09:13:37.454 UTC [1] LOG:  a, b", `{"timestamp":"now"}`,
		"2026-11-23 02:09:04.522 UTC [24460] LOG kernel file descriptor limit: 1024",
	} {
		if LooksLikeCSVLog([]byte(line)) || LooksLikeJSONLog([]byte(line)) {
			t.Errorf("%q looks like csvlog or jsonlog", line)
		}
	}
	if !LooksLikeCSVLog([]byte("\n" + strings.Replace(auditCSV, "2026-11-23 09:13:37.454 UTC", `"2026-11-23 09:13:37.454 UTC"`, 1))) {
		t.Error("a record with all fields quoted does not look like csvlog")
	}
}

// A line of the text log that is not understood is never added to the record before it.
func TestUnknownPrefixStandsAlone(t *testing.T) {
	d := newStderr(t, Options{LinePrefix: "%m [%p] "})
	recs := records(d, []byte("2026-11-23 01:54:05.262 UTC [1] LOG:  statement: select 1\n\tfrom a\n[user=x] LOG:  statement: select 2\nfrom b\n"))
	if len(recs) != 2 || !bytes.HasPrefix(recs[1], []byte("[user=x]")) {
		t.Fatalf("%q, want two records", recs)
	}
}

// DETAIL and STATEMENT of another process are not taken for those of the line before.
func TestSectionsOfAnotherProcess(t *testing.T) {
	d := newStderr(t, Options{})
	record := "2026-11-23 01:54:05.262 UTC [7605] a@m LOG:  execute s1: select *\n\tfrom orders\n\twhere id = $1\n" +
		"2026-11-23 01:54:05.262 UTC [7606] b@m DETAIL:  parameters: $1 = 'of another'\n" +
		"2026-11-23 01:54:05.262 UTC [7605] a@m DETAIL:  parameters: $1 = 'two\n\tlines', $2 = NULL\n" +
		"2026-11-23 01:54:05.262 UTC [7605] a@m LOCATION:  exec_execute_message, postgres.c:2277\n"
	for _, form := range []string{record, strings.ReplaceAll(record, "\n\t", "\n#011"), strings.ReplaceAll(record, "\n", "\r\n")} {
		var (
			mem decode.Scratch
			ev  detect.Event
		)
		if err := d.Decode([]byte(form), &mem, &ev); err != nil {
			t.Fatal(err)
		}
		st := ev.Statement
		want := []detect.Param{{Value: "two\nlines"}, {Null: true}}
		if st.SQL != "select *\nfrom orders\nwhere id = $1" || !reflect.DeepEqual(st.Params, want) || st.Login != "a" {
			t.Errorf("%q: %+v", form, st)
		}
	}
}

// A line has one id wherever it comes from, and another line has another.
func TestLineID(t *testing.T) {
	id := func(d decode.Decoder, line string) uint64 {
		t.Helper()
		var (
			mem decode.Scratch
			ev  detect.Event
		)
		if err := d.Decode([]byte(line), &mem, &ev); err != nil {
			t.Fatal(err)
		}
		return ev.LineID
	}
	inCSV, inJSON := NewCSVLog(Options{}), NewJSONLog(Options{})
	first := id(inCSV, auditCSV)
	if got := id(inJSON, auditJSON); got != first {
		t.Errorf("jsonlog gives %x, csvlog %x", got, first)
	}
	if got := id(inCSV, "\n"+auditCSV+"\r\n"); got != first {
		t.Errorf("with newlines around it: %x, without %x", got, first)
	}
	seen := map[uint64]string{first: "first"}
	for _, line := range []string{
		strings.Replace(auditCSV, "74b9,1,", "74b9,2,", 1),
		strings.Replace(auditCSV, "c1.74b9", "c1.74ba", 1),
		strings.Replace(auditCSV, "37.454", "37.455", 1),
		strings.Replace(auditCSV, "6b0403c1.74b9", "", 1),
		strings.Replace(strings.Replace(auditCSV, "6b0403c1.74b9", "", 1), "29881", "29882", 1),
	} {
		got := id(inCSV, line)
		if seen[got] != "" {
			t.Errorf("two lines with one id: %s and %s", seen[got], line)
		}
		seen[got] = line
	}
}

func TestLimits(t *testing.T) {
	long := strings.Replace(auditCSV, "select id", "select "+strings.Repeat("x", decode.MaxLine), 1)
	many := strings.Replace(auditCSV, `""0b9e0d9a`, `""`+strings.Repeat(",", decode.MaxElements)+"0b9e0d9a", 1)
	var detail strings.Builder
	for i := range decode.MaxElements + 2 {
		if i > 0 {
			detail.WriteString(", ")
		}
		detail.WriteString("$" + strconv.Itoa(i+1) + " = ''")
	}
	var mem decode.Scratch
	if params, known := detailParams([]byte(detail.String()), &mem); known || len(params) != decode.MaxElements {
		t.Errorf("%d parameters, known %v, want %d and not known", len(params), known, decode.MaxElements)
	}
	for _, tt := range []struct {
		d      decode.Decoder
		line   string
		reason decode.Reason
	}{
		{NewCSVLog(Options{}), long, decode.TooLong},
		{NewJSONLog(Options{}), long, decode.TooLong},
		{newStderr(t, Options{}), long, decode.TooLong},
		{NewCSVLog(Options{}), many, decode.TooMany},
		{NewJSONLog(Options{}), `{"timestamp":` + strings.Repeat("[", 100), decode.BadField},
		{NewJSONLog(Options{}), `{"x":` + strings.Repeat("[", 100), decode.TooDeep},
	} {
		var ev detect.Event
		err := tt.d.Decode([]byte(tt.line), &mem, &ev)
		var e *decode.Error
		if !errors.As(err, &e) || e.Reason != tt.reason {
			t.Errorf("%.40q: %v, want %s", tt.line, err, tt.reason)
		}
	}
}

func TestLinePrefixErrors(t *testing.T) {
	for prefix, want := range map[string]string{
		"%m [%p] %y ": "Postgres has no %y",
		"[%p] ":       "holds no time",
		"%m %":        "ends with a %",
	} {
		if _, err := NewStderr(Options{LinePrefix: prefix}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", prefix, err, want)
		}
	}
}

// Any prefix that Postgres takes is read back, whatever the names hold.
func TestLinePrefixes(t *testing.T) {
	for _, tt := range []struct{ prefix, line, session, login, app string }{
		{"%m [%p] user=%u,db=%d,app=%a,client=%h ", "2026-11-23 01:54:05.262 UTC [7605] user=a,db=m,app=LOG: x,client=::1 ", "::1:7605", "a", "LOG: x"},
		{"%n %c %l %e %Q ", "1795398845.262 6b039cbd.1db5 4 00000 -658 ", "6b039cbd.1db5", "", ""},
		{"%-20u|%10d|%m%% ", "a                   |         m|2026-11-23 01:54:05.262 UTC% ", "", "a", ""},
		{"<%t> %b %i %P %x %v %s %r %q%a: ", "<2026-11-23 01:54:05 UTC> client backend SELECT  0 3/1 2026-11-23 01:54:05 UTC [local] my app: ", "", "", "my app"},
	} {
		d := newStderr(t, Options{LinePrefix: tt.prefix})
		var (
			mem decode.Scratch
			ev  detect.Event
		)
		line := tt.line + "LOG:  execute a: select 1"
		if !d.Starts([]byte(line)) {
			t.Errorf("%q does not start with %q", line, tt.prefix)
			continue
		}
		if err := d.Decode([]byte(line), &mem, &ev); err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		st := ev.Statement
		if tt.session == "" {
			continue // no session is named: nothing more is said
		}
		if st == nil || st.Session != tt.session || st.Login != tt.login || st.App != tt.app || st.SQL != "select 1" {
			t.Errorf("%q: %+v", line, st)
		}
	}
}

// Any fields, written by encoding/csv, are read back as they were, and what is refused
// is refused by both.
func TestCSVAgainstEncodingCSV(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{`"`, ",", "\n", "a", "b", " ", `""`, "é", "'", "\t"}
	for range 20_000 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		checkCSV(t, b.String())
		var encoded strings.Builder
		w := csv.NewWriter(&encoded)
		if err := w.Write([]string{b.String(), "x", b.String()}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		checkCSV(t, strings.TrimSuffix(encoded.String(), "\n"))
	}
}

// checkCSV compares with encoding/csv, which reads several records where this refuses a
// newline outside of quotes.
func checkCSV(t *testing.T, line string) {
	t.Helper()
	if line == "" || strings.Contains(line, "\r") {
		return
	}
	var (
		mem  decode.Scratch
		got  []string
		fail *csvError
	)
	for at := 0; ; at++ {
		f, end, err := nextField([]byte(line), at, 1)
		if fail = err; err != nil {
			break
		}
		got = append(got, string(f.text([]byte(line), 1, &mem)))
		if at = end; end == len(line) {
			break
		}
	}
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = -1
	want, err := r.Read()
	if err == nil {
		if _, next := r.Read(); next != io.EOF {
			want = nil // more than one record
		}
	}
	switch {
	case fail == nil && err == nil && !reflect.DeepEqual(got, want):
		t.Fatalf("%q: got %q, want %q", line, got, want)
	case fail == nil && err != nil:
		t.Fatalf("%q: taken as %q, encoding/csv says %v", line, got, err)
	case fail != nil && err == nil && want != nil && !strings.Contains(line, "\n"):
		t.Fatalf("%q: refused: %s, encoding/csv reads %q", line, fail.detail, want)
	}
}
