//go:build linux && amd64

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

// TestHello: clickhouse-go's first question, in exactly its words, is answered with one
// block in the client's own revision that says revision 0. In other words it is a query
// like any other.
func TestHello(t *testing.T) {
	c := engine(t)
	const hello = "SELECT displayName(), version(), revision(), timezone()"
	for _, revision := range []int{54448, 54460, 54468} {
		a := c.do(t, "POST", fmt.Sprintf("?default_format=Native&client_protocol_version=%d", revision), strings.NewReader(hello))
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		name, version, own, zone := new(proto.ColStr), new(proto.ColStr), new(proto.ColUInt32), new(proto.ColStr)
		var block proto.Block
		rest := bytes.NewReader([]byte(a.body))
		err := block.DecodeBlock(proto.NewReader(rest), revision, proto.Results{
			{Name: "displayName()", Data: name}, {Name: "version()", Data: version}, {Name: "revision()", Data: own}, {Name: "timezone()", Data: zone},
		})
		if err != nil || block.Rows != 1 {
			t.Fatalf("revision %d: %v, %d rows in %q", revision, err, block.Rows, a.body)
		}
		if own.Row(0) != 0 || version.Row(0) != strings.TrimSpace(c.sql(t, "SELECT version()")) || name.Row(0) == "" || zone.Row(0) == "" {
			t.Errorf("revision %d: says %q %q %d %q", revision, name.Row(0), version.Row(0), own.Row(0), zone.Row(0))
		}
	}
	if a := c.do(t, "POST", "", strings.NewReader(hello)); a.status != http.StatusOK || strings.Count(a.body, "\t") != 3 {
		t.Errorf("as text: %d %q", a.status, a.body)
	}
}

// TestDescribe: before each batch the driver asks for a table's columns and reads seven
// columns of text.
func TestDescribe(t *testing.T) {
	c := engine(t)
	c.sql(t, `CREATE TABLE "described" (a UInt8 COMMENT 'it is', b LowCardinality(String) DEFAULT 'x') ENGINE = Memory`)
	for _, text := range []string{"DESCRIBE TABLE described", `DESCRIBE TABLE "trespass"."described"`} {
		if got, want := c.sql(t, text), "a\tUInt8\t\t\tit is\t\t\nb\tLowCardinality(String)\tDEFAULT\t\\'x\\'\t\t\t\n"; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestAnswersAreCompressedWhenAsked: compress=1 frames the answer, as LZ4 or as what
// network_compression_method names. A client that would take gzip can read the answer.
func TestAnswersAreCompressedWhenAsked(t *testing.T) {
	c := engine(t)
	plain := c.sql(t, "SELECT number FROM numbers(100000)")
	for query, method := range map[string]byte{"": 0x82, "&network_compression_method=LZ4": 0x82, "&network_compression_method=ZSTD": 0x90} {
		a := c.do(t, "POST", "?compress=1"+query, strings.NewReader("SELECT number FROM numbers(100000)"))
		if len(a.body) < 17 || a.body[16] != method {
			t.Fatalf("%q: %d, no frame with method %x: %.40q", query, a.status, method, a.body)
		}
		got, err := io.ReadAll(compress.NewReader(strings.NewReader(a.body)))
		if string(got) != plain { // the reader does not take the end for one
			t.Errorf("%q: %d bytes, want %d, %v", query, len(got), len(plain), err)
		}
	}
	if a := c.do(t, "POST", "", strings.NewReader("SELECT 1"), "Accept-Encoding", "gzip"); a.body != "1\n" || a.header.Get("Content-Encoding") != "" {
		t.Errorf("Accept-Encoding: gzip: %q as %q", a.body, a.header.Get("Content-Encoding"))
	}
}

// TestHeadsStandOnce: a format with a head or a tail has it once, however many blocks the
// answer has. The library's stream would repeat it in each.
func TestHeadsStandOnce(t *testing.T) {
	c := engine(t)
	const rows = 300_000
	for format, head := range map[string]string{"CSVWithNames": `"number"`, "TSVWithNames": "number", "JSONCompact": `"meta"`, "RowBinaryWithNames": "number"} {
		body := c.sql(t, fmt.Sprintf("SELECT number FROM numbers(%d) FORMAT %s", rows, format))
		if n := strings.Count(body, head); n != 1 {
			t.Errorf("%s: the head stands %d times", format, n)
		}
		if n := strings.Count(body, "\n"); strings.HasSuffix(format, "WithNames") && format != "RowBinaryWithNames" && n != rows+1 {
			t.Errorf("%s: %d lines, want %d", format, n, rows+1)
		}
	}
}

// TestSettingsDoNotLeak: a setting of one request is not there in the next.
func TestSettingsDoNotLeak(t *testing.T) {
	c := engine(t)
	const ask = "SELECT getSetting('max_block_size'), getSetting('max_threads')"
	before := c.sql(t, ask)
	if a := c.do(t, "POST", "?max_block_size=77&max_threads=1", strings.NewReader(ask)); a.body != "77\t1\n" {
		t.Errorf("the request itself: %q", a.body)
	}
	if got := c.sql(t, ask); got != before {
		t.Errorf("the next request: %q, before %q", got, before)
	}
}

// TestGrafanaReadOnly: what Grafana asks before it takes a source for read-only, and that
// an override is refused then.
func TestGrafanaReadOnly(t *testing.T) {
	c := engine(t)
	if got := c.sql(t, "SELECT getSetting('max_threads') > 0"); got != "1\n" {
		t.Errorf("getSetting: %q", got)
	}
	for _, text := range []string{"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_execution_time = 77"} {
		a := c.do(t, "POST", "?readonly=1", strings.NewReader(text))
		if a.status == http.StatusOK || !strings.HasPrefix(a.body, "Code: 164.") {
			t.Errorf("%s: %d %s", text, a.status, a.body)
		}
	}
}

// TestStreamLeftByItsClient: a client that goes away in the middle of an answer leaves
// its session fit for use: a stream that is not ended would make the next statement fail.
func TestStreamLeftByItsClient(t *testing.T) {
	c := engine(t)
	for name, query := range map[string]string{"a session": "?session_id=left&", "no session": "?"} {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", "http://"+c.addr+"/"+query+"default_format=TSV", strings.NewReader("SELECT number FROM numbers(1000000000)"))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("default", c.password)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(response.Body, make([]byte, 1<<16)); err != nil {
			t.Fatal(err)
		}
		leave()
		response.Body.Close()
		answer := ""
		eventually(t, 10*time.Second, name+" is free again", func() bool {
			answer = c.do(t, "POST", strings.TrimSuffix(query, "&"), strings.NewReader("EXISTS TABLE nothing")).body
			return !strings.HasPrefix(answer, "Code: 373.") // locked by the request that has not ended
		})
		if answer != "0\n" {
			t.Errorf("%s: the next statement got %s", name, answer)
		}
	}
}

// TestEngineSaysWhyItDoesNotOpen: the library gives no reason to its caller. What it
// writes to standard error is told instead, here that another engine, which does not know
// our lock, has the directory.
func TestEngineSaysWhyItDoesNotOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := startOn(t, dir)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	status, err := os.OpenFile(filepath.Join(dir, "store", "status"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	if err := syscall.Flock(int(status.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	code, text := fails(t, nil, "--data", dir, "--lib", library)
	expect(t, code, text, 2, "Another server instance in same directory is already running")
}

// TestForeignConfigOfTheHomeIsIgnored: neither is a configuration of the user's own
// ClickHouse tools.
func TestForeignConfigOfTheHomeIsIgnored(t *testing.T) {
	home := t.TempDir()
	foreign := "<clickhouse><max_server_memory_usage>777777777</max_server_memory_usage></clickhouse>"
	for _, path := range []string{".clickhouse-local/config.xml", ".clickhouse-client/config.xml", ".config/clickhouse/config.xml", "config.xml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, path), []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	c := start(t, "--memory", "600MB")
	if got := c.sql(t, "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"); got != fmt.Sprintln(600<<20) {
		t.Errorf("memory limit %q", got)
	}
}

// TestClosedPortIsNotWaitedFor: url() would wait for minutes; it is refused at once.
func TestClosedPortIsNotWaitedFor(t *testing.T) {
	c := engine(t)
	began := time.Now()
	a := c.do(t, "POST", "?query="+url.QueryEscape("SELECT * FROM url('http://127.0.0.1:1/', TSV, 'a String')"), nil)
	if took := time.Since(began); a.status == http.StatusOK || !strings.HasPrefix(a.body, "Code: 497.") || took > 5*time.Second {
		t.Errorf("after %v: %d %s", took, a.status, a.body)
	}
}
