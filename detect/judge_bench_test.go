package detect

import (
	"fmt"
	"testing"
)

// marketForJudging is a small policy, and facts of many orders.
func marketForJudging(tb testing.TB, orders int) (*Policy, *Facts) {
	tb.Helper()
	p := &Policy{
		Tables: []Table{
			{Name: "orders", ID: "id", Owners: []string{"buyer_id", "seller_id"}},
			{Name: "tickets", ID: "id", Owners: []string{"user_id"}},
		},
		Routes: []Route{{Match: "/api/cron/**", Kind: RouteService}, {Match: "/**", Kind: RouteUser}},
	}
	if err := p.Compile(); err != nil {
		tb.Fatal(err)
	}
	f := NewFacts(p)
	for i := range orders {
		o := Origin{Source: "facts", Offset: int64(i)}
		f.Add(&Fact{Kind: FactOwner, Table: "orders", Record: fmt.Sprintf("o%d", i), Column: "buyer_id", User: fmt.Sprintf("user-%d", i%1000)}, o)
		f.Add(&Fact{Kind: FactOwner, Table: "orders", Record: fmt.Sprintf("o%d", i), Column: "seller_id", User: "seller"}, o)
	}
	return p, f
}

// BenchmarkJudge judges one access of one record or of many, with owners from the line or
// from facts, and checks the verdict each time.
func BenchmarkJudge(b *testing.B) {
	p, f := marketForJudging(b, 100_000)
	for _, bench := range []struct {
		name  string
		table string
		rows  int
		owner []Owner
		want  Verdict
		finds int
	}{
		{"own/logged", "tickets", 1, []Owner{{Column: "user_id", ID: "user-7"}}, VerdictOwn, 0},
		{"own/facts", "orders", 1, nil, VerdictOwn, 0},
		{"own/list=100", "tickets", 100, []Owner{{Column: "user_id", ID: "user-7"}}, VerdictOwn, 0},
		{"foreign/logged", "tickets", 1, []Owner{{Column: "user_id", ID: "user-8"}}, VerdictForeign, 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			j := NewJudge(p, f, "production")
			a := &Access{Key: "k", Time: 1e18}
			r := Request{RequestID: "r1", Method: "GET", Route: "/api/orders/[id]", Status: 200, UserID: "user-7", Complete: true}
			for i := range bench.rows {
				r.Records = append(r.Records, Record{Table: bench.table, ID: fmt.Sprintf("o%d", 7+i*1000), Owners: bench.owner, Columns: []string{"id", "total"}})
			}
			a.Requests = []RequestLine{{Request: r, Time: a.Time, Origin: Origin{Source: "app", Offset: 9}}}
			var out Output
			b.ReportAllocs()
			for b.Loop() {
				out.Reads, out.Findings = out.Reads[:0], out.Findings[:0]
				j.Access(a, false, &out)
				if len(out.Reads) != bench.rows || out.Reads[0].Verdict != bench.want || len(out.Findings) != bench.finds {
					b.Fatalf("%d reads, first %s, %d findings", len(out.Reads), out.Reads[0].Verdict, len(out.Findings))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bench.rows), "ns/record")
		})
	}
}

// TestJudgingPlainReadsAllocatesNothing holds the hot path: what is own, explained or a
// service's costs no allocation beyond the slabs that reads are cut from.
func TestJudgingPlainReadsAllocatesNothing(t *testing.T) {
	p, f := marketForJudging(t, 1000)
	j := NewJudge(p, f, "production")
	for _, kind := range []string{"/api/orders/[id]", "/api/cron/nightly"} {
		r := Request{RequestID: "r1", Method: "GET", Route: kind, Status: 200, UserID: "user-7", Complete: true,
			Records: []Record{{Table: "orders", ID: "o7", Columns: []string{"id"}}}}
		a := &Access{Key: "k", Time: 1e18, Requests: []RequestLine{{Request: r, Time: 1e18, Origin: Origin{Source: "app"}}}}
		out := Output{Reads: make([]Read, 0, 16)}
		perRun := testing.AllocsPerRun(1000, func() {
			out.Reads = out.Reads[:0]
			j.Access(a, false, &out)
		})
		if out.Reads[0].Verdict != VerdictOwn {
			t.Fatalf("verdict %s, want own", out.Reads[0].Verdict)
		}
		if perRun > 0.1 {
			t.Errorf("%s: %.2f allocations for each access, want none", kind, perRun)
		}
	}
}
