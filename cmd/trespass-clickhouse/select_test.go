//go:build linux && amd64

package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestStreamingTwentyMillionRowsInLittleMemory(t *testing.T) {
	const rows, limit = 20_000_000, 400 << 20
	c := start(t)
	r, err := http.NewRequest("POST", "http://"+c.addr+"/?default_format=Native", strings.NewReader("SELECT number, number + 1 FROM numbers(20000000)"))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("default", c.password)
	began := time.Now()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, sum, err := readNumbers(bufio.NewReaderSize(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(rows) * (rows - 1) / 2; got != rows || sum != want {
		t.Errorf("%d rows with sum %d, want %d with %d", got, sum, rows, want)
	}
	peak := peakMemory(t, c)
	t.Logf("%d rows in %v, peak memory %d MB", got, time.Since(began).Round(time.Millisecond), peak>>20)
	if peak >= limit {
		t.Errorf("peak memory %d MB", peak>>20)
	}
}

// readNumbers reads Native blocks of two UInt64 columns and adds the first one up.
func readNumbers(r *bufio.Reader) (rows, sum uint64, err error) {
	for {
		columns, err := readUvarint(r)
		if err == io.EOF {
			return rows, sum, nil
		}
		n, err2 := readUvarint(r)
		if err = errors.Join(err, err2); err != nil {
			return rows, sum, err
		}
		for i := range columns {
			for range 2 { // name and type
				length, err := readUvarint(r)
				if err != nil {
					return rows, sum, err
				}
				if _, err := r.Discard(int(length)); err != nil {
					return rows, sum, err
				}
			}
			var value [8]byte
			for range n {
				if _, err := io.ReadFull(r, value[:]); err != nil {
					return rows, sum, err
				}
				if i == 0 {
					for b := range value {
						sum += uint64(value[b]) << (8 * b)
					}
				}
			}
		}
		rows += n
	}
}

func readUvarint(r io.ByteReader) (uint64, error) {
	var v uint64
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
}

// peakMemory is the most memory the program has had resident, in bytes.
func peakMemory(t testing.TB, c *child) int64 { return statusMemory(t, c, "VmHWM:") }

func statusMemory(t testing.TB, c *child, field string) int64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s", field)
	return 0
}

const failsLate = "SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 65536"

func TestExceptionAfterTheFirstByte(t *testing.T) {
	c := engine(t)
	a := c.do(t, "POST", "", strings.NewReader(failsLate))
	if a.status != http.StatusOK {
		t.Fatalf("the error came before the first byte: %d", a.status)
	}
	tag := a.header.Get("X-ClickHouse-Exception-Tag")
	if len(tag) != 16 {
		t.Errorf("tag %q", tag)
	}
	_, trailer, ok := strings.Cut(a.body, "\r\n__exception__\r\n"+tag+"\r\n")
	if !ok {
		t.Fatalf("no trailer in the last bytes %q", a.body[len(a.body)-400:])
	}
	text, ok := strings.CutSuffix(trailer, " "+tag+"\r\n__exception__\r\n")
	if !ok || !strings.HasPrefix(text, "Code: 395. DB::Exception: ") {
		t.Fatalf("trailer %q", trailer)
	}
	message, length := text[:strings.LastIndexByte(text, '\n')+1], text[strings.LastIndexByte(text, '\n')+1:]
	if n, err := strconv.Atoi(length); err != nil || n != len(message) {
		t.Errorf("length %s of %d bytes", length, len(message))
	}
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP} {
		conn := c.connect(t, func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: method} })
		rows, err := conn.Query(context.Background(), failsLate)
		if err != nil {
			t.Fatalf("%s: the error came before the first row: %v", method, err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		var exception *clickhouse.Exception
		if err := rows.Err(); !errors.As(err, &exception) || exception.Code != 395 {
			t.Errorf("%s: after %d rows: %v", method, n, err)
		}
		if n == 0 {
			t.Errorf("%s: no rows before the error", method)
		}
		rows.Close() // repeats the error of the stream
	}
}

func TestWaitEndOfQueryTurnsLateErrorsIntoAStatus(t *testing.T) {
	c := engine(t)
	a := c.do(t, "POST", "?wait_end_of_query=1", strings.NewReader(failsLate))
	if a.status != http.StatusInternalServerError || !strings.HasPrefix(a.body, "Code: 395.") {
		t.Errorf("%d %.200s", a.status, a.body)
	}
	a = c.do(t, "POST", "?wait_end_of_query=1", strings.NewReader("SELECT number FROM numbers(100000)"))
	if got := strings.Count(a.body, "\n"); a.status != http.StatusOK || got != 100000 {
		t.Errorf("%d, %d rows", a.status, got)
	}
	if got := a.header.Get("X-ClickHouse-Summary"); !strings.Contains(got, `"read_rows":"100000"`) {
		t.Errorf("summary %s", got)
	}
}

func TestErrorsBeforeTheFirstByte(t *testing.T) {
	c := engine(t)
	for text, want := range map[string]struct{ status, code int }{
		"SELECT nope":           {400, 47},
		"SELECT * FROM nope":    {404, 60},
		"SELECT 1 +":            {400, 62},
		"SELECT 1 FORMAT X":     {400, 73},
		"SELECT throwIf(1)":     {500, 395},
		"SELECT sleep(3)":       {408, 159},
		"SELECT {missing:Date}": {400, 456},
	} {
		a := c.do(t, "POST", "?max_execution_time=1", strings.NewReader(text))
		if a.status != want.status || !strings.HasPrefix(a.body, fmt.Sprintf("Code: %d. DB::Exception: ", want.code)) ||
			a.header.Get("X-ClickHouse-Exception-Code") != strconv.Itoa(want.code) {
			t.Errorf("%s: want %v, got %d %q %s", text, want, a.status, a.header.Get("X-ClickHouse-Exception-Code"), a.body)
		}
	}
	err := c.connect(t).Exec(context.Background(), "SELECT * FROM nope")
	var exception *clickhouse.Exception
	var status *clickhouse.HTTPError
	if !errors.As(err, &exception) || exception.Code != 60 || exception.CodeName != "UNKNOWN_TABLE" || !errors.As(err, &status) || status.StatusCode != 404 {
		t.Errorf("clickhouse-go: %#v", err)
	}
}

func TestEmptyResult(t *testing.T) {
	c := engine(t)
	conn := c.connect(t)
	rows, err := conn.Query(context.Background(), "SELECT toUInt8(1) AS a, 'x' AS `tab\\tname`, toDateTime64(0, 3, 'UTC') AS t WHERE 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got, want := rows.Columns(), []string{"a", "tab\tname", "t"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("columns %q, want %q", got, want)
	}
	if rows.Next() {
		t.Error("a row")
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	for format, want := range map[string]string{"TabSeparated": "", "JSONEachRow": "", "CSVWithNames": "\"a\"\n", "RowBinary": ""} {
		if got := c.sql(t, "SELECT 1 AS a WHERE 0 FORMAT "+format); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
	if got := c.sql(t, "SELECT 1 AS a WHERE 0 LIMIT 1 SETTINGS max_threads = 1 FORMAT Native"); got != "\x01\x00\x01a\x05UInt8" {
		t.Errorf("block %q", got)
	}
	a := c.do(t, "POST", "?param_n=5&default_format=Native", strings.NewReader("SELECT number FROM numbers(3) WHERE number > {n:UInt8};"))
	if a.body != "\x01\x00\x06number\x06UInt64" {
		t.Errorf("block with parameters %q", a.body)
	}
}

func TestFormats(t *testing.T) {
	c := engine(t)
	for format, want := range map[string]string{
		"TSV":                "0\ta\n1\ta\n",
		"CSV":                "0,\"a\"\n1,\"a\"\n",
		"JSONEachRow":        "{\"n\":0,\"s\":\"a\"}\n{\"n\":1,\"s\":\"a\"}\n",
		"CSVWithNames":       "\"n\",\"s\"\n0,\"a\"\n1,\"a\"\n",
		"TSVWithNames":       "n\ts\n0\ta\n1\ta\n",
		"JSONCompactEachRow": "[0, \"a\"]\n[1, \"a\"]\n",
		"Values":             "(0,'a'),(1,'a')",
	} {
		const query = "SELECT toUInt8(number) AS n, 'a' AS s FROM numbers(2)"
		a := c.do(t, "POST", "", strings.NewReader(query+" FORMAT "+format))
		if a.body != want || a.header.Get("X-ClickHouse-Format") != format {
			t.Errorf("%s in the SQL: %q as %s", format, a.body, a.header.Get("X-ClickHouse-Format"))
		}
		if a := c.do(t, "POST", "?default_format="+format, strings.NewReader(query)); a.body != want {
			t.Errorf("%s in the URL: %q", format, a.body)
		}
		if a := c.do(t, "POST", "", strings.NewReader(query), "X-ClickHouse-Format", format); a.body != want {
			t.Errorf("%s in the header: %q", format, a.body)
		}
	}
	// Formats with a head or tail must have it once, also when the answer has many blocks.
	body := c.sql(t, "SELECT number FROM numbers(300000) FORMAT JSON")
	if strings.Count(body, `"meta"`) != 1 || !strings.Contains(body, `"rows": 300000`) {
		t.Errorf("JSON has %d heads", strings.Count(body, `"meta"`))
	}
}

func TestNamedParameters(t *testing.T) {
	c := engine(t)
	values := map[string]string{
		"quotes": `'"` + "`" + `''; DROP TABLE x --`, "tab": "a\tb", "newline": "a\n\nb", "nul": "a\x00b", "backslash": `a\nb\`, "empty": "", "unicode": "‘żółw’ 🐢",
		"null": `\N`, "file": "file",
	}
	escape := strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\x00", `\0`)
	for name, value := range values {
		q := url.Values{"param_v": {escape.Replace(value)}, "default_format": {"RowBinary"}}
		a := c.do(t, "POST", "?"+q.Encode(), strings.NewReader("SELECT {v:String}"))
		if want := string(rune(len(value))) + value; len(value) < 128 && a.body != want {
			t.Errorf("%s over HTTP: %q, want %q", name, a.body, want)
		}
	}
	conn := c.connect(t)
	for name, value := range values {
		var got string
		ctx := clickhouse.Context(context.Background(), clickhouse.WithParameters(clickhouse.Parameters{"v": escape.Replace(value)}))
		if err := conn.QueryRow(ctx, "SELECT {v:String}").Scan(&got); err != nil || got != value {
			t.Errorf("%s through clickhouse-go: %q %v, want %q", name, got, err, value)
		}
	}
	q := url.Values{"param_t": {"one"}, "param_db": {"system"}, "param_a": {"['x','it\\'s']"}}
	a := c.do(t, "POST", "?"+q.Encode(), strings.NewReader("SELECT count(), {a:Array(String)}[2] FROM {db:Identifier}.{t:Identifier}"))
	if a.body != "1\tit\\'s\n" {
		t.Errorf("identifiers and arrays: %d %q", a.status, a.body)
	}
}

func TestSettingsAndDatabase(t *testing.T) {
	c := engine(t)
	for query, want := range map[string]string{
		"":                                     "trespass\t65409\t\n",
		"?max_block_size=77":                   "trespass\t77\t\n",
		"?database=system&max_block_size=78":   "system\t78\t\n",
		"?database=default&quota_key=x":        "trespass\t65409\t\n",
		"?log_comment=mine&async_insert=1":     "trespass\t65409\t\n",
		"?final=1&format_csv_delimiter=%27%5C": "",
	} {
		a := c.do(t, "POST", query, strings.NewReader("SELECT currentDatabase(), getSetting('max_block_size'), if(getSetting('async_insert'), 'async', '')"))
		if want != "" && a.body != want {
			t.Errorf("%s: %d %q, want %q", query, a.status, a.body, want)
		}
	}
	for query, code := range map[string]string{
		"?nosuchsetting=1": "115", "?bad-name=1": "115", "?max_block_size=x": "27", "?database=nosuch": "497",
		"?additional_result_filter=1": "497", "?session_timeout=0": "36", "?network_compression_method=X": "36", "?query_id=%0a": "36", "?a;b=1": "36",
	} {
		a := c.do(t, "POST", query, strings.NewReader("SELECT 1"))
		if a.status == http.StatusOK || !strings.HasPrefix(a.body, "Code: "+code+".") {
			t.Errorf("%s: want code %s, got %d %s", query, code, a.status, a.body)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := engine(t)
	a := c.do(t, "POST", "?query_id=my-id", strings.NewReader("SELECT 1"))
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "my-id", "X-ClickHouse-Format": "TabSeparated", "X-ClickHouse-Timezone": strings.TrimSpace(c.sql(t, "SELECT timezone()")),
		"X-ClickHouse-Server-Display-Name": strings.TrimSpace(c.sql(t, "SELECT displayName()")),
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(a.header.Get("X-ClickHouse-Summary"), `"read_rows":"1"`) {
		t.Errorf("summary %q", a.header.Get("X-ClickHouse-Summary"))
	}
}

func TestSessions(t *testing.T) {
	c := engine(t)
	ask := func(query, text string) string {
		t.Helper()
		return c.do(t, "POST", query, strings.NewReader(text)).body
	}
	ask("?session_id=s1", "CREATE TEMPORARY TABLE kept (a UInt8)")
	ask("?session_id=s1", "INSERT INTO kept VALUES (7)")
	ask("?session_id=s1", "SET max_block_size = 123")
	if got := ask("?session_id=s1&max_block_size=5", "SELECT a, getSetting('max_block_size') FROM kept"); got != "7\t5\n" {
		t.Errorf("with a setting for one request: %q", got)
	}
	if got := ask("?session_id=s1", "SELECT a, getSetting('max_block_size') FROM kept"); got != "7\t123\n" {
		t.Errorf("afterwards: %q", got)
	}
	ask("?session_id=s1", "SELECT nope")
	if got := ask("?session_id=s1", "SELECT a FROM kept"); got != "7\n" {
		t.Errorf("after an error: %q", got)
	}
	c.do(t, "POST", "?session_id=s1", strings.NewReader(failsLate))
	if got := ask("?session_id=s1", "SELECT a FROM kept"); got != "7\n" {
		t.Errorf("after an error in the middle of a stream: %q", got)
	}
	if got := ask("?session_id=s2", "SELECT a FROM kept"); !strings.HasPrefix(got, "Code: 60.") {
		t.Errorf("another session sees the table: %q", got)
	}
	if got := ask("?session_id=unknown&session_check=1", "SELECT 1"); !strings.HasPrefix(got, "Code: 372.") {
		t.Errorf("session_check: %q", got)
	}
	ask("?session_id=short&session_timeout=1", "SELECT 1")
	eventually(t, 10*time.Second, "the session ends by its timeout", func() bool {
		// Asking with session_check makes the session live on, so only ask for its end.
		return strings.HasPrefix(ask("?session_id=short&session_check=1&session_timeout=1", "SELECT 1"), "Code: 372.") || func() bool {
			<-time.After(1200 * time.Millisecond)
			return false
		}()
	})
	busy := make(chan string)
	go func() { busy <- ask("?session_id=busy", "SELECT sleep(2)") }()
	eventually(t, 2*time.Second, "a session in use is locked", func() bool {
		return strings.HasPrefix(ask("?session_id=busy&session_check=1", "SELECT 1"), "Code: 373.")
	})
	if got := <-busy; got != "0\n" {
		t.Errorf("the first user of the session: %q", got)
	}
}
