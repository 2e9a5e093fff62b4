//go:build linux && amd64

package server

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// dataFile is the data of one INSERT in memory, under a path only this process has. Data
// must not be appended to SQL: the library cuts it at the first blank line and runs the
// rest as statements.
type dataFile struct {
	file *os.File
}

// spill reads data to its end.
func spill(data io.Reader) (*dataFile, error) {
	fd, err := unix.MemfdCreate("insert", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making room for the data: %w", err)
	}
	d := &dataFile{file: os.NewFile(uintptr(fd), "insert")}
	n, err := io.Copy(d.file, io.LimitReader(data, maxInsertBytes+1))
	if err != nil {
		d.Close()
		return nil, cannotRead(err)
	}
	if n > maxInsertBytes {
		d.Close()
		return nil, engine.NewException(396, "TOO_MANY_BYTES",
			fmt.Sprintf("the data of one INSERT is limited to %d bytes here; send it in several", maxInsertBytes))
	}
	return d, nil
}

// Path is where the engine finds the data while the file is open.
func (d *dataFile) Path() string { return fmt.Sprintf("/proc/self/fd/%d", d.file.Fd()) }

// Close frees the memory.
func (d *dataFile) Close() error { return d.file.Close() }
