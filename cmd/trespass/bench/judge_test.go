package bench

import (
	"maps"
	"runtime"
	"testing"
	"time"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/policy"
)

// batchRequests is how many requests are decoded before they are judged, about what
// one batch of the Kafka source brings.
const batchRequests = 256

// begin is when the traffic begins. Nothing hangs on the day.
var begin = time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)

// log is one log on its way to the detector.
type log struct {
	name   string
	stream *ingest.Stream
	batch  *ingest.Batch
	part   join.Part
	offset int64
}

// system is decoding, join and verdicts, fed by a goroutine of ours with traffic.
type system struct {
	traffic  traffic
	detector *join.Detector
	app      *log // nil if it is not read
	audit    *log
	out      detect.Output

	lines, bytes int64
	found        int64
	got, want    map[detect.Verdict]int64
	refused      int
}

// newSystem makes a system with the facts loaded, as the service has them.
func newSystem(b *testing.B, t traffic, app, audit bool) *system {
	file, err := policy.Parse("policy.yaml", market.Policy)
	if err != nil {
		b.Fatal(err)
	}
	s := &system{traffic: t, detector: join.New(file.Detect, join.Options{}), got: map[detect.Verdict]int64{}, want: map[detect.Verdict]int64{}}
	s.traffic.start = begin
	facts := s.open("facts", true)
	if app {
		s.app = s.open("app", false)
	}
	if audit {
		s.audit = s.open("audit", false)
	}
	s.traffic.facts(func(line []byte) {
		facts.batch.Reset()
		facts.decode(line)
		s.observe(facts)
	})
	return s
}

func (s *system) open(name string, facts bool) *log {
	return &log{
		name: name, stream: ingest.NewStream(ingest.Config{}), batch: ingest.NewBatch(),
		part: s.detector.Open(join.Start{Source: name, Facts: facts}),
	}
}

func (l *log) decode(line []byte) {
	l.stream.Record(ingest.Record{Origin: detect.Origin{Source: l.name, Offset: l.offset}, Value: line}, l.batch)
	l.offset++
}

// judge takes the lines that traffic made last all the way.
func (s *system) judge() {
	if s.app != nil {
		s.read(s.app, &s.traffic.app)
	}
	if s.audit != nil {
		s.read(s.audit, &s.traffic.audit)
	}
}

func (s *system) read(l *log, from *lines) {
	l.batch.Reset()
	for i := range from.len() {
		l.decode(from.line(i))
	}
	s.observe(l)
	s.take()
}

func (s *system) observe(l *log) {
	s.detector.ObserveAll(l.part, l.batch.Events)
	s.detector.Skip(l.part, l.offset-1)
	s.refused += len(l.batch.Quarantined) + l.batch.Skipped
}

func (s *system) take() {
	s.out.Findings, s.out.Reads = s.out.Findings[:0], s.out.Reads[:0]
	s.detector.Take(&s.out)
	if len(s.out.Failures) > 0 {
		panic(s.out.Failures[0].Stack)
	}
	s.found += int64(len(s.out.Findings))
	for i := range s.out.Reads {
		s.got[s.out.Reads[i].Verdict] += s.out.Reads[i].Count
	}
}

// next makes the lines of the next requests, and writes down what they must give.
func (s *system) next(requests int) (made int) {
	from := s.traffic.n
	s.traffic.next(requests)
	for n := from; n < s.traffic.n; n++ {
		r := s.traffic.request(n)
		s.want[r.verdict()] += r.rows
	}
	if s.app != nil {
		made += s.traffic.app.len()
		s.bytes += int64(len(s.traffic.app.mem))
	}
	if s.audit != nil {
		made += s.traffic.audit.len()
		s.bytes += int64(len(s.traffic.audit.mem))
	}
	s.lines += int64(made)
	return made
}

// warm reads on until lines leave the windows as fast as they come.
func (s *system) warm() {
	for until := begin.Add(4 * time.Minute); s.traffic.at(s.traffic.n).Before(until); {
		s.next(batchRequests)
		s.judge()
	}
}

// end ends the logs, so that all is decided, and checks every record's verdict.
func (s *system) end(b *testing.B) {
	for _, l := range []*log{s.app, s.audit} {
		if l != nil {
			s.detector.End(l.part)
		}
	}
	s.take()
	st := s.detector.Stats()
	if !maps.Equal(s.got, s.want) || s.found != 0 || s.refused != 0 {
		b.Errorf("%d lines gave %v and %d findings, %d refused; want %v and nothing else", s.lines, s.got, s.found, s.refused, s.want)
	}
	if st.Late+st.Apart+st.Evicted+st.Duplicates+st.Mixed != 0 || st.Accesses != uint64(s.traffic.n) {
		b.Errorf("%d requests gave %d accesses: %+v", s.traffic.n, st.Accesses, st)
	}
}

// BenchmarkJudge takes lines all the way from their bytes to their verdicts, on one
// core and without I/O: honest traffic of many users, in which nothing is found, in
// the steady state, where every line that comes lets another leave the windows. One
// operation is one line.
func BenchmarkJudge(b *testing.B) {
	for _, bb := range []struct {
		name       string
		traffic    traffic
		app, audit bool
	}{
		{"app", traffic{}, true, false},
		{"audit", traffic{claims: true}, false, true},
		{"pair", traffic{}, true, true},
		{"pair/claims", traffic{claims: true}, true, true},
		{"pair/100-a-second", traffic{every: 10 * time.Millisecond}, true, true},
	} {
		var s *system // kept over the rounds that testing makes of a benchmark
		b.Run(bb.name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			if s == nil {
				s = newSystem(b, bb.traffic, bb.app, bb.audit)
				s.warm()
			}
			b.ResetTimer()
			b.StopTimer()
			var cost cost
			first := s.bytes
			lines := 0
			for lines < b.N {
				lines += s.next(batchRequests)
				cost.begin()
				b.StartTimer()
				s.judge()
				b.StopTimer()
				cost.end()
			}
			cost.report(b, lines, s.bytes-first)
		})
		if s != nil {
			s.end(b)
		}
	}
}
