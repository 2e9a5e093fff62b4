//go:build linux && amd64

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTwoStatementsInOneRequest(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE both (a UInt8) ENGINE = Memory")
	for _, text := range []string{
		"SELECT 1; DROP TABLE both",
		"SELECT 1;\n\n-- x\nDROP TABLE both;",
		"CREATE TABLE both2 (a UInt8) ENGINE = Memory; DROP TABLE both",
		"INSERT INTO both VALUES (1); DROP TABLE both",
		"INSERT INTO both SELECT 1; DROP TABLE both",
	} {
		c.refused(t, text, 62)
	}
	a := c.do(t, "POST", "?param_x=1", strings.NewReader("SELECT {x:UInt8}; DROP TABLE both"))
	if a.status != http.StatusBadRequest || !strings.HasPrefix(a.body, "Code: 62.") {
		t.Errorf("with parameters: %d %s", a.status, a.body)
	}
	c.refused(t, "INSERT INTO both SELECT 1 FORMAT CSV 1\n\nDROP TABLE both", 48)
	if got := c.sql(t, "EXISTS TABLE both"); got != "1\n" {
		t.Fatal("the second statement was run")
	}
	if got := c.sql(t, "SELECT 1 ; ; -- the end"); got != "1\n" {
		t.Errorf("a semicolon at the end: %q", got)
	}
}

// TestFilesFromSQL tries every way out that is known. The files are the test's own: a hole
// must not cost the machine more than them.
func TestFilesFromSQL(t *testing.T) {
	t.Run("in the sandbox", func(t *testing.T) { triesFiles(t, engine(t)) })
	t.Run("refusals alone", func(t *testing.T) {
		t.Setenv("TRESPASS_CLICKHOUSE_SANDBOX", "1") // as if it were inside already
		triesFiles(t, start(t))
	})
}

func triesFiles(t *testing.T, c *child) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.tsv")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"SELECT * FROM file('%s')",
		"SELECT * FROM `%s`",
		"SELECT * FROM default.`%s`",
		"SELECT file('%s')",
		"SELECT `file`('%s')",
		"SELECT arrayMap(file, ['%s'])",
		"SELECT * FROM filesystem('%s')",
		"SELECT * FROM url('file://%s', TSV, 'a String')",
		"SELECT * FROM sqlite('%s', 'a')",
		"SELECT 1 INTO OUTFILE '%s.out'",
		"SELECT 1 INTO OUTFILE '%s' TRUNCATE",
		"INSERT INTO gone FROM INFILE '%s' FORMAT TSV",
		"INSERT INTO FUNCTION file('%s.out', TSV, 'a String') VALUES ('x')",
		"INSERT INTO TABLE FUNCTION file('%s.out', TSV, 'a String') SELECT 'x'",
		"CREATE TABLE outside (a String) ENGINE = File(TSV, '%s')",
		"CREATE TABLE outside (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '%s/')",
		"CREATE DICTIONARY outside (a UInt64, b String) PRIMARY KEY a SOURCE(FILE(path '%s' format 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
		"CREATE DATABASE outside ENGINE = Filesystem('%s')",
		"ATTACH TABLE outside FROM '%s/' (a UInt8) ENGINE = MergeTree ORDER BY a",
		"BACKUP DATABASE trespass TO File('%s.backup')",
		"SELECT 1 SETTINGS additional_result_filter = 'file(''%s'') = 1'",
		"CREATE TABLE outside (a String) ENGINE = Executable('%s', TSV)",
		"SELECT * FROM executable('%s', TSV, 'a String')",
	} {
		text = fmt.Sprintf(text, secret)
		a := c.do(t, "POST", "", strings.NewReader(text))
		if a.status == http.StatusOK {
			t.Errorf("%s: was run: %.200s", text, a.body)
		}
		if strings.Contains(a.body, "secret\n") {
			t.Errorf("%s: shows the file", text)
		}
	}
	for _, text := range []string{
		"SELECT * FROM url('http://127.0.0.1:1/', TSV, 'a String')",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', TSV, 'a String')",
		"SELECT * FROM remote('127.0.0.2', system.one)",
		"SELECT hasColumnInTable('127.0.0.2', 'system', 'one', 'dummy')",
		"CREATE DATABASE elsewhere",
		"CREATE USER somebody",
		"SYSTEM SHUTDOWN",
	} {
		c.refused(t, text, 497)
	}
	if a := c.do(t, "POST", "?param_f=file", strings.NewReader("SELECT arrayMap({f:Identifier}, ['"+secret+"'])")); a.status != http.StatusForbidden {
		t.Errorf("a function as parameter: %d %s", a.status, a.body)
	}
	entries, err := os.ReadDir(outside)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "secret.tsv" {
		t.Errorf("the directory outside was changed: %v", entries)
	}
	if content, err := os.ReadFile(secret); err != nil || string(content) != "secret\n" {
		t.Errorf("the file outside was changed: %q %v", content, err)
	}
}

func TestWhatStaysAllowed(t *testing.T) {
	c := engine(t)
	for _, text := range []string{
		"CREATE TABLE stays (a UInt8, b String) ENGINE = ReplacingMergeTree ORDER BY a TTL toDate('2100-01-01') + toIntervalDay(a) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
		"CREATE VIEW stays_v AS SELECT * FROM stays FINAL WHERE a = {a:UInt8}",
		"CREATE TABLE stays_sum (b String, n UInt64) ENGINE = SummingMergeTree ORDER BY b",
		"CREATE MATERIALIZED VIEW stays_mv TO stays_sum AS SELECT b, count() AS n FROM stays GROUP BY b",
		"INSERT INTO stays VALUES (1, 'x'), (2, 'y')",
		"SELECT * FROM stays_v(a = 1)",
		"ALTER TABLE stays ADD COLUMN c UInt8 DEFAULT 7",
		"ALTER TABLE stays ADD INDEX i b TYPE bloom_filter GRANULARITY 1",
		"ALTER TABLE stays UPDATE b = 'z' WHERE a = 2 SETTINGS mutations_sync = 1",
		"DELETE FROM stays WHERE a = 2",
		"OPTIMIZE TABLE stays FINAL",
		"SYSTEM STOP MERGES stays",
		"SYSTEM START MERGES stays",
		"RENAME TABLE stays_sum TO stays_sum2",
		"EXCHANGE TABLES stays AND stays_sum2",
		"EXCHANGE TABLES stays AND stays_sum2",
		"EXPLAIN indexes = 1 SELECT * FROM stays WHERE b = 'x'",
		"SHOW CREATE TABLE stays",
		"DESCRIBE TABLE stays",
		"SELECT count() FROM system.parts WHERE table = 'stays'",
		"SELECT count() FROM information_schema.tables",
		"KILL QUERY WHERE query_id = 'x' ASYNC",
		"TRUNCATE TABLE stays",
		"DROP VIEW stays_mv SYNC",
		"DROP TABLE stays SYNC",
	} {
		c.sql(t, text)
	}
}

func TestLogin(t *testing.T) {
	c := engine(t)
	get := func(change func(*http.Request)) answer {
		r, err := http.NewRequest("GET", "http://"+c.addr+"/?query=SELECT+1", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		return send(t, r)
	}
	query := func(r *http.Request, add string) { r.URL.RawQuery += add }
	for name, one := range map[string]struct {
		change func(*http.Request)
		ok     bool
	}{
		"basic": {func(r *http.Request) { r.SetBasicAuth("default", c.password) }, true},
		"headers": {func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "default")
			r.Header.Set("X-ClickHouse-Key", c.password)
		}, true},
		"key alone":        {func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", c.password) }, true},
		"URL":              {func(r *http.Request) { query(r, "&user=default&password="+c.password) }, true},
		"nothing":          {func(*http.Request) {}, false},
		"empty":            {func(r *http.Request) { r.SetBasicAuth("default", "") }, false},
		"wrong":            {func(r *http.Request) { r.SetBasicAuth("default", c.password+"x") }, false},
		"other user":       {func(r *http.Request) { r.SetBasicAuth("admin", c.password) }, false},
		"wrong in headers": {func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", "x") }, false},
		"wrong in URL":     {func(r *http.Request) { query(r, "&password=x") }, false},
		"two ways":         {func(r *http.Request) { r.SetBasicAuth("default", c.password); query(r, "&password=x") }, false},
	} {
		a := get(one.change)
		switch {
		case one.ok && (a.status != http.StatusOK || a.body != "1\n"):
			t.Errorf("%s: %d %s", name, a.status, a.body)
		case !one.ok && (a.status != http.StatusForbidden || !strings.HasPrefix(a.body, "Code: 516.")):
			t.Errorf("%s: got in: %d %s", name, a.status, a.body)
		case strings.Contains(a.body, c.password):
			t.Errorf("%s: the answer shows the password", name)
		}
	}
	if log := c.log.String(); strings.Contains(log, c.password) {
		t.Error("the log shows the password")
	}
}

func TestWebPagesAreKeptOut(t *testing.T) {
	c := engine(t)
	port := c.addr[strings.LastIndexByte(c.addr, ':'):]
	for name, one := range map[string]struct {
		host, origin string
		ok           bool
	}{
		"address":        {"127.0.0.1" + port, "", true},
		"localhost":      {"localhost" + port, "", true},
		"IPv6":           {"[::1]" + port, "", true},
		"own page":       {"127.0.0.1" + port, "http://127.0.0.1" + port, true},
		"rebound name":   {"evil.example" + port, "", false},
		"other page":     {"127.0.0.1" + port, "https://evil.example", false},
		"file page":      {"127.0.0.1" + port, "null", false},
		"other machine":  {"10.0.0.1" + port, "", false},
		"no name at all": {".", "", false},
	} {
		r, err := http.NewRequest("POST", "http://"+c.addr+"/", strings.NewReader("SELECT 1"))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("default", c.password)
		r.Host = one.host
		if one.origin != "" {
			r.Header.Set("Origin", one.origin)
		}
		a := send(t, r)
		if one.ok != (a.status == http.StatusOK) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestGETOnlyReads(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE got (a UInt8) ENGINE = Memory")
	for _, query := range []string{"INSERT+INTO+got+VALUES+(1)", "INSERT+INTO+got+SELECT+1", "DROP+TABLE+got", "CREATE+TABLE+got2+(a+UInt8)+ENGINE=Memory"} {
		for _, session := range []string{"", "&session_id=readonly"} {
			a := c.do(t, "GET", "?query="+query+session, nil)
			if a.status == http.StatusOK || !strings.HasPrefix(a.body, "Code: 164.") {
				t.Errorf("%s%s: %d %s", query, session, a.status, a.body)
			}
		}
	}
	if got := c.do(t, "GET", "?query=SELECT+count()+FROM+got&session_id=readonly&max_threads=1", nil); got.body != "0\n" {
		t.Errorf("SELECT by GET: %d %s", got.status, got.body)
	}
}

func TestReadonlySetting(t *testing.T) {
	c := engine(t)
	for _, one := range []struct {
		query, text string
		code        int
	}{
		{"?readonly=1", "CREATE TABLE ro (a UInt8) ENGINE = Memory", 164},
		{"?readonly=2", "CREATE TABLE ro (a UInt8) ENGINE = Memory", 164},
		{"?readonly=1", "SELECT 1 SETTINGS max_threads = 1", 164},
		{"?readonly=2", "SELECT 1 SETTINGS max_threads = 1", 0},
		{"?readonly=1&max_threads=1", "SELECT getSetting('readonly')", 0},
		{"?readonly=3", "SELECT 1", 36},
	} {
		a := c.do(t, "POST", one.query, strings.NewReader(one.text))
		if one.code == 0 && a.status != http.StatusOK || one.code != 0 && !strings.HasPrefix(a.body, fmt.Sprintf("Code: %d.", one.code)) {
			t.Errorf("%s %s: want %d, got %d %s", one.query, one.text, one.code, a.status, a.body)
		}
	}
	if got := c.sql(t, "SELECT value FROM system.settings WHERE name = 'readonly'"); got != "0\n" {
		t.Errorf("readonly leaks: %s", got)
	}
}

func TestPathsAndMethods(t *testing.T) {
	c := engine(t)
	for path, want := range map[string]string{"/ping": "Ok.\n", "/replicas_status": "Ok.\n", "/play": "", "/dashboard": ""} {
		r, err := http.NewRequest("GET", "http://"+c.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := send(t, r)
		if want == "" && a.status != http.StatusNotFound || want != "" && (a.status != http.StatusOK || a.body != want) {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	a := c.do(t, "POST", "?query=SELECT+1", strings.NewReader("x"), "Content-Type", "multipart/form-data; boundary=x")
	if a.status != http.StatusNotImplemented {
		t.Errorf("external tables: %d %s", a.status, a.body)
	}
	if a := c.do(t, "PUT", "", strings.NewReader("SELECT 1")); a.status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d %s", a.status, a.body)
	}
}
