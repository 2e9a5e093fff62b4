package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemo plays one round on the real engine, as a person starts it, and a second one
// over the data that the first left: each finds exactly its own ten leaks.
func TestDemo(t *testing.T) {
	programs, library := build(t, "../trespass-clickhouse"), engineLibrary(t)
	t.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	for round := range 2 {
		var out, errs bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		code := run(ctx, []string{"demo", "--once", "--requests", "60", "--listen", "127.0.0.1:0", "--library", library, "--dir", dir},
			streams{in: strings.NewReader(""), out: &out, err: &errs})
		cancel()
		if code != exitOK || !strings.Contains(out.String(), "All 10 planted leaks were found, and nothing else.") {
			log, _ := os.ReadFile(filepath.Join(dir, "trespass.log"))
			t.Fatalf("round %d: exit code %d\n%s%s\n%s", round+1, code, out.String(), errs.String(), log)
		}
		for _, want := range []string{"trespass ask findings --sink embedded:" + dir, "curl --user default:", "grep trespass_findings_total"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("round %d does not say %q:\n%s", round+1, want, out.String())
			}
		}
	}
}

// TestDemoWithoutEngine plays it on a machine that there is no engine for: the findings
// go to files, and it says so.
func TestDemoWithoutEngine(t *testing.T) {
	var out bytes.Buffer
	d := &demo{
		std: streams{out: &out}, once: true, dir: t.TempDir(), requests: 40, listen: "127.0.0.1:0",
		supported: func() bool { return false },
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := d.run(ctx); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"There is no ClickHouse engine for this machine", "All 10 planted leaks were found"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "trespass ask") {
		t.Errorf("it names what cannot be asked:\n%s", out.String())
	}
	if info, err := os.Stat(filepath.Join(d.dir, "data", "findings.ndjson")); err != nil || info.Size() == 0 {
		t.Errorf("findings.ndjson: %v", err)
	}
}

// TestDemoInterrupted: Ctrl-C ends it, which is no failure, and a temporary folder goes.
func TestDemoInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	out := &watched{until: "Round 1:", then: cancel}
	d := &demo{std: streams{out: out}, requests: 40, listen: "127.0.0.1:0", supported: func() bool { return false }}
	if err := d.run(ctx); err != nil {
		t.Fatalf("%v\n%s", err, out.text.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// watched is an output that does something once a text has been written.
type watched struct {
	text  bytes.Buffer
	until string
	then  func()
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if strings.Contains(w.text.String(), w.until) {
		w.then()
	}
	return n, err
}
