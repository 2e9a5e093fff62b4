//go:build linux && amd64

package engine

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// captureStderr runs f with standard error going into memory and returns what was written.
// The engine tells why it cannot start on standard error only.
func captureStderr(f func() error) (string, error) {
	memory, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("capturing the engine's messages: %w", err)
	}
	into := os.NewFile(uintptr(memory), "stderr")
	defer into.Close()
	kept, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("capturing the engine's messages: %w", err)
	}
	defer unix.Close(kept)
	if err := unix.Dup3(memory, unix.Stderr, 0); err != nil {
		return "", fmt.Errorf("capturing the engine's messages: %w", err)
	}
	failure := f()
	if err := unix.Dup3(kept, unix.Stderr, 0); err != nil {
		return "", fmt.Errorf("giving standard error back: %w", err)
	}
	said, err := io.ReadAll(io.NewSectionReader(into, 0, maxCaptured))
	if err != nil {
		return "", fmt.Errorf("reading the engine's messages: %w", err)
	}
	return string(said), failure
}

const maxCaptured = 4 << 10
