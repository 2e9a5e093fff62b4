package ingest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/decode/decodetest"
)

const (
	access = `{"trespass":"access/1","time":"2026-11-23T01:55:57.374Z","event_id":"ev-1","status":200,"actor":{"user_id":"ann"},"records":[{"table":"orders","id":"o1","owners":{"buyer_id":"b\u006fb"}}]}`
	pino   = `{"level":30,"time":1795398957366,"req":{"id":"req-42","method":"GET","url":"/api/orders/1"},"userId":"ann","msg":"he said \"hi\""}`
	fact   = `{"trespass":"fact/1","fact":"member","user":"ann","tenant":"t1"}`
	csv    = `2026-11-23 09:13:37.454 UTC,"postgres","shop",29881,"127.0.0.1:48336",6b0403c1.74b9,1,"SELECT",2026-11-23 09:13:37 UTC,3/125,0,LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,,,""/* request_id=req-2001 */ select id from claims;"",<not logged>",,,,,,,,,"web","client backend",,0`
	head   = `2026-11-23 09:13:37.455 UTC,"postgres","shop",29881,"127.0.0.1:48336",6b0403c1.74b9,2,"SELECT",2026-11-23 09:13:37 UTC,3/126,0,LOG,00000,"AUDIT: SESSION,2,1,READ,SELECT,,,""select id,`
	middle = `       'a """"quoted"""" value'`
	tail   = `  from claims where status='open';"",<not logged>",,,,,,,,,"web","client backend",,0`
	stderr = `2026-11-23 01:54:03.343 UTC [7575] [user=app,db=shop,app=web] LOG:  execute <unnamed>: select 1`
)

// kafka gives the records of one partition with these values.
func kafka(values ...string) []ingest.Record {
	var list []ingest.Record
	for i, v := range values {
		list = append(list, ingest.Record{Origin: detect.Origin{Source: "app", Partition: 1, Offset: int64(i)}, Value: []byte(v), Time: now})
	}
	return list
}

// file gives the lines of one file.
func file(lines ...string) []ingest.Record {
	var list []ingest.Record
	for i, v := range lines {
		list = append(list, ingest.Record{Origin: detect.Origin{Source: "app.log", Partition: -1, Offset: int64(i + 1)}, Value: []byte(v)})
	}
	return list
}

var now = time.Date(2026, 11, 23, 9, 13, 40, 0, time.UTC).UnixNano()

func run(c ingest.Config, records ...ingest.Record) *ingest.Batch {
	s, b := ingest.NewStream(c), ingest.NewBatch()
	for _, r := range records {
		s.Record(r, b)
	}
	s.Flush(b)
	return b
}

// outcome is what a batch says, in one line per event or refusal.
func outcome(b *ingest.Batch) string {
	var w strings.Builder
	for _, ev := range b.Events {
		fmt.Fprintf(&w, "%v %s\n", ev.Origin, [...]string{"none", "request", "statement", "fact", "heartbeat"}[ev.Kind])
	}
	for _, q := range b.Quarantined {
		fmt.Fprintf(&w, "%v refused %s\n", q.Origin, q.Reason)
	}
	return w.String()
}

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func quote(line string) string {
	b, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, text)
	w.Close()
	return b.String()
}

func zstandard(text string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// A line says the same, and is known as the same line, whatever is around it.
func TestEnvelopesChangeNothing(t *testing.T) {
	envelopes := map[string]func(line string) string{
		"newline": func(l string) string { return l + "\n" },
		"filebeat": func(l string) string {
			return `{"@timestamp":"2026-11-23T09:25:56.935Z","@metadata":{"beat":"filebeat"},"log":{"offset":0,"file":{"path":"/var/log/pg.csv"}},"message":` + quote(l) + `,"host":{"name":"vm"}}`
		},
		"fluent bit": func(l string) string {
			return `{"@timestamp":1795398957.363,"log":` + quote(l) + `,"kubernetes":{"pod":"a"}}`
		},
		"vector": func(l string) string {
			return `{"container_id":"fec","host":"vm","message":` + quote(l) + `,"source_type":"docker","timestamp":"2026-11-23T09:25:56.935Z"}`
		},
		"docker": func(l string) string {
			return `{"log":` + quote(l+"\n") + `,"stream":"stdout","time":"2026-11-23T09:25:56.935Z"}`
		},
		"rsyslog jsonf": func(l string) string {
			return `{"timestamp":"2026-11-23T09:13:37+00:00", "host":"vm", "tag":"app", "pri":"133", "message":` + quote(l) + "}\n"
		},
		"rsyslog":        func(l string) string { return "2026-11-23T09:13:39.984304+00:00 vm app " + l + "\n" },
		"rfc 3164":       func(l string) string { return "<134>Nov 23 09:13:37 vm app[7]: " + l },
		"rfc 5424":       func(l string) string { return `<134>1 2026-11-23T09:13:37Z vm app 7 - [a b="]"] ` + l },
		"octet count":    func(l string) string { return "451 <134>1 2026-11-23T09:13:37Z vm app 7 - - " + l },
		"json string":    quote,
		"string in one":  func(l string) string { return quote(quote(l)) },
		"gzip":           zipped,
		"zstd":           zstandard,
		"gzip filebeat":  func(l string) string { return zipped(`{"@timestamp":1795398957,"message":` + quote(l) + "}") },
		"byte order":     func(l string) string { return "\xef\xbb\xbf" + l },
		"array of texts": func(l string) string { return "[" + quote(l) + "]" },
	}
	for name, line := range map[string]string{"access": access, "pino": pino, "csvlog": csv} {
		want := run(ingest.Config{}, kafka(line)...)
		if len(want.Events) != 1 {
			t.Fatalf("%s: %s", name, outcome(want))
		}
		for around, wrap := range envelopes {
			got := run(ingest.Config{}, kafka(wrap(line))...)
			if len(got.Events) != 1 {
				t.Errorf("%s in %s: %s", name, around, outcome(got))
				continue
			}
			g, w := got.Events[0], want.Events[0]
			if g.LineID != w.LineID || decodetest.Dump(g) != decodetest.Dump(w) {
				t.Errorf("%s in %s: LineID %x, want %x, and\n%swant\n%s", name, around, g.LineID, w.LineID, decodetest.Dump(g), decodetest.Dump(w))
			}
		}
	}
}

func TestStream(t *testing.T) {
	for name, tt := range map[string]struct {
		records []ingest.Record
		want    string
	}{
		"several objects in one value":   {kafka(access + "\n" + pino + "\n" + fact + "\n"), lines("app/1@0 request", "app/1@0 request", "app/1@0 fact")},
		"an array of objects":            {kafka("[" + access + ", " + pino + "]"), lines("app/1@0 request", "app/1@0 request")},
		"a pretty-printed object":        {kafka(strings.ReplaceAll(pino, ",", ",\n  ")), lines("app/1@0 request")},
		"a bad line among good ones":     {kafka(access + "\n{\"a\":x}\n" + pino), lines("app/1@0 request", "app/1@0 request", "app/1@0 refused bad_json")},
		"an array cut in the middle":     {kafka("[" + access + ", {\"a\""), lines("app/1@0 request", "app/1@0 refused cut")},
		"formats take turns":             {kafka(access, csv, pino, stderr, fact, csv), lines("app/1@0 request", "app/1@1 statement", "app/1@2 request", "app/1@3 statement", "app/1@4 fact", "app/1@5 statement")},
		"nothing":                        {append(kafka("", "null", "\n", "  "), ingest.Record{Null: true}), ""},
		"halves of a record":             {kafka(head, middle+"\n"+tail, csv), lines("app/1@0 statement", "app/1@2 statement")},
		"a record line by line":          {kafka(head, middle, tail), lines("app/1@0 statement")},
		"a record in one value":          {kafka(head + "\n" + middle + "\n" + tail), lines("app/1@0 statement")},
		"two records in one value":       {kafka(head + "\n" + middle + "\n" + tail + "\n" + csv), lines("app/1@0 statement", "app/1@0 statement")},
		"halves that were JSON-quoted":   {kafka(quote(head), quote(middle+"\n"+tail), quote(csv)), lines("app/1@0 statement", "app/1@2 statement")},
		"a first half alone":             {kafka(head, csv), lines("app/1@1 statement", "app/1@0 refused cut")},
		"a first half alone at the end":  {kafka(csv, head), lines("app/1@0 statement", "app/1@1 refused cut")},
		"a second half alone":            {kafka(csv, middle+"\n"+tail, csv), lines("app/1@0 statement", "app/1@2 statement", "app/1@1 refused cut")},
		"halves of an object":            {kafka(pino[:40], pino[40:], access), lines("app/1@0 request", "app/1@2 request")},
		"a first half of an object":      {kafka(pino[:40], access), lines("app/1@1 request", "app/1@0 refused cut")},
		"a half object, then other text": {kafka(pino[:40], csv), lines("app/1@1 statement", "app/1@0 refused cut")},
		"text that nobody knows":         {kafka("▲ Next.js 15", csv), lines("app/1@1 statement", "app/1@0 refused unknown")},
		"an access event through pino":   {kafka(`{"level":30,"time":1795398957366,"pid":7,"trespass":"access/1","time":1795398957367,"event_id":"e"}`), lines("app/1@0 request")},
		"a user's own trespass key":      {kafka(`{"level":30,"time":1795398957366,"req":{"id":"r1","query":{"trespass":"access/1"}}}`), lines("app/1@0 request")},
		"a message of a user":            {kafka(`{"level":30,"time":1795398957366,"reqId":"r1","message":` + quote(access) + "}"), lines("app/1@0 request")},
		"a message of a user, no logger": {kafka(`{"message":` + quote(access) + "}"), lines("app/1@0 none")},
		"an export of OpenTelemetry":     {kafka(`{"resourceLogs":[]}`), lines("app/1@0 refused unknown")},
		"damaged gzip":                   {kafka(zipped(access)[:40]), lines("app/1@0 refused bad_compression")},
		"gzip in an envelope":            {kafka(quote(access), zipped(zipped(access))), lines("app/1@0 request", "app/1@1 refused bad_compression")},
		"text with trailing lines": {file(stderr, "2026-11-23 01:54:03.343 UTC [7575] [user=app,db=shop,app=web] DETAIL:  parameters: $1 = '{", "\t}'", stderr),
			lines("app.log:1 statement", "app.log:4 statement")},
		// In a file, a line of a statement that looks like a line of the log is no such line.
		"a forged line in a file":   {file(head, strings.ReplaceAll(csv, `"`, `""""`), middle, tail, csv), lines("app.log:1 statement", "app.log:5 statement")},
		"a forged object in a file": {file(head, strings.ReplaceAll(access, `"`, `""""`), tail), lines("app.log:1 statement")},
		// But one that no text inside of quotes can look like ends what was cut off before it.
		"a record cut in a file":       {file(head, csv, csv), lines("app.log:2 statement", "app.log:3 statement", "app.log:1 refused cut")},
		"a record cut before its tail": {file(head, csv, tail, csv), lines("app.log:2 statement", "app.log:4 statement", "app.log:1 refused cut", "app.log:3 refused cut")},
		"a record cut twice":           {file(head, middle, head, middle, tail, csv), lines("app.log:3 statement", "app.log:6 statement", "app.log:1 refused cut")},
		"lines beside chunks": {kafka(piece(1, 1, stderr), access, piece(1, 2, " from orders"), csv, piece(2, 1, stderr)),
			lines("app/1@0 statement", "app/1@1 request", "app/1@3 statement", "app/1@4 statement")},
		"a chunk is lost":            {kafka(piece(1, 1, stderr), piece(1, 3, " from orders"), piece(2, 1, stderr)), lines("app/1@2 statement", "app/1@0 refused cut")},
		"the first chunk is lost":    {kafka(piece(1, 2, " from orders"), piece(2, 1, stderr)), lines("app/1@1 statement", "app/1@0 refused cut")},
		"an object after text":       {file(stderr, access, stderr), lines("app.log:1 statement", "app.log:2 request", "app.log:3 statement")},
		"unknown version":            {kafka(strings.Replace(access, "access/1", "access/9", 1)), lines("app/1@0 refused bad_version")},
		"a line past the limit":      {kafka(`{"a":"` + strings.Repeat("x", decode.MaxLine) + `"}`), lines("app/1@0 refused too_long")},
		"a text past the limit":      {kafka(strings.Repeat("x", decode.MaxLine+1)), lines("app/1@0 refused too_long")},
		"an open text past it":       {file(append(append([]string{head}, repeated(strings.Repeat("x", 1<<16), 20)...), tail, csv)...), lines("app.log:23 statement", "app.log:1 refused too_long")},
		"strings in strings":         {kafka(quote(quote(quote(quote(quote(quote(access))))))), lines("app/1@0 refused too_deep")},
		"an array with too many":     {kafka("[" + strings.TrimSuffix(strings.Repeat(`{},`, 10_001), ",") + "]"), "10000 events, app/1@0 refused too_many"},
		"a bomb of 70 MB":            {kafka(zipped(strings.Repeat(" ", 70<<20))), lines("app/1@0 refused too_long")},
		"a bomb of 70 MB, with zstd": {kafka(zstandard(strings.Repeat(" ", 70<<20))), lines("app/1@0 refused too_long")},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome(run(ingest.Config{}, tt.records...))
			if n := strings.Count(got, "\n"); n > 100 {
				got = fmt.Sprintf("%d events, %s", n-1, strings.TrimSpace(got[strings.LastIndex(got[:len(got)-1], "\n"):]))
			}
			if got != tt.want {
				t.Errorf("got:\n%swant:\n%s", got, tt.want)
			}
		})
	}
}

// piece is a chunk of a Postgres message in a syslog frame.
func piece(message, n int, text string) string {
	return fmt.Sprintf("2026-11-23T09:13:37.455356+00:00 vm postgres[29881]: [%d-%d] %s\n", message, n, text)
}

func repeated(s string, n int) (list []string) {
	for range n {
		list = append(list, s)
	}
	return list
}

// What a stream says does not depend on where the batches were cut.
func TestStreamWithoutBatches(t *testing.T) {
	for _, path := range glob(t, "testdata/samples/shippers/*.ndjson") {
		var together, apart strings.Builder
		one, each := ingest.NewStream(ingest.Config{}), ingest.NewStream(ingest.Config{})
		all := ingest.NewBatch()
		for _, v := range shipped(t, path) {
			one.Record(v.record(), all)
			b := ingest.NewBatch()
			each.Record(v.record(), b)
			apart.WriteString(dump(b))
		}
		last := ingest.NewBatch()
		one.Flush(all)
		each.Flush(last)
		together.WriteString(dump(all))
		apart.WriteString(dump(last))
		if together.String() != apart.String() {
			t.Errorf("%s: in one batch\n%s\none batch each\n%s", path, together.String(), apart.String())
		}
	}
}

func dump(b *ingest.Batch) string {
	var w strings.Builder
	for _, ev := range b.Events {
		fmt.Fprintf(&w, "%v %x %s", ev.Origin, ev.LineID, decodetest.Dump(ev))
	}
	return w.String()
}

func TestStreamHoldsBack(t *testing.T) {
	s, b := ingest.NewStream(ingest.Config{}), ingest.NewBatch()
	held := func() string {
		if o, ok := s.Held(); ok {
			return o.String()
		}
		return "nothing"
	}
	chunk := "2026-11-23T09:13:37.455356+00:00 vm postgres[29881]: [9-1] 2026-11-23 09:13:37.455 UTC [29881] LOG:  AUDIT: SESSION,2,1,READ,SELECT,,,select id,"
	for i, step := range []struct{ value, held string }{
		{csv, "nothing"}, {head, "app/1@1"}, {middle, "app/1@1"}, {tail, "nothing"}, {chunk, "app/1@4"}, {pino[:40], "app/1@4"},
	} {
		s.Record(ingest.Record{Origin: detect.Origin{Source: "app", Partition: 1, Offset: int64(i)}, Value: []byte(step.value)}, b)
		if held() != step.held {
			t.Errorf("after %d: %s held, want %s", i, held(), step.held)
		}
	}
	s.Flush(b)
	if held() != "nothing" {
		t.Errorf("after Flush: %s held", held())
	}
}

func TestQuarantineHoldsNoText(t *testing.T) {
	b := run(ingest.Config{}, kafka(`{"trespass":"access/1","time":"secret","x":1}`, `secret`, `{"secret":`, head+"secret")...)
	if len(b.Quarantined) != 4 || len(b.Events) != 0 {
		t.Fatal(outcome(b))
	}
	for _, q := range b.Quarantined {
		if text := fmt.Sprintf("%+v", q); strings.Contains(text, "secret") {
			t.Errorf("the text is in %s", text)
		}
		if len(q.Hash) != 32 || q.Size == 0 || q.Time != now || q.Format == "" || q.Detail == "" {
			t.Errorf("%+v is not whole", q)
		}
	}
}

func TestClockOfTheCarrier(t *testing.T) {
	early := kafka(access)
	early[0].Time = time.Date(2026, 11, 23, 1, 50, 0, 0, time.UTC).UnixNano()
	b := run(ingest.Config{Skew: 10 * time.Second}, early...)
	if want := early[0].Time + 10e9; b.Clamped != 1 || b.Events[0].Time != want {
		t.Errorf("clamped %d, time %d, want 1, %d", b.Clamped, b.Events[0].Time, want)
	}
	if b := run(ingest.Config{}, file(access)...); b.Clamped != 0 {
		t.Errorf("clamped %d without a carrier's time, want 0", b.Clamped)
	}
	// A fact without a time is as old as its carrier says.
	if b := run(ingest.Config{}, kafka(fact)...); b.Events[0].Time != now {
		t.Errorf("time %d, want %d", b.Events[0].Time, now)
	}
}

func TestFormatByName(t *testing.T) {
	b := run(ingest.Config{Format: "csvlog"}, kafka(csv, access)...)
	if got, want := outcome(b), lines("app/1@0 statement", "app/1@1 refused bad_csv"); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	for _, c := range []ingest.Config{{Format: "xml"}, {TimeZone: "Mars/Olympus"}, {Mapping: map[string][]string{"userid": {"u"}}}} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func FuzzStream(f *testing.F) {
	for _, v := range []string{access, pino, fact, csv, head, middle, tail, stderr, quote(csv), "[" + access + "]", zipped(pino)} {
		f.Add([]byte(v), []byte(tail))
	}
	for _, path := range glob(f, "testdata/samples/shippers/*.ndjson") {
		for _, v := range shipped(f, path) {
			if v.Payload != nil {
				f.Add([]byte(*v.Payload), []byte(middle))
			}
		}
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		b := run(ingest.Config{}, kafka(string(one), string(two), csv, string(one))...)
		for _, q := range b.Quarantined {
			if q.Reason == decode.Poison {
				t.Fatalf("%+v", q)
			}
		}
		if !strings.Contains(outcome(b), "app/1@2 statement") && !bytes.ContainsAny(append(one, two...), "\"<[{2\t") {
			t.Fatalf("a good record is lost: %s", outcome(b))
		}
		var last int64
		for _, ev := range b.Events {
			if ev.Origin.Offset < last {
				t.Fatalf("out of order: %s", outcome(b))
			}
			last = ev.Origin.Offset
			decodetest.Dump(ev)
		}
		b.Release()
	})
}
