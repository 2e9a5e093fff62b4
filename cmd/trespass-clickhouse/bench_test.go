//go:build linux && amd64

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// BenchmarkStart is the time from starting the program on an existing directory to its
// answering, and the memory it then has resident.
func BenchmarkStart(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "data")
	for range 2 { // makes the directory and remembers the library's digest
		c, err := launch(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.stop(); err != nil {
			b.Fatal(err)
		}
	}
	var resident int64
	for b.Loop() {
		c, err := launch(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c.sql(b, "SELECT 1")
		resident = statusMemory(b, c, "VmRSS:")
		if err := c.stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(resident>>20), "MB-resident")
}

// findings is a table like the one that findings go to.
const findings = `(id String, revision UInt32, rule LowCardinality(String), severity Enum8('low' = 1, 'high' = 2), actor String, owner String,
	route LowCardinality(String), time DateTime64(3), evidence String, n1 UInt64, n2 UInt64, n3 UInt64, tags Array(String), env LowCardinality(String), missing String)
	ENGINE = ReplacingMergeTree(revision) ORDER BY (rule, id) SETTINGS fsync_after_insert = %d, fsync_part_directory = %d`

func appendFinding(b testing.TB, batch driver.Batch, n int) {
	b.Helper()
	err := batch.Append(fmt.Sprintf("%016x", n*7919), uint32(1), "foreign-read", "high", fmt.Sprint("user", n%1000), fmt.Sprint("owner", n%777), "/api/orders/{id}",
		time.UnixMilli(1_790_000_000_000+int64(n)), fmt.Sprintf(`{"file":"app.log","line":%d,"text":"an evidence of about one hundred bytes as they come from real logs"}`, n),
		uint64(n), uint64(n), uint64(n), []string{"a", "b"}, "production", "")
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInsertOneRow is one row prepared and sent, with the percentiles that matter to
// whoever waits.
func BenchmarkInsertOneRow(b *testing.B) {
	for _, fsync := range []int{0, 1} {
		b.Run(fmt.Sprintf("fsync=%d", fsync), func(b *testing.B) {
			c := start(b)
			c.sql(b, "CREATE TABLE findings "+fmt.Sprintf(findings, fsync, fsync))
			conn := c.connect(b)
			var took []time.Duration
			n := 0
			for b.Loop() {
				began := time.Now()
				send1(b, conn, n, 1)
				took = append(took, time.Since(began))
				n++
			}
			if got := c.sql(b, "SELECT count() FROM findings FINAL"); got != fmt.Sprintln(n) {
				b.Fatalf("%s rows of %d", got, n)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func send1(b testing.TB, conn driver.Conn, from, rows int) {
	b.Helper()
	ctx := clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{"deduplicate_insert": "disable"}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO findings")
	if err != nil {
		b.Fatal(err)
	}
	for n := range rows {
		appendFinding(b, batch, from+n)
	}
	if err := batch.Send(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInsertMillion sends a million rows in blocks of ten thousand and reports the
// program's CPU time, not the client's.
func BenchmarkInsertMillion(b *testing.B) {
	const rows, block = 1_000_000, 10_000
	for b.Loop() {
		c, err := launch(filepath.Join(b.TempDir(), "data"))
		if err != nil {
			b.Fatal(err)
		}
		c.sql(b, "CREATE TABLE findings "+fmt.Sprintf(findings, 1, 1))
		conn := c.connect(b)
		before, began := cpuSeconds(b, c), time.Now()
		for from := 0; from < rows; from += block {
			send1(b, conn, from, block)
		}
		wall := time.Since(began).Seconds()
		if got := c.sql(b, "SELECT count() FROM findings"); got != fmt.Sprintln(rows) {
			b.Fatalf("%s rows", got)
		}
		b.ReportMetric(cpuSeconds(b, c)-before, "engine-CPU-s")
		b.ReportMetric(rows/wall, "rows/s")
		b.ReportMetric(float64(peakMemory(b, c)>>20), "MB-peak")
		if err := c.stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuSeconds is the CPU time the program has used.
func cpuSeconds(b testing.TB, c *child) float64 {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	const userTime, systemTime, ticksPerSecond = 11, 12, 100
	sum := 0.0
	for _, i := range []int{userTime, systemTime} {
		ticks, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += ticks / ticksPerSecond
	}
	return sum
}
