package statement

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want Statement
	}{
		{"SELECT 1", Statement{Kind: Select, SQL: "SELECT 1", Query: "SELECT 1"}},
		{" -- why\n/* a /* b */ */ select 1 ;; ", Statement{Kind: Select, SQL: "select 1", Query: "select 1"}},
		{"SELECT ';', \";\", `;`, $$;$$, $a$;$$;$a$ -- ; x\n// ; y\n# ; z", Statement{Kind: Select,
			SQL: "SELECT ';', \";\", `;`, $$;$$, $a$;$$;$a$", Query: "SELECT ';', \";\", `;`, $$;$$, $a$;$$;$a$"}},
		{`SELECT 'a\';b', 'it''s;'`, Statement{Kind: Select, SQL: `SELECT 'a\';b', 'it''s;'`, Query: `SELECT 'a\';b', 'it''s;'`}},
		{"SELECT 1 FORMAT Native", Statement{Kind: Select, SQL: "SELECT 1 FORMAT Native", Query: "SELECT 1 ", Format: "Native"}},
		{"SELECT 1 FORMAT CSV SETTINGS max_threads = 1;", Statement{Kind: Select,
			SQL: "SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Query: "SELECT 1  SETTINGS max_threads = 1", Format: "CSV"}},
		{"SELECT format FROM t", Statement{Kind: Select, SQL: "SELECT format FROM t", Query: "SELECT format FROM t"}},
		{"SELECT a AS format SETTINGS max_threads = 1", Statement{Kind: Select,
			SQL: "SELECT a AS format SETTINGS max_threads = 1", Query: "SELECT a AS format SETTINGS max_threads = 1"}},
		{"(SELECT 1)", Statement{Kind: Select, SQL: "(SELECT 1)", Query: "(SELECT 1)"}},
		{"SELECT * FROM {t:Identifier}", Statement{Kind: Select, SQL: "SELECT * FROM {t:Identifier}", Query: "SELECT * FROM {t:Identifier}", Identifiers: []string{"t"}}},
		{"WITH 1 AS x INSERT INTO t SELECT x", Statement{Kind: Insert, SQL: "WITH 1 AS x INSERT INTO t SELECT x", Query: "WITH 1 AS x INSERT INTO t SELECT x"}},
		{"INSERT INTO a SELECT 1", Statement{Kind: Insert, SQL: "INSERT INTO a SELECT 1", Query: "INSERT INTO a SELECT 1"}},
		{"INSERT INTO a (b) (SELECT 1)", Statement{Kind: Insert, SQL: "INSERT INTO a (b) (SELECT 1)", Query: "INSERT INTO a (b) (SELECT 1)"}},
		{"SELECT 1 FORMAT Values", Statement{Kind: Select, SQL: "SELECT 1 FORMAT Values", Query: "SELECT 1 ", Format: "Values"}},
		{`SELECT 1 AS "a\t""b"`, Statement{Kind: Select, SQL: `SELECT 1 AS "a\t""b"`, Query: `SELECT 1 AS "a\t""b"`}},
		{"show tables", Statement{Kind: Show, SQL: "show tables", Query: "show tables"}},
		{"SET max_threads = 1", Statement{Kind: Session, SQL: "SET max_threads = 1", Query: "SET max_threads = 1"}},
		{"DROP TABLE `a;b`", Statement{Kind: Change, SQL: "DROP TABLE `a;b`", Query: "DROP TABLE `a;b`"}},
		{"ALTER TABLE t ATTACH PARTITION 1", Statement{Kind: Change, SQL: "ALTER TABLE t ATTACH PARTITION 1", Query: "ALTER TABLE t ATTACH PARTITION 1"}},
	} {
		got, err := Parse([]byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if d := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(Statement{})); d != "" {
			t.Errorf("%q: want -, got +\n%s", c.text, d)
		}
	}
}

func TestParseInsertWithData(t *testing.T) {
	for _, c := range []struct {
		text, sql, data string
	}{
		{"INSERT INTO t VALUES (1)", "INSERT INTO t FROM INFILE '/f' FORMAT Values", " (1)"},
		{"insert into table d.t(a, `b)`) values(1);", "insert into table d.t(a, `b)`) FROM INFILE '/f' FORMAT Values", "(1);"},
		{"INSERT INTO t FORMAT Native\n\n\n", "INSERT INTO t FROM INFILE '/f' FORMAT Native", "\n\n"},
		{"INSERT INTO t FORMAT Native \t\r\n\x00;'", "INSERT INTO t FROM INFILE '/f' FORMAT Native", "\x00;'"},
		{"INSERT INTO t (a) SETTINGS x = 1, y = 'FORMAT', z = -0.5, m = {'a': 1} FORMAT CSV\n1",
			"INSERT INTO t (a) FROM INFILE '/f' SETTINGS x = 1, y = 'FORMAT', z = -0.5, m = {'a': 1} FORMAT CSV", "1"},
		{"INSERT INTO settings SETTINGS a = b VALUES (1)", "INSERT INTO settings FROM INFILE '/f' SETTINGS a = b FORMAT Values", " (1)"},
		{"INSERT INTO db.format FORMAT TSV\n1", "INSERT INTO db.format FROM INFILE '/f' FORMAT TSV", "1"},
		{"INSERT INTO {t:Identifier} FORMAT TSV\n1", "INSERT INTO {t:Identifier} FROM INFILE '/f' FORMAT TSV", "1"},
		{"INSERT INTO t FORMAT JSONEachRow {\"a\":1}\n\nDROP TABLE t", "INSERT INTO t FROM INFILE '/f' FORMAT JSONEachRow", "{\"a\":1}\n\nDROP TABLE t"},
		{"INSERT INTO t VALUES ('a\n\nDROP TABLE t', 'not closed", "INSERT INTO t FROM INFILE '/f' FORMAT Values", " ('a\n\nDROP TABLE t', 'not closed"},
	} {
		s, err := Parse([]byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if s.Kind != InsertData {
			t.Errorf("%q: kind %d", c.text, s.Kind)
			continue
		}
		if got := s.FromFile("/f"); got != c.sql {
			t.Errorf("%q:\n got SQL %q\nwant SQL %q", c.text, got, c.sql)
		}
		if got := c.text[s.Data:]; got != c.data {
			t.Errorf("%q: got data %q, want %q", c.text, got, c.data)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, code := range map[string]int{
		"":                                       62,
		" ; ":                                    497,
		"SELECT 1; SELECT 2":                     62,
		"SELECT 1;;-- x\nDROP TABLE t":           62,
		"SELECT 'a":                              62,
		"SELECT \"a":                             62,
		"SELECT `a":                              62,
		"SELECT /* a":                            62,
		"SELECT $a$ b":                           62,
		"SELECT $a b$c$a b$":                     62,
		"SELECT 1\\G SELECT 2":                   62,
		"SELECT ‘a;b’":                           62,
		"SELECT 1\x00":                           62,
		"SELECT )":                               62,
		"SELECT 1 #x":                            62,
		"INSERT INTO t VALUES (1); DROP TABLE t": 62,
		"INSERT INTO t FORMAT CSV; 1":            62,
		"INSERT INTO t":                          62,
		"INSERT INTO t (a":                       62,
		"INSERT INTO t (a; b) VALUES":            62,
		"INSERT INTO t WATCH x":                  62,
		"INSERT t VALUES (1)":                    62,
		"INSERT INTO t SELECT 1 FORMAT CSV 1\n\nDROP TABLE t":                        48,
		"INSERT INTO t SELECT 1 FORMAT FROM\n\nDROP TABLE t":                         48,
		"WITH 1 AS x INSERT INTO t FORMAT CSV 1\n\nDROP TABLE t":                     48,
		"EXPLAIN INSERT INTO t VALUES (1)":                                           48,
		"CREATE TABLE a (b UInt8) ENGINE = Log PARALLEL WITH INSERT INTO t VALUES (": 497,
		"SELECT 1 INTO OUTFILE '/tmp/x'":                                             497,
		"SELECT 1 INTO /* */ outfile '/tmp/x'":                                       497,
		"INSERT INTO t FROM INFILE '/etc/hostname' FORMAT TSV":                       497,
		"SELECT * FROM infile":                                                       497,
		"INSERT INTO FUNCTION file('x') VALUES (1)":                                  497,
		"INSERT INTO TABLE FUNCTION file('x') VALUES (1)":                            497,
		"SELECT file('/x')":                                                          497,
		"SELECT `file`('/x')":                                                        497,
		"SELECT \"fi\\x6ce\"('/x')":                                                  497,
		"SELECT arrayMap(file, ['/x'])":                                              497,
		"SELECT hasColumnInTable('h', 'a', 'b', 'c')":                                497,
		"SELECT 1 SETTINGS additional_result_filter = 'file(\\'/x\\') = 1'":          497,
		"INSERT INTO t SETTINGS additional_result_filter = 'x' VALUES (1)":           497,
		"SET param_x = 'file'":                                                       497,
		"CREATE TABLE t (a UInt8) ENGINE = Executable('ls', 'TSV')":                  497,
		"CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://h/')": 497,
		"ATTACH TABLE t FROM '/srv/' (a UInt8) ENGINE = Log":                                                              497,
		"DETACH TABLE t":                 497,
		"BACKUP TABLE t TO File('x')":    497,
		"RESTORE TABLE t FROM File('x')": 497,
		"GRANT ALL ON *.* TO default":    497,
		"`SELECT` 1":                     497,
	} {
		_, err := Parse([]byte(text))
		var refusal *Error
		if !errors.As(err, &refusal) {
			t.Errorf("%q: got %v, want a refusal with code %d", text, err, code)
			continue
		}
		if refusal.Code != code {
			t.Errorf("%q: got code %d (%v), want %d", text, refusal.Code, err, code)
		}
	}
}

func TestRefuseParam(t *testing.T) {
	for value, refused := range map[string]bool{"file": true, "FILE": true, `fi\x6ce`: true, "files": false, "t": false} {
		if got := RefuseParam(value) != nil; got != refused {
			t.Errorf("%q: refused %v, want %v", value, got, refused)
		}
	}
}

// FuzzParse holds what the listener builds on: a text that passes is one statement, stays
// the same when read again, and cannot be made to carry another one.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1", "SELECT ';' -- x", "SELECT $a$;$a$ FORMAT Native", "INSERT INTO t (a) SETTINGS x=1 FORMAT CSV\n1",
		"INSERT INTO t VALUES (1,'\n\n')", "WITH x AS (SELECT 1) SELECT * FROM x FORMAT JSON SETTINGS a=1;",
		"SELECT x'41', 'it''s', \"a\\\"b\", `c` /* /* */ */ # y", "SELECT {a:Identifier}", "SELECT 1 INTO OUTFILE 'x'",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code == 0 || refusal.Name == "" {
				t.Fatalf("refusal without a code: %v", err)
			}
			return
		}
		if s.Kind == InsertData {
			if s.Data < 0 || s.Data > len(text) || s.Format == "" {
				t.Fatalf("data at %d of %d, format %q", s.Data, len(text), s.Format)
			}
			if _, err := Parse([]byte(strings.Replace(s.FromFile("/f"), " FROM INFILE '/f'", "", 1))); err != nil {
				t.Fatalf("%q is not an INSERT again: %v", s.FromFile("/f"), err)
			}
			return
		}
		again, err := Parse([]byte(s.SQL))
		if err != nil || again.Kind != s.Kind || again.SQL != s.SQL || again.Format != s.Format {
			t.Fatalf("%q read again: %+v %v", s.SQL, again, err)
		}
		if _, err := Parse([]byte(s.SQL + "\n; SELECT 1")); err == nil {
			t.Fatalf("a second statement behind %q passed", s.SQL)
		}
		if s.Kind == Select && s.Format == "" {
			if _, err := Parse([]byte("DESCRIBE (" + s.Query + "\n)")); err != nil && !strings.Contains(err.Error(), "bracket") {
				t.Fatalf("%q cannot be a subquery: %v", s.Query, err)
			}
		}
	})
}
