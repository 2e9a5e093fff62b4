package bench

import (
	"slices"
	"testing"
	"time"
)

const (
	// samples is how many findings BenchmarkLatency waits for at least.
	samples = 60
	// quiet is the pause before each.
	quiet = 150 * time.Millisecond
)

// BenchmarkLatency measures how long it takes, when nothing else goes on, from just
// before an event is handed to the broker's client until its finding can be read in
// the view: a foreign read that one access event proves by itself. One operation is
// one finding.
func BenchmarkLatency(b *testing.B) {
	env := parts(b)
	k := newTopics(b, env["TRESPASS_KAFKA_BROKERS"])
	t := traffic{start: time.Now(), leakEvery: 1}
	k.fill(b, &t, 0) // the facts
	out := openEmbedded(b, env, programs(b))
	defer func() {
		if err := out.Close(); err != nil {
			b.Error(err)
		}
	}()
	ran := k.start(b, b.Context(), out)
	query := "SELECT rule, claim FROM " + out.Store.Database() + ".findings_v WHERE request_id = "

	// once writes one event and waits until its finding is there.
	once := func() time.Duration {
		t.start = time.Now().Add(-time.Duration(t.n) * time.Millisecond)
		t.next(1)
		r := t.request(t.n - 1)
		request := string(appendID(nil, kindRequest, r.n))
		k.add(k.app, r.at, t.app.line(0))
		began := time.Now()
		k.flush(b)
		poll := time.NewTicker(time.Millisecond)
		defer poll.Stop()
		for limit := began.Add(30 * time.Second); time.Now().Before(limit); <-poll.C {
			rows, err := out.Store.Strings(b.Context(), query+"'"+request+"'")
			if err != nil {
				b.Fatalf("ask for a finding: %v", err)
			}
			if len(rows) == 0 {
				continue
			}
			took := time.Since(began)
			if len(rows) != 1 || rows[0][0] != "foreign_read" || rows[0][1] != "proven" {
				b.Fatalf("found %v, want one proven foreign_read", rows)
			}
			return took
		}
		select {
		case err := <-ran:
			b.Fatalf("the service ended: %v", err)
		default:
			b.Fatal("no finding within 30 s")
		}
		return 0
	}
	once() // joins the group, reads the facts, opens the connections

	pause := time.NewTicker(quiet)
	defer pause.Stop()
	var took []time.Duration
	for b.Loop() {
		for range samples {
			<-pause.C
			took = append(took, once())
		}
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(took)), "samples")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}
