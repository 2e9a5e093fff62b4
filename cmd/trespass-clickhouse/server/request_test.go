//go:build linux && amd64

package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

func TestFramesRoundTrip(t *testing.T) {
	data := bytes.Repeat([]byte("trespass\n\n"), 300_000)
	for _, method := range []compress.Method{compress.LZ4, compress.LZ4HC, compress.ZSTD, compress.None} {
		var framed bytes.Buffer
		if _, err := newFrameWriter(&framed, method).Write(data); err != nil {
			t.Fatal(err)
		}
		whole := framed.Bytes()
		got, err := io.ReadAll(newFrames(bytes.NewReader(whole)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", method, len(got), err)
		}
		for _, cut := range []int{1, 16, 25, 26, len(whole) / 2, len(whole) - 1} {
			_, err := io.ReadAll(newFrames(bytes.NewReader(whole[:cut])))
			var e *engine.Exception
			if !errors.As(err, &e) || e.Code != 271 {
				t.Errorf("%s cut at %d: %v", method, cut, err)
			}
		}
	}
	if got, err := io.ReadAll(newFrames(strings.NewReader(""))); err != nil || len(got) != 0 {
		t.Errorf("no frames: %q %v", got, err)
	}
}

func TestReadStatementLimits(t *testing.T) {
	long := "SELECT '" + strings.Repeat("x", maxQueryBytes) + "'"
	for name, one := range map[string]struct{ query, body string }{
		"body": {"", long}, "query": {long, ""}, "both": {"SELECT ", long},
	} {
		_, _, err := readStatement(one.query, strings.NewReader(one.body))
		var e *engine.Exception
		if !errors.As(err, &e) || e.Code != 62 || !strings.Contains(e.Text, "Max query size") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Data behind an INSERT is not bound by the limit of the statement.
	s, data, err := readStatement("", strings.NewReader("INSERT INTO t FORMAT CSV\n"+long))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(data); err != nil || string(got) != long || s.Format != "CSV" {
		t.Errorf("%d bytes of data, %v", len(got), err)
	}
}

func TestUnescape(t *testing.T) {
	for field, want := range map[string]string{`a`: "a", `a\tb`: "a\tb", `\\n`: `\n`, `\0\'`: "\x00'"} {
		if got := unescape(field); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

// FuzzRequest holds that URL, headers and body of any request are read without a panic,
// and that what passes is safe to put into SET and response headers.
func FuzzRequest(f *testing.F) {
	f.Add("query=SELECT+1&max_threads=1&param_x=%27", "", "", "")
	f.Add("session_id=a&session_timeout=5&readonly=1&compress=1&network_compression_method=ZSTD", "INSERT INTO t FORMAT CSV\n1", "Native", "")
	f.Add("decompress=1&client_protocol_version=54460", "0123456789abcdef0123456789", "", "gzip")
	f.Fuzz(func(t *testing.T, query, body, format, encoding string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-ClickHouse-Format", format)
		r.Header.Set("Content-Encoding", encoding)
		req, err := parseRequest(r, q)
		if err != nil {
			if e := exceptionOf(err); e.Code == 1002 {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		for _, one := range req.settings {
			if strings.ContainsAny(one.name, " '\"`\\;\n\x00") {
				t.Fatalf("setting %q", one.name)
			}
			if _, err := statement.Parse([]byte("SET " + one.name + " = " + engine.QuoteString(one.value))); err != nil && !strings.Contains(err.Error(), "Not allowed") {
				t.Fatalf("SET %s with %q is no statement: %v", one.name, one.value, err)
			}
		}
		if strings.ContainsAny(req.id, "\r\n") || req.readonly < 0 || req.readonly > 2 {
			t.Fatalf("%+v", req)
		}
		in, err := bodyReader(r, req.decompress)
		if err != nil {
			return
		}
		_, data, err := readStatement(req.query, in)
		if err == nil && data != nil {
			_, _ = io.Copy(io.Discard, data)
		}
	})
}
