//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/clickhouse"
	"trespass.dev/trespass/sink/embedded"
)

// TestMarketplace plays the marketplace on real parts and compares what the
// program found with the ledger: first in one go, then with the program killed in
// the middle of the traffic.
func TestMarketplace(t *testing.T) {
	for _, run := range []struct {
		name, format string
		keyed        bool
		seed         uint64
	}{
		{"keyed", "csvlog", true, 1},
		{"unkeyed", "jsonlog", false, 2},
	} {
		t.Run(run.name+"-"+run.format, func(t *testing.T) { play(t, run.name, run.format, run.keyed, run.seed) })
	}
}

func play(t *testing.T, name, format string, keyed bool, seed uint64) {
	w := market.NewWorld(seed, 14)
	steps := w.Script(200)
	half := len(steps) / 2
	pg := openPostgres(t, w, format)
	k := newTopics(t, name, keyed)
	l := &ledger{reads: map[string]string{}, findings: map[string]string{}}
	d := &driver{pg: pg, k: k, w: w, l: l, format: format}
	began := time.Now()
	if err := k.write(t.Context(), k.facts, w.Facts(began, steps), nilKeys(w.Facts(began, steps))); err != nil {
		t.Fatal(err)
	}

	p := newProgram(t, k)
	p.start(t)
	d.play(t, steps[:half])
	d.settle(t, p)
	compare(t, "first half", l, stored(t, p), p)

	// Once more, killed in the middle: half of the rest is written, the program
	// dies without a word, the other half is written while it is away.
	quarter := half + (len(steps)-half)/2
	d.play(t, steps[half:quarter])
	if err := p.kill(syscall.SIGKILL); err == nil {
		t.Fatal("the program survived SIGKILL")
	}
	d.play(t, steps[quarter:])
	p.start(t)
	d.settle(t, p)
	online := stored(t, p)
	compare(t, "after the kill", l, online, p)

	// The second run's alert is the first one's still: Alertmanager does not repeat it.
	switch at, err := real.alerts.wait(deadline(t, time.Minute), "CrossAccountReadDetected/foreign_read"); {
	case err != nil:
		t.Error(err)
	case at.After(began):
		t.Logf("Alertmanager called %s after the first request", at.Sub(began).Round(time.Millisecond))
	}

	// The same engine over the same lines in files.
	offline := scanned(t, k)
	if diff := difference(online.ids, offline.ids); diff != "" {
		t.Errorf("findings of run and scan differ:\n%s", diff)
	}
	if diff := difference(online.reads, offline.reads); diff != "" {
		t.Errorf("reads of run and scan differ:\n%s", diff)
	}
	if err := p.kill(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, p.tail())
	}
	t.Logf("%s: %d requests, %d reads, %d findings, the same online, after a kill, and from files", name, len(steps), len(online.reads), len(online.ids))
}

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func nilKeys(lines [][]byte) [][]byte { return make([][]byte, len(lines)) }

// driver acts the marketplace out: it makes the real reads, writes the
// application's events, ships both logs, and keeps the ledger.
type driver struct {
	pg     *postgres
	k      *topics
	w      *market.World
	l      *ledger
	format string
}

// ledger is what must be there in the end: every read's verdict, every finding.
type ledger struct {
	reads    map[string]string // request table record -> verdict
	findings map[string]string // request -> rule
}

func (d *driver) play(t *testing.T, steps []market.Step) {
	t.Helper()
	for i := range steps {
		s := &steps[i]
		rows, err := d.pg.play(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", s.Route, err)
		}
		at := *s
		at.At = 0
		if err := d.k.write(t.Context(), d.k.app, [][]byte{at.Event(time.Now(), rows)}, [][]byte{[]byte(s.ID)}); err != nil {
			t.Fatal(err)
		}
		for _, want := range s.Want {
			d.l.reads[s.ID+" "+want.Table+" "+want.Record] = want.Verdict
		}
		if s.Leak != nil {
			d.l.findings[s.ID] = s.Leak.Rule
		}
		if i%20 == 19 {
			d.ship(t)
		}
	}
	if _, err := d.pg.settled(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.ship(t)
}

// ship writes what the Postgres log has taken in to Kafka, as a shipper would.
func (d *driver) ship(t *testing.T) {
	t.Helper()
	records, err := d.pg.records(d.format)
	if err != nil {
		t.Fatal(err)
	}
	keys := make([][]byte, len(records))
	for i, r := range records {
		keys[i] = []byte(sessionOf(r, d.format))
	}
	if err := d.k.write(t.Context(), d.k.audit, records, keys); err != nil {
		t.Fatal(err)
	}
}

// settle lets heartbeats go by until everything of the ledger is stored, or a
// minute is over; compare then says what is missing.
func (d *driver) settle(t *testing.T, p *program) {
	t.Helper()
	ctx := deadline(t, 90*time.Second)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	quiet := 0
	last := -1
	for quiet < 16 {
		if err := d.k.beat(ctx, market.Heartbeat(time.Now())); err != nil {
			t.Fatal(err)
		}
		got := stored(t, p)
		if n := len(got.ids) + len(got.reads); n == last && len(got.reads) >= len(d.l.reads) && len(got.ids) >= len(d.l.findings) {
			quiet++ // complete; a little longer, to see what is too much
		} else {
			last, quiet = n, 0
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// outcome is what a run of the engine gave.
type outcome struct {
	ids      map[string]string // finding id -> rule and request
	findings map[string]string // request -> rule
	reads    map[string]string // request table record -> verdict
	repeated []string
}

func newOutcome() outcome {
	return outcome{ids: map[string]string{}, findings: map[string]string{}, reads: map[string]string{}}
}

func (o *outcome) finding(id, request, rule string) {
	o.ids[id] = rule + " " + request
	if old, twice := o.findings[request]; twice {
		rule = old + "+" + rule
	}
	o.findings[request] = rule
}

func (o *outcome) read(request, table, record, verdict string) {
	key := request + " " + table + " " + record
	if _, twice := o.reads[key]; twice {
		o.repeated = append(o.repeated, key)
	}
	o.reads[key] = verdict
}

// stored asks the running program's own engine, as any client would.
func stored(t *testing.T, p *program) outcome {
	t.Helper()
	o := newOutcome()
	store, closeStore, err := sink.Store(t.Context(), sink.Options{
		Address: "embedded:" + p.data,
		Engine:  embedded.Options{Program: filepath.Join(real.bin, embedded.Program), Library: real.env["TRESPASS_LIBCHDB"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeStore() }()
	ask(t, store, "SELECT finding_id, request_id, rule FROM trespass.findings_v WHERE status = 'open'", func(f []string) { o.finding(f[0], f[1], f[2]) })
	ask(t, store, "SELECT request_id, `table`, record_id, verdict FROM trespass.reads_v", func(f []string) { o.read(f[0], f[1], f[2], f[3]) })
	return o
}

func ask(t *testing.T, store *clickhouse.Store, query string, row func([]string)) {
	t.Helper()
	rows, err := store.Strings(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		row(r)
	}
}

// scanned runs trespass scan over the files.
func scanned(t *testing.T, k *topics) outcome {
	t.Helper()
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, market.Policy, 0o600); err != nil {
		t.Fatal(err)
	}
	reads := filepath.Join(dir, "reads.ndjson")
	cmd := exec.Command(filepath.Join(real.bin, "trespass"), "scan", "--policy", policy, "-o", "ndjson", "-o", "reads="+reads,
		"--window", "3s", k.file(k.app), k.file(k.audit), k.file(k.facts))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("trespass scan: %v\n%s", err, errs.Bytes())
	}
	o := newOutcome()
	eachLine(t, out.Bytes(), func(text []byte) error {
		var f struct {
			FindingID string `json:"finding_id"`
			RequestID string `json:"request_id"`
			Rule      string `json:"rule"`
		}
		if err := json.Unmarshal(text, &f); err != nil {
			return err
		}
		o.finding(f.FindingID, f.RequestID, f.Rule)
		return nil
	})
	text, err := os.ReadFile(reads)
	if err != nil {
		t.Fatal(err)
	}
	eachLine(t, text, func(text []byte) error {
		var r struct {
			RequestID string `json:"request_id"`
			Table     string `json:"table"`
			RecordID  string `json:"record_id"`
			Verdict   string `json:"verdict"`
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		o.read(r.RequestID, r.Table, r.RecordID, r.Verdict)
		return nil
	})
	return o
}

func eachLine(t *testing.T, text []byte, do func([]byte) error) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if err := do(lines.Bytes()); err != nil {
			t.Fatalf("%v: %.200s", err, lines.Bytes())
		}
	}
}

// compare holds what was found against the ledger: nothing missing, nothing extra.
func compare(t *testing.T, when string, l *ledger, got outcome, p *program) {
	t.Helper()
	bad := false
	if diff := difference(l.reads, got.reads); diff != "" {
		bad = true
		t.Errorf("%s: reads differ from the ledger:\n%s", when, diff)
	}
	if diff := difference(l.findings, got.findings); diff != "" {
		bad = true
		t.Errorf("%s: findings differ from the ledger:\n%s", when, diff)
	}
	if len(got.repeated) > 0 {
		bad = true
		t.Errorf("%s: seen twice: %s", when, strings.Join(got.repeated, ", "))
	}
	if bad {
		t.Fatalf("the program's log ends:\n%s", p.tail())
	}
}

// difference lists what is missing, what is too much, and what is other.
func difference(want, got map[string]string) string {
	var b strings.Builder
	n := 0
	say := func(format string, a ...any) {
		if n++; n <= 40 {
			fmt.Fprintf(&b, "  "+format+"\n", a...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[key]; !ok {
			say("missing: %s %s", key, want[key])
		} else if v != want[key] {
			say("%s: %s, want %s", key, v, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			say("extra: %s %s", key, got[key])
		}
	}
	if n > 40 {
		fmt.Fprintf(&b, "  and %d more\n", n-40)
	}
	return b.String()
}
