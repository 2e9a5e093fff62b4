package sink_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/clickhouse"
	"trespass.dev/trespass/sink/contract"
	"trespass.dev/trespass/sink/embedded"
)

// engine is the program under test's child, built once.
var engine string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "trespass-sink")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	engine = filepath.Join(dir, embedded.Program)
	build := exec.Command("go", "build", "-o", engine, "trespass.dev/trespass/cmd/trespass-clickhouse")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build %s: %v\n%s", embedded.Program, err, out)
		return 1
	}
	return m.Run()
}

// library is where deploy/dev puts the engine's library.
func library(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("TRESPASS_LIBCHDB"); p != "" {
		return p
	}
	dev := os.Getenv("TRESPASS_DEV_DIR")
	if dev == "" {
		dev = "../.dev"
	}
	p, err := filepath.Abs(filepath.Join(dev, "clickhouse", "libchdb.so"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("the engine's library is missing: run deploy/dev/dev install clickhouse (%v)", err)
	}
	return p
}

func options(t *testing.T, dir string) sink.Options {
	t.Helper()
	return sink.Options{
		Address: "embedded:" + dir, Writer: "test", Migrate: true,
		Engine: embedded.Options{Program: engine, Library: library(t), Memory: "700MB"},
	}
}

func open(t *testing.T, o sink.Options) *sink.Opened {
	t.Helper()
	s, err := sink.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano()

func sample(n int) *contract.Batch {
	b := &contract.Batch{Policy: "v1"}
	for i := range n {
		id := fmt.Sprintf("o%d", i)
		origins := []detect.Origin{{Source: "app", Partition: 1, Offset: int64(i)}, {Source: "logs/a.csv", Partition: -1, Offset: 7}}
		by := &detect.Reading{
			AccessKey: "req:" + id, Revision: 1, Time: noon + int64(i)*1e6, Env: "production",
			Actor: detect.Actor{Kind: detect.ActorUser, User: "bob", Session: "s1"}, RequestID: "r" + id, Route: "/api/orders/[id]",
			Principal: "service_role", Bypass: detect.Yes,
		}
		b.Reads = append(b.Reads, detect.Read{
			Reading: by, Table: "orders", RecordID: id,
			Owners: []detect.Owner{{Column: "buyer_id", ID: "ann"}, {Column: "seller_id", ID: "it's \"q\"\n\t{}"}}, Columns: []string{"id", "total"},
			Verdict: detect.VerdictForeign, Reason: "neither owner nor member", Claim: detect.Proven, Count: 1, Origins: origins,
		})
	}
	b.Findings = []detect.Finding{{
		ID: detect.FindingID{1, 2, 3}, Revision: 2, Rule: "foreign_read", Family: detect.FamilyRead, Severity: detect.High, Claim: detect.Proven,
		Cause: detect.CauseServiceRole, Evidence: []string{"service_role on a user route"}, Verdict: detect.VerdictForeign,
		Summary: "bob read an order of ann", Time: noon, Env: "production", Actor: detect.Actor{Kind: detect.ActorUser, User: "bob"},
		Route: "/api/orders/[id]", Table: "orders", RecordIDs: []string{"o1"}, Owners: []string{"ann"}, Records: 1, People: 1,
		Origins: []detect.Origin{{Source: "app", Partition: 1, Offset: 4}},
	}}
	b.Quarantined = []contract.Quarantined{{Origin: detect.Origin{Source: "app", Partition: 0, Offset: 9}, Reason: "bad_json", Format: "pino", Detail: "unexpected end", Size: 12, Hash: "ab"}}
	b.Facts = []contract.Fact{{Fact: detect.Fact{Kind: detect.FactOwner, Table: "orders", Record: "o1", Column: "buyer_id", User: "ann", Token: "secret-token"}, Origin: detect.Origin{Source: "facts", Offset: 1}}}
	return b
}

func count(t *testing.T, s *sink.Opened, q string, values map[string]string) [][]any {
	t.Helper()
	question, err := clickhouse.Find(q)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Store.Ask(t.Context(), clickhouse.Asked{Question: question, Values: values, Since: time.Unix(0, noon).Add(-time.Hour), Until: time.Unix(0, noon).Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	var rows [][]any
	for {
		row, err := a.Next()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			return rows
		}
		rows = append(rows, row)
	}
}

// TestWriteIsAskable writes a batch twice and asks every question of it.
func TestWriteIsAskable(t *testing.T) {
	s := open(t, options(t, t.TempDir()))
	for range 2 {
		if err := s.Write(t.Context(), sample(3)); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[string]struct {
		values map[string]string
		rows   int
	}{
		"who-read":        {map[string]string{"person": "ann"}, 3},
		"what-was-read":   {map[string]string{"actor": "bob"}, 3},
		"who-read-record": {map[string]string{"table": "orders", "record": "o2"}, 1},
		"findings":        {map[string]string{"route": "/api/orders/[id]"}, 1},
		"coverage":        {nil, 1},
	} {
		if got := count(t, s, q, want.values); len(got) != want.rows {
			t.Errorf("%s: %d rows, want %d", q, len(got), want.rows)
		}
	}
	if got := count(t, s, "findings", nil); len(got) != 1 {
		t.Errorf("findings of all routes: %d rows, want 1", len(got))
	}
	// Hostile parameters are values, never text of the query.
	for _, person := range []string{"it's \"q\"\n\t{}"} {
		if got := count(t, s, "who-read", map[string]string{"person": person}); len(got) != 3 {
			t.Errorf("person %q: %d rows, want 3", person, len(got))
		}
	}
	for _, person := range []string{"' OR 1=1 --", "\\", "}", "{person:String}", "\\N"} {
		if got := count(t, s, "who-read", map[string]string{"person": person}); len(got) != 0 {
			t.Errorf("person %q: %d rows, want none", person, len(got))
		}
	}
}

// TestLaterRevisionWins writes revisions in the wrong order: the view shows the
// highest, and one that takes the finding back hides it.
func TestLaterRevisionWins(t *testing.T) {
	s := open(t, options(t, t.TempDir()))
	b := sample(0)
	late := *sample(0)
	late.Findings[0].Revision, late.Findings[0].Rule = 3, "cross_tenant_read"
	for _, batch := range []*contract.Batch{&late, b} {
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	got := count(t, s, "findings", nil)
	if len(got) != 1 || got[0][3] != "cross_tenant_read" {
		t.Fatalf("findings: %v, want revision 3 alone", got)
	}
	late.Findings[0].Revision, late.Findings[0].Resolved = 4, true
	if err := s.Write(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	if got := count(t, s, "findings", nil); len(got) != 0 {
		t.Fatalf("a resolved finding is shown: %v", got)
	}
}

// TestEngineDies kills the engine under a writer. Every acknowledged row is there
// afterwards, once.
func TestEngineDies(t *testing.T) {
	s := open(t, options(t, t.TempDir()))
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Add(1)
	var kills atomic.Int32
	go func() {
		defer killer.Done()
		for kills.Load() < 3 {
			select {
			case <-stop:
				return
			case <-time.After(300 * time.Millisecond):
			}
			if pid := s.Engine.PID(); pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
				kills.Add(1)
			}
		}
	}()
	written := 0
	deadline := time.Now().Add(60 * time.Second)
	for kills.Load() < 3 || written < 20 {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute: %d kills, %d batches", kills.Load(), written)
		}
		b := &contract.Batch{Reads: sample(10).Reads}
		for i := range b.Reads {
			b.Reads[i].AccessKey = fmt.Sprintf("%d/%d", written, i)
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		written++
	}
	close(stop)
	killer.Wait()
	if err := s.Write(t.Context(), &contract.Batch{Quarantined: sample(0).Quarantined}); err != nil {
		t.Fatal(err) // also waits until the engine is back
	}
	if got := count(t, s, "what-was-read", map[string]string{"actor": "bob"}); len(got) != 10*written {
		t.Fatalf("%d rows after %d kills, want %d", len(got), kills.Load(), 10*written)
	}
	t.Logf("%d kills, %d batches of 10, nothing lost", kills.Load(), written)
}

// TestSecondProcess uses the first one's engine instead of fighting for the
// directory.
func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	first := open(t, options(t, dir))
	if err := first.Write(t.Context(), sample(2)); err != nil {
		t.Fatal(err)
	}
	second := open(t, options(t, dir))
	if !second.Engine.Attached() {
		t.Fatal("the second one started an engine of its own")
	}
	if got := count(t, second, "what-was-read", map[string]string{"actor": "bob"}); len(got) != 2 {
		t.Fatalf("the second one sees %d rows, want 2", len(got))
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Write(t.Context(), sample(1)); err != nil {
		t.Fatalf("the first one's engine went with the second: %v", err)
	}
}

// TestManyStartAtOnce: of several processes that open one directory at the same moment
// one runs the engine, and the others wait for it and use it.
func TestManyStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	opened := make(chan *sink.Opened, 4)
	for range cap(opened) {
		go func() {
			s, err := sink.Open(context.Background(), options(t, dir))
			if err != nil {
				t.Error(err)
			}
			opened <- s
		}()
	}
	owners := 0
	for range cap(opened) {
		s := <-opened
		if s == nil {
			continue
		}
		t.Cleanup(func() { _ = s.Close() })
		if !s.Engine.Attached() {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d processes run an engine on one directory", owners)
	}
}

// TestOwnerOfTheEngineGoes: a process that used another's engine runs it when that one has
// ended, at the same address, and what it writes then is stored.
func TestOwnerOfTheEngineGoes(t *testing.T) {
	dir := t.TempDir()
	first := open(t, options(t, dir))
	second := open(t, options(t, dir))
	address := second.Engine.URL()
	if !second.Engine.Attached() || first.Engine.URL() != address {
		t.Fatalf("the second has an engine of its own at %s", address)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := second.Write(ctx, sample(3)); err != nil {
		t.Fatal(err)
	}
	if second.Engine.Attached() || second.Engine.URL() != address || second.Engine.PID() == 0 {
		t.Errorf("attached %v, at %s", second.Engine.Attached(), second.Engine.URL())
	}
	third := open(t, options(t, dir))
	if rows := count(t, third, "who-read-record", map[string]string{"table": "orders", "record": "o1"}); len(rows) != 1 {
		t.Errorf("%d rows are stored, want 1", len(rows))
	}
}

// TestEngineStartedByHand: an engine that somebody started on the directory, and of whom
// it never heard, is used as well.
func TestEngineStartedByHand(t *testing.T) {
	dir := t.TempDir()
	byHand := exec.Command(engine, "--data", dir, "--lib", library(t), "--memory", "700MB")
	out, err := byHand.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := byHand.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = byHand.Process.Signal(os.Interrupt)
		_ = byHand.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, options(t, dir))
	if !s.Engine.Attached() || !strings.Contains(line, strings.TrimSuffix(s.Engine.HTTP(), "/")) {
		t.Errorf("attached %v to %s, it says %q", s.Engine.Attached(), s.Engine.HTTP(), line)
	}
	if err := s.Write(t.Context(), sample(1)); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateAtOnce runs the migrations by several at once, then again.
func TestMigrateAtOnce(t *testing.T) {
	o := options(t, t.TempDir())
	store, closeStore, err := sink.Store(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeStore() })
	st, err := store.Status(t.Context(), clickhouse.Rendering{})
	if err != nil || len(st.Pending) == 0 || st.Err() == nil {
		t.Fatalf("status of an empty database: %+v, %v; want all pending", st, err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = store.Migrate(context.Background(), clickhouse.Rendering{}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	ran, err := store.Migrate(t.Context(), clickhouse.Rendering{})
	if err != nil || len(ran) != 0 {
		t.Fatalf("again: ran %v, %v; want nothing", ran, err)
	}
	st, err = store.Status(t.Context(), clickhouse.Rendering{})
	if err != nil || st.Err() != nil || len(st.Applied) != 3 {
		t.Fatalf("status: %+v, %v; want three applied", st, err)
	}
}

// TestRenderings compares the two renderings of one source.
func TestRenderings(t *testing.T) {
	one, err := clickhouse.Plan(clickhouse.Rendering{Database: "trespass"})
	if err != nil {
		t.Fatal(err)
	}
	many, err := clickhouse.Plan(clickhouse.Rendering{Database: "trespass", Cluster: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if len(one) != len(many) {
		t.Fatalf("%d statements for one node, %d for a cluster", len(one), len(many))
	}
	for i := range one {
		if strings.Contains(one[i], "ON CLUSTER") || strings.Contains(one[i], "Replicated") {
			t.Errorf("single node: %s", one[i])
		}
		if !strings.Contains(many[i], "ON CLUSTER prod") {
			t.Errorf("cluster, no ON CLUSTER: %s", many[i])
		}
		back := strings.NewReplacer(" ON CLUSTER prod", "", "ReplicatedReplacingMergeTree", "ReplacingMergeTree").Replace(many[i])
		if diff := cmp.Diff(one[i], back); diff != "" {
			t.Errorf("statement %d differs beyond cluster and engine:\n%s", i, diff)
		}
		for _, left := range []string{"{db}", "{on_cluster}", "{replacing"} {
			if strings.Contains(one[i]+many[i], left) {
				t.Errorf("statement %d: %s is left", i, left)
			}
		}
	}
	if _, err := clickhouse.Plan(clickhouse.Rendering{Database: "a; DROP TABLE x"}); err == nil {
		t.Error("a database name with SQL in it was taken")
	}
}

// TestLines writes files and reads them back.
func TestLines(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sink.Options{Address: "lines:" + dir})
	if err := s.Write(t.Context(), sample(2)); err != nil {
		t.Fatal(err)
	}
	for name, lines := range map[string]int{"findings": 1, "reads": 2, "quarantine": 1} {
		text, err := os.ReadFile(filepath.Join(dir, name+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(text, []byte("\n")); got != lines {
			t.Errorf("%s: %d lines, want %d", name, got, lines)
		}
		if bytes.Contains(text, []byte("secret-token")) {
			t.Errorf("%s holds a token", name)
		}
	}
}

// TestAddresses tells good ones from bad ones, and shows no password.
func TestAddresses(t *testing.T) {
	for _, good := range []string{"clickhouse://u@h:9000/trespass", "https://h:8443", "embedded:data", "embedded:///var/lib/x", "lines:out"} {
		if _, _, err := sink.Parse(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "postgres://u:hunter2@h/db", "embedded:", "data"} {
		if _, _, err := sink.Parse(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
	_, err := sink.Open(t.Context(), sink.Options{Address: "clickhouse://u:hunter2@127.0.0.1:1/trespass"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "password_file") {
		t.Errorf("a password in the address: %v", err)
	}
}
