package join

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"trespass.dev/trespass/detect"
)

// counter stands in for judging and only counts.
type counter struct {
	simple
	judged, requests, statements int
}

func (c *counter) Accesses(list []*detect.Access, out *detect.Output, told func(int, detect.Extent)) {
	oneByOne(c, list, out, told)
}

func (c *counter) Access(a *detect.Access, provisional bool, _ *detect.Output) {
	if provisional {
		return
	}
	c.judged++
	c.requests += len(a.Requests)
	c.statements += len(a.Statements)
}

// traffic makes lines one after the other, always in the same memory, as a decoder
// does: of each request one application line, its settings and one read.
type traffic struct {
	lines   int
	step    int64 // event time between two requests
	request detect.Request
	setting detect.Settings
	stmt    detect.Statement
	event   detect.Event
	id      []byte
}

func (g *traffic) next() *detect.Event {
	i := g.lines
	g.lines++
	n := i / 3
	g.id = fmt.Appendf(g.id[:0], "0b9e0d9a-6c1f-4f0e-8a58-%012d", n)
	id := string(g.id)
	g.event = detect.Event{Time: noon + int64(n)*g.step, LineID: uint64(i)*0x9e3779b97f4a7c15 + 1, Origin: detect.Origin{Offset: int64(i)}}
	txn := id[24:]
	switch i % 3 {
	case 0:
		g.request = detect.Request{
			EventID: id, RequestID: id, Env: "production", Service: "web", Method: "GET", Route: "/api/orders/[id]", Path: "/api/orders/" + id,
			Status: 200, UserID: "11111111-1111-4111-8111-111111111111", SessionID: "5f0f6b3e-0000-4000-8000-000000000001", Tenant: "acme",
			Counts: []detect.Count{{Table: "orders", Rows: 1}},
		}
		g.event.Kind, g.event.Request = detect.KindRequest, &g.request
	case 1:
		g.setting = detect.Settings{Role: "authenticated", HasClaims: true, Sub: "11111111-1111-4111-8111-111111111111", Method: "GET", Path: "/orders", RequestID: id}
		g.stmt = detect.Statement{Kind: detect.StatementSetting, Session: "6b039cbb.1d97", Txn: txn, Line: int64(i), Login: "authenticator", Database: "shop", App: "PostgREST 12.2.3", Client: true, Rows: -1, Settings: &g.setting}
		g.event.Kind, g.event.Statement = detect.KindStatement, &g.stmt
	case 2:
		g.stmt = detect.Statement{
			Kind: detect.StatementAudit, Session: "6b039cbb.1d97", Txn: txn, Line: int64(i), Login: "authenticator", Database: "shop", App: "PostgREST 12.2.3",
			Client: true, StmtID: int64(i), SubstmtID: 1, Class: "READ", Command: "SELECT", ObjectType: "TABLE", Object: "orders", Rows: 1,
			SQL:    `WITH pgrst_source AS ( SELECT "public"."orders".* FROM "public"."orders"  WHERE  "public"."orders"."id" = $1 )  SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted FROM ( SELECT * FROM pgrst_source ) _postgrest_t`,
			Params: []detect.Param{{Value: id}}, ParamsKnown: true,
		}
		g.event.Kind, g.event.Statement = detect.KindStatement, &g.stmt
	}
	return &g.event
}

// BenchmarkObserve takes lines in, joins them and gives them to a judge that only
// counts; waiting is how many lines wait for a partner meanwhile. The lines are made
// in the loop: BenchmarkTraffic is what that costs.
func BenchmarkObserve(b *testing.B) {
	for _, waiting := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			d := newDetector(Options{MaxPending: 4 * waiting, MaxBytes: 1 << 40})
			judged := &counter{}
			d.facts, d.judging = detect.NewFacts(&detect.Policy{}), judged
			part := d.Open(Start{Source: "log"})
			g := &traffic{step: int64(100*time.Second) * 3 / int64(waiting)}
			for range waiting {
				d.Observe(part, g.next())
			}
			var out detect.Output
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				d.Observe(part, g.next())
				if i%1000 == 0 {
					d.Take(&out)
				}
			}
			b.StopTimer()
			pending := d.Stats().Pending
			d.End(part)
			d.Take(&out)
			requests := (g.lines + 2) / 3
			if judged.judged != requests || judged.requests != requests || judged.statements != g.lines/3 {
				b.Fatalf("of %d lines %d accesses with %d request lines and %d statements", g.lines, judged.judged, judged.requests, judged.statements)
			}
			if s := d.Stats(); s.Evicted+s.Apart+s.Duplicates != 0 {
				b.Fatalf("lines were not joined: %+v", s)
			}
			b.ReportMetric(float64(pending), "waiting")
		})
	}
}

// BenchmarkObserveAndJudge is BenchmarkObserve with the real judge and a policy: every
// request gives one read of the user's own order.
func BenchmarkObserveAndJudge(b *testing.B) {
	p := &detect.Policy{Tables: []detect.Table{{Name: "orders", ID: "id", Owners: []string{"user_id"}}}, Principals: detect.DefaultPrincipals(), Grace: detect.DefaultGrace(), Thresholds: detect.DefaultThresholds()}
	if err := p.Compile(); err != nil {
		b.Fatal(err)
	}
	d := New(p, Options{})
	part := d.Open(Start{Source: "log"})
	g := &traffic{step: 3e6}
	var out detect.Output
	reads := 0
	take := func() {
		d.Take(&out)
		reads += len(out.Reads)
		if len(out.Findings) > 0 {
			b.Fatalf("found something: %+v", out.Findings[0])
		}
		clear(out.Reads)
		out.Reads = out.Reads[:0]
	}
	b.ReportAllocs()
	for i := range b.N {
		d.Observe(part, g.next())
		if i%1000 == 0 {
			take()
		}
	}
	b.StopTimer()
	d.End(part)
	take()
	if want := (g.lines + 2) / 3; reads != want {
		b.Fatalf("%d reads of %d requests", reads, want)
	}
}

// BenchmarkTraffic makes the lines of BenchmarkObserve.
func BenchmarkTraffic(b *testing.B) {
	g := &traffic{step: 1e6}
	b.ReportAllocs()
	for range b.N {
		runtime.KeepAlive(g.next())
	}
}

// BenchmarkRepeats takes executions in one session of one text, a thousand a second, each
// with a line of its duration that stands outside of its transaction. The more of them
// there are within a few seconds, the more each such line has to look at, up to MaxPerKey.
func BenchmarkRepeats(b *testing.B) {
	const sql = "select * from orders where id = $1"
	for _, n := range []int{2_500, 10_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				d := newDetector(Options{})
				d.facts = detect.NewFacts(&detect.Policy{})
				judged := &counter{}
				d.judging = judged
				p := d.Open(Start{Source: "log"})
				for i := range n {
					for k, e := range []detect.Event{
						text(stmt("s", fmt.Sprint("3/", i+1), int64(2*i+1), float64(i)/1000, "orders"), sql),
						logged(stmt("s", "3/0", int64(2*i+2), float64(i)/1000, ""), sql),
					} {
						e.Origin.Offset = int64(2*i + k)
						e.LineID = uint64(2*i+k) + 1
						d.Observe(p, &e)
					}
				}
				d.End(p)
				if judged.statements < n || judged.statements > 2*n || d.Stats().Evicted == 0 && judged.statements != n {
					b.Fatalf("%d executions gave %d statements, %+v", n, judged.statements, d.Stats())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*n*b.N), "ns/line")
		})
	}
}
