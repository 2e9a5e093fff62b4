package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/detect"
)

const (
	// scanRequests makes ten million lines: an access event and a statement each.
	scanRequests  = 5_000_000
	scanLeakEvery = 100_000
	// scanMemory is what a scan may have in memory at once.
	scanMemory = 512 << 20
)

// BenchmarkScanTenMillion runs trespass scan as a user does over two logs of five
// million lines each and the facts, 6 GB of temporary files, and looks how much
// memory it takes at its height. It needs minutes, so that it runs only when it is
// asked for by its name.
func BenchmarkScanTenMillion(b *testing.B) {
	if pattern := flag.Lookup("test.bench").Value.String(); !strings.Contains(pattern, "Scan") {
		b.Skip("it takes minutes and 6 GB of disk; ask for it: go test -run '^$' -bench ScanTenMillion -benchtime 1x ./cmd/trespass/bench")
	}
	dir := b.TempDir()
	t := traffic{start: begin, leakEvery: scanLeakEvery}
	app, audit, facts := filepath.Join(dir, "app.ndjson"), filepath.Join(dir, "audit.csv"), filepath.Join(dir, "facts.ndjson")
	policy, out := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "scan.json")
	writeLogs(b, &t, app, audit, facts)
	if err := os.WriteFile(policy, market.Policy, 0o600); err != nil {
		b.Fatal(err)
	}
	want := map[string]int64{}
	for n := range int64(scanRequests) {
		r := t.request(n)
		want[r.verdict().String()] += r.rows
	}
	program := filepath.Join(programs(b), "trespass")
	for b.Loop() {
		cmd := exec.Command(program, "scan", "--quiet", "--policy", policy, "-o", "json="+out, "-o", "text="+filepath.Join(dir, "scan.txt"), app, audit, facts)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		began := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		height := watchMemory(cmd.Process.Pid)
		err := cmd.Wait()
		took := time.Since(began)
		most := <-height
		if err != nil {
			b.Fatalf("scan: %v\n%s", err, stderr.Bytes())
		}
		checkScan(b, out, want)
		if most > scanMemory {
			b.Errorf("%d MiB in memory at its height, want at most %d", most>>20, scanMemory>>20)
		}
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		b.ReportMetric(2*scanRequests/took.Seconds(), "lines/s")
		b.ReportMetric(float64(used.Nanoseconds())/(2*scanRequests), "cpu-ns/line")
		b.ReportMetric(float64(most>>20), "MiB-resident")
	}
}

// writeLogs writes the files that are scanned.
func writeLogs(b *testing.B, t *traffic, app, audit, facts string) {
	b.Helper()
	write := func(path string) (func(line []byte), func()) {
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		put := func(line []byte) {
			_, _ = w.Write(line) // Flush tells
			_ = w.WriteByte('\n')
		}
		return put, func() {
			if err := w.Flush(); err != nil {
				b.Fatalf("write %s: %v", path, err)
			}
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	put, done := write(facts)
	t.facts(put)
	done()
	putApp, doneApp := write(app)
	putAudit, doneAudit := write(audit)
	for t.n < scanRequests {
		t.next(1000)
		for i := range t.app.len() {
			putApp(t.app.line(i))
		}
		for i := range t.audit.len() {
			putAudit(t.audit.line(i))
		}
	}
	doneApp()
	doneAudit()
}

// watchMemory gives the most memory that a process has had resident, once it has
// ended. The kernel keeps the height, so that only what is taken in the last
// hundredth of a second can be missed. (The figure of the wait call also counts what
// this process held when it made the other.)
func watchMemory(pid int) <-chan int64 {
	result := make(chan int64, 1)
	path := filepath.Join("/proc", strconv.Itoa(pid), "status")
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		most := int64(0)
		for ; ; <-tick.C {
			status, err := os.ReadFile(path)
			_, rest, found := bytes.Cut(status, []byte("VmHWM:"))
			if err != nil || !found {
				result <- most // it has ended
				return
			}
			n, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			if err == nil {
				most = max(most, n<<10)
			}
		}
	}()
	return result
}

// checkScan compares a scan's document with what the traffic must give.
func checkScan(b *testing.B, path string, want map[string]int64) {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	var doc struct {
		Verdicts map[string]int64
		Findings []struct {
			Rule, Claim string
			Records     int64
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		b.Fatal(err)
	}
	for v, n := range want {
		if doc.Verdicts[v] != n {
			b.Errorf("%d records %s, want %d", doc.Verdicts[v], v, n)
		}
	}
	leaks := 0
	for _, f := range doc.Findings {
		if f.Rule == "foreign_read" && f.Claim == detect.Proven.String() {
			leaks++
		}
	}
	if leaks != scanRequests/scanLeakEvery || len(doc.Findings) != leaks {
		b.Errorf("%d findings, %d of them leaks, want %d", len(doc.Findings), leaks, scanRequests/scanLeakEvery)
	}
}
