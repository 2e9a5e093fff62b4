//go:build linux && amd64

package engine

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelSigaction is struct sigaction as rt_sigaction(2) has it on x86-64.
type kernelSigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	lastSignal     = 64
	sigsetBytes    = 8
	firstRealTime  = 32 // 32 and 33 belong to the C library's threads
	stackTraceHook = 34 // the engine's own, for system.stack_trace; harmless to Go
)

// signalTable is one disposition per signal, by number.
type signalTable [lastSignal + 1]kernelSigaction

// ours says whether a signal is one whose handler the Go runtime needs back.
func ours(sig int) bool {
	s := syscall.Signal(sig)
	return s != syscall.SIGKILL && s != syscall.SIGSTOP && (sig < firstRealTime || sig > stackTraceHook)
}

// saveSignals reads the disposition of every signal, for restore.
func saveSignals() (*signalTable, error) {
	var t signalTable
	for sig := 1; sig <= lastSignal; sig++ {
		if !ours(sig) {
			continue
		}
		if err := rtSigaction(sig, nil, &t[sig]); err != nil {
			return nil, fmt.Errorf("saving the handler of signal %d: %w", sig, err)
		}
	}
	return &t, nil
}

// restore puts back every disposition that was changed since saveSignals. Without it a
// nil dereference anywhere in Go hangs the process in the engine's fault handler
// instead of being a panic.
func (t *signalTable) restore() error {
	for sig := 1; sig <= lastSignal; sig++ {
		if !ours(sig) {
			continue
		}
		var now kernelSigaction
		if err := rtSigaction(sig, nil, &now); err != nil {
			return fmt.Errorf("reading the handler of signal %d: %w", sig, err)
		}
		if now == t[sig] {
			continue
		}
		if err := rtSigaction(sig, &t[sig], nil); err != nil {
			return fmt.Errorf("putting back the handler of signal %d: %w", sig, err)
		}
	}
	return nil
}

// rtSigaction goes to the kernel directly: the C library's sigaction would replace the
// restorer that the Go runtime's handlers return through.
func rtSigaction(sig int, set, old *kernelSigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), sigsetBytes, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
