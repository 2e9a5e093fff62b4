package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
)

// BenchmarkDecode takes lines of each format from their bytes to events, as a stream
// of a source does: the format is found by the content. One operation is one line.
// Decoding allocates nothing.
func BenchmarkDecode(b *testing.B) {
	claims := traffic{start: begin, claims: true}
	claims.next(512)
	var statements lines
	for i := 1; i < claims.audit.len(); i += 2 {
		statements.add(claims.audit.line(i))
	}
	var settings lines
	for i := 0; i < claims.audit.len(); i += 2 {
		settings.add(claims.audit.line(i))
	}
	var facts lines
	claims.facts(func(line []byte) {
		if facts.len() < 512 {
			facts.add(line)
		}
	})
	isStatement := func(e *detect.Event) bool {
		s := e.Statement
		return s != nil && s.Object == "public.orders" && s.RequestID != "" && len(s.Params) == 2 && s.Rows == 1
	}
	for _, bb := range []struct {
		name  string
		lines *lines
		right func(e *detect.Event) bool
	}{
		{"access", &claims.app, func(e *detect.Event) bool {
			r := e.Request
			return r != nil && r.Complete && r.UserID != "" && len(r.Records) == 1 && len(r.Records[0].Owners) == 2
		}},
		{"csvlog/statement", &statements, isStatement},
		{"csvlog/settings", &settings, func(e *detect.Event) bool {
			s := e.Statement
			return s != nil && s.Settings != nil && s.Settings.Role == "authenticated" && s.Settings.Sub != ""
		}},
		{"jsonlog/statement", jsonlog(b, &statements), isStatement},
		{"stderr/statement", stderr(b, &statements), isStatement},
		{"pino", pino(), func(e *detect.Event) bool {
			r := e.Request
			return r != nil && r.UserID != "" && r.RequestID != "" && r.Route != ""
		}},
		{"fact", &facts, func(e *detect.Event) bool {
			return e.Fact != nil && e.Fact.Kind == detect.FactOwner && e.Fact.User != ""
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			stream, batch := ingest.NewStream(ingest.Config{}), ingest.NewBatch()
			all := func() {
				batch.Reset()
				for i := range bb.lines.len() {
					stream.Record(ingest.Record{Origin: detect.Origin{Source: "log", Offset: int64(i)}, Value: bb.lines.line(i)}, batch)
				}
				stream.Flush(batch)
			}
			all() // grows the memory that is used again
			all()
			for i := range batch.Events {
				if !bb.right(&batch.Events[i]) {
					b.Fatalf("event %d is not what its line says", i)
				}
			}
			if len(batch.Events) != bb.lines.len() || len(batch.Quarantined) != 0 {
				b.Fatalf("%d lines gave %d events, %d refused", bb.lines.len(), len(batch.Events), len(batch.Quarantined))
			}
			if n := testing.AllocsPerRun(5, all); n != 0 {
				b.Errorf("%v allocations for %d lines, want none", n, bb.lines.len())
			}
			var cost cost
			lines, bytes := 0, int64(0)
			cost.begin()
			for b.Loop() {
				all()
				lines += bb.lines.len()
				bytes += int64(len(bb.lines.mem))
			}
			cost.end()
			cost.report(b, lines, bytes)
		})
	}
}

// jsonlog writes lines of csvlog as Postgres' JSON log has them.
func jsonlog(b *testing.B, from *lines) *lines {
	var to lines
	for i := range from.len() {
		f := fields(b, from.line(i))
		message, err := json.Marshal(f[13])
		if err != nil {
			b.Fatal(err)
		}
		to.add(fmt.Appendf(nil, `{"timestamp":"%s","user":"%s","dbname":"%s","pid":%s,"remote_host":"127.0.0.1","remote_port":54000,"session_id":"%s","line_num":%s,"ps":"SELECT","session_start":"%s","vxid":"%s","txid":0,"error_severity":"LOG","message":%s,"application_name":"web","backend_type":"client backend","query_id":0}`,
			f[0], f[1], f[2], f[3], f[5], f[6], f[8], f[9], message))
	}
	return &to
}

// stderr writes them as Postgres' text log has them.
func stderr(b *testing.B, from *lines) *lines {
	var to lines
	for i := range from.len() {
		f := fields(b, from.line(i))
		to.add(fmt.Appendf(nil, "%s [%s] [user=%s,db=%s,app=web] LOG:  %s", f[0], f[3], f[1], f[2], f[13]))
	}
	return &to
}

// fields takes a line of csvlog apart.
func fields(b *testing.B, line []byte) []string {
	f, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// pino makes lines as pino-http writes them.
func pino() *lines {
	var to lines
	t := traffic{start: begin}
	for n := range int64(512) {
		r := t.request(n)
		line := strconv.AppendInt([]byte(`{"level":30,"time":`), r.at.UnixMilli(), 10)
		line = appendID(append(line, `,"pid":71,"hostname":"web-1","req":{"id":"`...), kindRequest, r.n)
		line = append(line, `","method":"GET","url":"/api/orders?limit=2","headers":{"host":"market.example","user-agent":"`+padding[1:101]+`"},"remoteAddress":"10.0.0.7"},"userId":"`...)
		line = appendID(line, kindUser, r.user)
		line = append(line, `","route":"/api/orders","res":{"statusCode":200,"headers":{"content-type":"application/json"}},"responseTime":7,"msg":"request completed"}`...)
		to.add(line)
	}
	return &to
}
