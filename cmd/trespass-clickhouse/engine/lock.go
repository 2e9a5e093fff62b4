//go:build linux && amd64

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Holder says which process has a data directory open and where it listens.
type Holder struct {
	PID  int    `json:"pid"`
	Addr string `json:"addr,omitempty"` // host:port of its listener, empty while it starts
}

// Lock is the exclusive right to a data directory. The kernel drops it with the
// process, also after kill -9, so that no stale lock ever has to be removed by hand.
type Lock struct {
	file *os.File
}

// Acquire takes the lock of the data directory dir, which is made if missing, without
// waiting. When another process has it, the error wraps ErrInUse and names that process.
func Acquire(dir string) (*Lock, error) {
	if err := prepareDirectory(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, inUse(dir, f)
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	l := &Lock{file: f}
	if err := l.Announce(""); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// Announce writes this process and the address of its listener into the lock file, for
// the error that a second process on the directory gets.
func (l *Lock) Announce(addr string) error {
	content, err := json.Marshal(Holder{PID: os.Getpid(), Addr: addr})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	if _, err := l.file.WriteAt(content, 0); err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	return nil
}

// Release gives the directory free.
func (l *Lock) Release() error { return l.file.Close() }

func inUse(dir string, f *os.File) error {
	var h Holder
	if err := json.NewDecoder(f).Decode(&h); err != nil || h.PID == 0 {
		return fmt.Errorf("%w: another process has %s open; stop it, or use its listener", ErrInUse, dir)
	}
	where := "its listener"
	if h.Addr != "" {
		where = "its listener http://" + h.Addr
	}
	return fmt.Errorf("%w: process %d has %s open; use %s, or stop that process", ErrInUse, h.PID, dir, where)
}
