package postgres

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

// Every record of every log is decoded, or refused for the right reason.
func TestCorpus(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Fatal(err)
	}
	csvLog := func() framingDecoder { return NewCSVLog(Options{TimeZone: warsaw}) }
	jsonLog := func() framingDecoder { return NewJSONLog(Options{TimeZone: warsaw}) }
	text := func(prefix string) func() framingDecoder {
		return func() framingDecoder { return newStderr(t, Options{LinePrefix: prefix}) }
	}
	guess := text("")
	var table strings.Builder
	for _, tt := range []struct {
		file string
		open func() framingDecoder
		want tally
	}{
		{"postgres15/local_A.csv", csvLog, tally{34, 4, 0}},
		{"postgres15/local_A.log", guess, tally{38, 0, 0}},
		{"postgres15/local_B.csv", csvLog, tally{38, 4, 0}},
		{"postgres15/local_C.csv", csvLog, tally{74, 4, 0}},
		{"postgres15/local_C.log", guess, tally{78, 0, 0}},
		{"postgres15/pgaudit_statement_kinds.csv", csvLog, tally{48, 2, 0}},
		{"postgres15/pgaudit_statement_kinds.json", jsonLog, tally{48, 2, 0}},
		{"postgres15/pgbouncer_txn_mode.stderr.log", text("%m [%p] %r %u@%d app=%a "), tally{12, 0, 0}},
		{"postgres15/pgbouncer_own.log", guess, tally{0, 0, 1}},
		{"pgbadger/anonymize.log", csvLog, tally{8, 0, 0}},
		{"pgbadger/csv_statement_without_duration.log", csvLog, tally{0, 0, 2}}, // 25 columns: no Postgres writes that
		{"pgbadger/multiline_param.log", guess, tally{8, 0, 0}},
		{"pgbadger/pg_rawcsv.log", guess, tally{9, 0, 0}},
		{"pgbadger/pg-timezones.log", guess, tally{2, 0, 0}},
		{"pgbadger/stmt_type.log", guess, tally{12, 0, 0}},
		{"pgbadger/pg_vacuums.head.json", jsonLog, tally{0, 12, 0}},
		{"elastic-beats/postgresql-11-multi-line.csv.log", csvLog, tally{1, 0, 0}},
		{"elastic-beats/postgresql-11-parse-bind.csv.log", csvLog, tally{3, 0, 0}},
		{"elastic-beats/postgresql-13-error-code.csv.log", csvLog, tally{4, 0, 0}},
		{"elastic-beats/postgresql-13.csv.log", csvLog, tally{13, 12, 0}},
		{"cloudnative-pg/one_line.csv", csvLog, tally{0, 1, 0}},
		{"cloudnative-pg/two_lines.csv", csvLog, tally{0, 2, 0}},
		{"cloudnative-pg/two_lines_14.csv", csvLog, tally{0, 2, 0}},
		{"cloudnative-pg/pgaudit.csv", csvLog, tally{2, 0, 0}},
		{"crowdsec-hub/pgsql-logs.log", guess, tally{6, 0, 0}},
		{"crowdsec-hub/pgsql-user-enum.log", guess, tally{6, 0, 0}},
		{"crowdsec-hub/supabase-docker-pgsql-logs.log", guess, tally{3, 0, 0}},
	} {
		file := filepath.Join("testdata", "corpus", tt.file)
		got, n := dump(t, tt.open(), read(t, file))
		if n != tt.want {
			t.Errorf("%s: %d statements, %d of nothing, %d refused, want %+v", tt.file, n.statements, n.nothing, n.refused, tt.want)
		}
		golden(t, file+".events", got)
		fmt.Fprintf(&table, "%-50s %4d statements %4d of nothing %4d refused\n", tt.file, n.statements, n.nothing, n.refused)
	}
	t.Log("\n" + table.String())
}

// Syslog cuts a text into pieces; put together, it is the text log.
func TestCorpusSyslog(t *testing.T) {
	for _, tt := range []struct {
		file string
		want tally
	}{
		{"local_rsyslog_fileformat.log", tally{39, 0, 1}}, // the line that rsyslog logs of itself
		{"local_syslog.raw", tally{6, 0, 55}},             // log_line_prefix was changed to one without a time
	} {
		text := unsyslog(read(t, "testdata", "corpus", "postgres15", tt.file))
		got, n := dump(t, newStderr(t, Options{}), text)
		if n != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.file, n, tt.want)
		}
		golden(t, filepath.Join("testdata", "corpus", "postgres15", tt.file+".events"), got)
	}
}

var syslogFrame = regexp.MustCompile(`^\S.*?(?:postgres|rsyslogd)(?:\[\d+\])?: (?:\[\d+-(\d+)\] ?)?`)

func unsyslog(text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		m := syslogFrame.FindSubmatch(line)
		body := line
		if m != nil {
			body = line[len(m[0]):]
		}
		goesOn := m != nil && len(m[1]) > 0 && string(m[1]) != "1" && !bytes.HasPrefix(body, []byte("#011")) &&
			body[0] != '\t' && body[0] != '[' && body[0] != '2'
		if goesOn {
			b.Truncate(b.Len() - 1)
		}
		b.Write(body)
	}
	return b.Bytes()
}

// csvlog and jsonlog say the same, down to the id of each line.
func TestCarriersAgree(t *testing.T) {
	for _, name := range []string{"local_A", "local_B", "local_C", "pgaudit_statement_kinds"} {
		var a, b, c decode.Scratch
		base := filepath.Join("testdata", "corpus", "postgres15", name)
		inCSV := events(t, &a, NewCSVLog(Options{}), read(t, base+".csv"))
		inJSON := events(t, &b, NewJSONLog(Options{}), read(t, base+".json"))
		inText := events(t, &c, newStderr(t, Options{}), read(t, base+".log"))
		if d := cmp.Diff(inCSV, inJSON); d != "" {
			t.Errorf("%s: csvlog (-) and jsonlog (+) differ:\n%s", name, d)
		}
		if len(inText) != len(inCSV) {
			t.Fatalf("%s: %d records in the text log, %d in csvlog", name, len(inText), len(inCSV))
		}
		for i := range inText {
			x, y := inCSV[i].Statement, inText[i].Statement
			if x == nil { // a process that is no session, which the text log does not tell
				continue
			}
			want := *x
			want.Session, want.Txn, want.Line, want.SQLState = y.Session, y.Txn, y.Line, y.SQLState
			if d := cmp.Diff(&want, y); d != "" || inCSV[i].Time != inText[i].Time {
				t.Errorf("%s: record %d: csvlog (-) and the text log (+) differ:\n%s", name, i+1, d)
			}
		}
	}
}

func events(t *testing.T, mem *decode.Scratch, d framingDecoder, text []byte) (list []detect.Event) {
	t.Helper()
	for _, rec := range records(d, text) {
		var ev detect.Event
		if err := d.Decode(rec, mem, &ev); err != nil {
			t.Fatalf("%v: %.100q", err, rec)
		}
		list = append(list, ev)
	}
	return list
}

// Every audit line that pgaudit's own tests expect is read as encoding/csv reads it.
func TestPgauditExpected(t *testing.T) {
	for _, branch := range []string{"REL_14_STABLE", "REL_17_STABLE", "REL_18_STABLE"} {
		text := read(t, "testdata", "corpus", "pgaudit", branch+".out")
		n := 0
		for _, message := range auditMessages(text) {
			n++
			fields, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(message, "AUDIT: "))).Read()
			if err != nil {
				t.Fatalf("%s: %v: %s", branch, err, message)
			}
			var (
				mem decode.Scratch
				st  = detect.Statement{Rows: -1}
				r   reader
			)
			if err := r.audit(&entry{message: []byte(message)}, &mem, &st); err != nil {
				t.Errorf("%s: %v: %s", branch, err, message)
				continue
			}
			sql := fields[7]
			if sql == "<previously logged>" || sql == "<not logged>" || st.Settings != nil {
				sql = ""
			}
			got := []string{fmt.Sprint(st.StmtID), fmt.Sprint(st.SubstmtID), st.Class, st.ObjectType, st.Object, st.SQL}
			want := []string{fields[1], fields[2], fields[3], fields[5], fields[6], sql}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %q, want %q", branch, got, want)
			}
			if st.Command != fields[4] && st.Kind != detect.StatementSetting || st.AuditObject != (fields[0] == "OBJECT") {
				t.Errorf("%s: command %q of %q", branch, st.Command, fields)
			}
		}
		if n < 300 {
			t.Errorf("%s: only %d audit lines found", branch, n)
		}
		t.Logf("%s: %d audit lines", branch, n)
	}
}

// auditMessages finds the audit lines in what psql prints. One goes on as long as a
// quote is open.
func auditMessages(text []byte) (list []string) {
	var f CSVLog
	var rec []byte
	at := decode.Closed
	for line := range bytes.Lines(text) {
		if rec == nil {
			i := bytes.Index(line, []byte(":  AUDIT: "))
			if i < 0 {
				continue
			}
			line = line[i+3:]
		}
		rec = append(rec, line...)
		if at = f.Open(at, line); at == decode.Closed {
			list, rec = append(list, string(bytes.TrimSpace(rec))), nil
		}
	}
	return list
}

func TestStories(t *testing.T) {
	decoders := map[string]func() decode.Decoder{
		"csvlog":  func() decode.Decoder { return NewCSVLog(Options{}) },
		"jsonlog": func() decode.Decoder { return NewJSONLog(Options{}) },
		"stderr":  func() decode.Decoder { return newStderr(t, Options{}) },
	}
	for name, open := range decoders {
		t.Run(name, func(t *testing.T) { decodetest.Run(t, filepath.Join("testdata", name), open) })
	}
}
