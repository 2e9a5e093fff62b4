//go:build linux && amd64

package engine

import (
	"fmt"
	"strings"

	"golang.org/x/sys/cpu"
)

// CPU says which of the instruction sets the library cannot do without are there.
type CPU struct {
	SSSE3 bool
	SSE42 bool
}

// HostCPU reports the instruction sets of the machine this process runs on.
func HostCPU() CPU {
	return CPU{SSSE3: cpu.X86.HasSSSE3, SSE42: cpu.X86.HasSSE42}
}

// check returns an error naming the missing instruction sets. The library's own check
// prints a line and exits the process from inside dlopen, so it must never be reached.
func (c CPU) check() error {
	var missing []string
	if !c.SSSE3 {
		missing = append(missing, "SSSE3")
	}
	if !c.SSE42 {
		missing = append(missing, "SSE4.2")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: this CPU has no %s, which the ClickHouse engine library needs; use a ClickHouse server on another machine instead",
		ErrUnsupported, strings.Join(missing, " and no "))
}
