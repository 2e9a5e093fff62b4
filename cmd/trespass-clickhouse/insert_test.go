//go:build linux && amd64

package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/klauspost/compress/zstd"
)

// blankLines is a value the library would cut an INSERT at, followed by what it would
// then run.
const blankLines = "a\n\nDROP TABLE victim\n\n;DROP TABLE victim"

func TestBlankLinesInDataStayData(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE victim (a UInt8) ENGINE = Memory")
	for name, insert := range map[string]func(t *testing.T, table string){
		"Native": func(t *testing.T, table string) {
			conn := c.connect(t)
			batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if err := batch.Append(uint32(0x0a0a0a0a), blankLines); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
		},
		"RowBinary": func(t *testing.T, table string) {
			row := append([]byte{0x0a, 0x0a, 0x0a, 0x0a, byte(len(blankLines))}, blankLines...)
			c.insert(t, "INSERT INTO "+table+" FORMAT RowBinary", bytes.Repeat(row, 100))
		},
		"JSONEachRow": func(t *testing.T, table string) {
			row := `{"n": 168430090,` + "\n\n" + `"s": "` + strings.ReplaceAll(blankLines, "\n", `\n`) + `"}` + "\n\n"
			c.sql(t, "INSERT INTO "+table+" FORMAT JSONEachRow\n"+strings.Repeat(row, 100))
		},
		"Values": func(t *testing.T, table string) {
			c.sql(t, "INSERT INTO "+table+" VALUES "+strings.TrimSuffix(strings.Repeat("(168430090,\n\n'"+blankLines+"'),", 100), ","))
		},
		"TabSeparated": func(t *testing.T, table string) {
			row := "168430090\t" + strings.ReplaceAll(blankLines, "\n", `\n`) + "\n"
			c.insert(t, "INSERT INTO "+table+" FORMAT TSV", []byte(strings.Repeat(row, 100)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := "blank_" + name
			c.sql(t, "CREATE TABLE "+table+" (n UInt32, s String) ENGINE = MergeTree ORDER BY n")
			insert(t, table)
			got := c.sql(t, "SELECT count(), uniqExact(n, s), any(n), any(s) FROM "+table+" FORMAT TSVRaw")
			if want := "100\t1\t168430090\t" + blankLines + "\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := c.sql(t, "EXISTS TABLE victim"); got != "1\n" {
				t.Fatal("a statement inside the data was run")
			}
		})
	}
}

func TestDataOfJSONBehindABlankLineIsNotRun(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE behind (a UInt8) ENGINE = Memory")
	a := c.do(t, "POST", "", strings.NewReader("INSERT INTO behind FORMAT JSONEachRow\n{\"a\":1}\n\nDROP TABLE behind"))
	if a.status == http.StatusOK {
		t.Errorf("text behind the data was accepted")
	}
	if got := c.sql(t, "EXISTS TABLE behind"); got != "1\n" {
		t.Fatal("a statement behind the data was run")
	}
}

func TestInsertClauses(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE clauses (a UInt8, b String DEFAULT 'd') ENGINE = MergeTree ORDER BY a")
	c.insert(t, "INSERT INTO clauses (a) SETTINGS max_threads = 1, input_format_null_as_default = 1 FORMAT CSV", []byte("1\n"))
	c.sql(t, "INSERT INTO TABLE trespass.clauses (b, a) VALUES ('x', 1 + 1), (upper('y'), 3);")
	c.sql(t, "INSERT INTO clauses SELECT 4, 'z'")
	c.sql(t, "INSERT INTO clauses FORMAT TSV\n")
	c.insert(t, "INSERT INTO clauses VALUES", []byte("(5, 'v')"))
	a := c.do(t, "POST", "?param_n=6&param_s="+url.QueryEscape(`it's\n`), strings.NewReader("INSERT INTO clauses VALUES ({n:UInt8}, {s:String})"))
	if a.status != http.StatusOK {
		t.Errorf("parameters in VALUES: %s", a.body)
	}
	if got, want := c.sql(t, "SELECT * FROM clauses ORDER BY a"), "1\td\n2\tx\n3\tY\n4\tz\n5\tv\n6\tit\\'s\\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInsertSummaryCountsRows(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE counted (a UInt8) ENGINE = Memory")
	a := c.do(t, "POST", "", strings.NewReader("INSERT INTO counted VALUES (1), (2), (3)"))
	if got := a.header.Get("X-ClickHouse-Summary"); !strings.Contains(got, `"written_rows":"3"`) {
		t.Errorf("summary %s", got)
	}
}

func TestInsertCompressed(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE compressed (way String, a UInt64) ENGINE = MergeTree ORDER BY way")
	for _, method := range []clickhouse.CompressionMethod{
		clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP, clickhouse.CompressionDeflate,
	} {
		t.Run(method.String(), func(t *testing.T) {
			conn := c.connect(t, func(o *clickhouse.Options) {
				o.Compression = &clickhouse.Compression{Method: method, Level: 3}
			})
			ctx := context.Background()
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO compressed")
			if err != nil {
				t.Fatal(err)
			}
			for i := range 50_000 {
				if err := batch.Append(method.String(), uint64(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(ctx, "SELECT a FROM compressed WHERE way = ? ORDER BY a", method.String())
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			n := uint64(0)
			for ; rows.Next(); n++ {
				var a uint64
				if err := rows.Scan(&a); err != nil {
					t.Fatal(err)
				}
				if a != n {
					t.Fatalf("row %d is %d", n, a)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if n != 50_000 {
				t.Errorf("%d rows", n)
			}
		})
	}
	t.Run("Content-Encoding", func(t *testing.T) {
		var gz, zs bytes.Buffer
		g := gzip.NewWriter(&gz)
		g.Write([]byte("('raw gzip', 1)"))
		g.Close()
		z, err := zstd.NewWriter(&zs)
		if err != nil {
			t.Fatal(err)
		}
		z.Write([]byte("('raw zstd', 1)"))
		z.Close()
		for encoding, data := range map[string]*bytes.Buffer{"gzip": &gz, "zstd": &zs} {
			a := c.do(t, "POST", "?query=INSERT+INTO+compressed+VALUES", data, "Content-Encoding", encoding)
			if a.status != http.StatusOK {
				t.Errorf("%s: %s", encoding, a.body)
			}
		}
		if got := c.sql(t, "SELECT count() FROM compressed WHERE way LIKE 'raw%'"); got != "2\n" {
			t.Errorf("%s rows", got)
		}
		a := c.do(t, "POST", "", strings.NewReader("x"), "Content-Encoding", "br")
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "Content-Encoding") {
			t.Errorf("brotli: %d %s", a.status, a.body)
		}
	})
	t.Run("cut off", func(t *testing.T) {
		a := c.do(t, "POST", "?decompress=1&query=INSERT+INTO+compressed+FORMAT+Native", strings.NewReader("0123456789"))
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "Code: 271.") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestInsertOfWrongDataLeavesNothing(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE wrong (a UInt8) ENGINE = MergeTree ORDER BY a")
	a := c.do(t, "POST", "", strings.NewReader("INSERT INTO wrong FORMAT JSONEachRow\n{\"a\":1}\n{\"a\":\"x\"}"))
	if a.status == http.StatusOK || !strings.HasPrefix(a.body, "Code: ") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := c.sql(t, "SELECT count() FROM wrong"); got != "0\n" {
		t.Errorf("%s rows", got)
	}
}

func TestAsyncInsertIsSynchronous(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE later (a UInt8) ENGINE = MergeTree ORDER BY a")
	conn := c.connect(t)
	if err := conn.Exec(clickhouse.Context(context.Background(), clickhouse.WithAsync(false)), "INSERT INTO later VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if got := c.sql(t, "SELECT count(), getSetting('async_insert') FROM later"); got != "1\tfalse\n" {
		t.Errorf("got %q", got)
	}
}
