//go:build linux && amd64

package server

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// reply writes one answer. The status is decided with the first byte; an error after it
// goes into the body in the form clients look for.
type reply struct {
	w       http.ResponseWriter
	body    io.Writer // w, or a compressor before it
	tag     string    // marks an exception in the body, so that data cannot imitate one
	started bool
	began   time.Time
}

func (s *Server) newReply(w http.ResponseWriter, req *request) *reply {
	a := &reply{w: w, body: w, tag: rand.Text()[:16], began: time.Now()}
	if req.compress {
		a.body = newFrameWriter(w, req.method)
	}
	h := w.Header()
	h.Set("X-ClickHouse-Query-Id", req.id)
	h.Set("X-ClickHouse-Server-Display-Name", s.about.displayName)
	h.Set("X-ClickHouse-Timezone", s.about.timezone)
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	h.Set("Cache-Control", "no-store")
	return a
}

// format names the format of the answer in the headers.
func (a *reply) format(name string) {
	a.w.Header().Set("X-ClickHouse-Format", name)
	a.w.Header().Set("Content-Type", contentType(name))
}

// summary puts the engine's figures into the headers. Of no effect once the answer has
// started: for a streamed answer it holds what was known at the first chunk.
func (a *reply) summary(c engine.Counters) {
	text, err := json.Marshal(map[string]string{
		"read_rows":          strconv.FormatUint(c.ReadRows, 10),
		"read_bytes":         strconv.FormatUint(c.ReadBytes, 10),
		"written_rows":       strconv.FormatUint(c.WrittenRows, 10),
		"written_bytes":      strconv.FormatUint(c.WrittenBytes, 10),
		"total_rows_to_read": "0",
		"result_rows":        "0",
		"result_bytes":       "0",
		"elapsed_ns":         strconv.FormatInt(time.Since(a.began).Nanoseconds(), 10),
	})
	if err == nil {
		a.w.Header().Set("X-ClickHouse-Summary", string(text))
	}
}

// Write sends a part of the answer.
func (a *reply) Write(p []byte) (int, error) {
	if len(p) > 0 {
		a.started = true
	}
	return a.body.Write(p)
}

// fail ends the answer with an error: as the whole answer with a status, or, when a part
// is out already, as the trailer in the body.
func (a *reply) fail(err error) {
	e := exceptionOf(err)
	if a.started {
		// Not compressed, whatever the body is: clients look for these bytes.
		fmt.Fprintf(a.w, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, e.Text, len(e.Text)+1, a.tag)
		return
	}
	writeException(a.w, httpStatus(e.Code), e)
}

func (s *Server) refuse(w http.ResponseWriter, status int, err error) {
	writeException(w, status, exceptionOf(err))
}

func writeException(w http.ResponseWriter, status int, e *engine.Exception) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	if e.Code == 516 {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, e.Text)
}

// exceptionOf gives any error the form clients expect.
func exceptionOf(err error) *engine.Exception {
	var e *engine.Exception
	if errors.As(err, &e) {
		return e
	}
	var refused *statement.Error
	if errors.As(err, &refused) {
		return engine.NewException(refused.Code, refused.Name, refused.Message)
	}
	return engine.NewException(1002, "UNKNOWN_EXCEPTION", err.Error())
}

func contentType(format string) string {
	switch format {
	case "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "TabSeparatedWithNames", "TSVWithNames":
		return "text/tab-separated-values; charset=UTF-8"
	case "CSV", "CSVWithNames":
		return "text/csv; charset=UTF-8; header=absent"
	case "JSON", "JSONCompact", "JSONStrings":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONCompactEachRow", "NDJSON":
		return "application/x-ndjson; charset=UTF-8"
	case "Native", "RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes":
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}
