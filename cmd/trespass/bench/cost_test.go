package bench

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cost adds up what stretches of work cost this process: time, CPU in all threads,
// the garbage collector's included, and memory taken from the heap.
type cost struct {
	wall      time.Duration
	cpu       time.Duration
	allocs    uint64
	allocated uint64

	since time.Time
	used  time.Duration
	mem   runtime.MemStats
}

func (c *cost) begin() {
	runtime.ReadMemStats(&c.mem)
	c.used = cpu(syscall.RUSAGE_SELF)
	c.since = time.Now()
}

func (c *cost) end() {
	c.wall += time.Since(c.since)
	c.cpu += cpu(syscall.RUSAGE_SELF) - c.used
	allocs, allocated := c.mem.Mallocs, c.mem.TotalAlloc
	runtime.ReadMemStats(&c.mem)
	c.allocs += c.mem.Mallocs - allocs
	c.allocated += c.mem.TotalAlloc - allocated
}

// cpu is the processor time of this process, or of its children that have ended.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err) // only a wrong argument fails
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report gives the cost of a line. The time of a whole batch, which b would give, is of
// no meaning.
func (c *cost) report(b *testing.B, lines int, bytes int64) {
	n := float64(lines)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(c.wall.Nanoseconds())/n, "ns/line")
	b.ReportMetric(float64(c.cpu.Nanoseconds())/n, "cpu-ns/line")
	b.ReportMetric(float64(c.allocs)/n, "allocs/line")
	b.ReportMetric(float64(c.allocated)/n, "heap-B/line")
	b.ReportMetric(float64(bytes)/n, "B/line")
	b.ReportMetric(float64(bytes)/1e6/c.wall.Seconds(), "MB/s")
}
