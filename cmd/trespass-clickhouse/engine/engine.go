//go:build linux && amd64

package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"
)

// Options say what to open and how.
type Options struct {
	Dir         string // absolute path of the data directory, already locked by the caller with Acquire
	Library     string // path of libchdb.so
	Pin         Pin    // what the library must be
	CPU         CPU    // what the machine can do
	Database    string // the only database clients may use; made if missing
	MemoryBytes int64  // limit of the engine's memory
}

// Engine is the loaded library with one data directory open. Its methods may be called
// from any goroutine.
type Engine struct {
	symbols *symbols
	args    []string
	keeper  *Conn // the engine stops with its last connection, so this one stays
}

// Open checks the machine and the library, loads it and opens the data directory. It
// blocks for up to a few seconds. Errors wrap ErrUnsupported or ErrLibrary when the
// reason is the machine or the library.
func Open(o Options) (*Engine, error) {
	if err := o.CPU.check(); err != nil {
		return nil, err
	}
	if err := Verify(o.Library, filepath.Join(o.Dir, digestFile), o.Pin); err != nil {
		return nil, err
	}
	config, err := writeConfig(o.Dir, o.Database, o.MemoryBytes)
	if err != nil {
		return nil, err
	}
	handlers, err := saveSignals()
	if err != nil {
		return nil, err
	}
	s, err := loadSymbols(o.Library)
	if err != nil {
		return nil, err
	}
	store := filepath.Join(o.Dir, storeDir)
	e := &Engine{symbols: s, args: []string{"trespass-clickhouse", "--path=" + store, "--config-file=" + config}}
	fresh, err := isMissing(filepath.Join(store, "metadata", o.Database+".sql"))
	if err != nil {
		return nil, err
	}
	if err := e.start(handlers, o.Database); err != nil {
		return nil, err
	}
	if fresh {
		// In the process that made the store, DROP … SYNC hangs for ever unless the
		// engine was stopped and started once in between.
		e.keeper.Close()
		if err := e.start(handlers, o.Database); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// start opens the connection that keeps the engine running and gives Go its signals back.
func (e *Engine) start(handlers *signalTable, database string) error {
	said, err := captureStderr(func() error {
		c, err := e.connect()
		e.keeper = c
		return err
	})
	if restoreErr := handlers.restore(); restoreErr != nil {
		return restoreErr
	}
	if err != nil {
		return fmt.Errorf("opening %s: %w%s", strings.TrimPrefix(e.args[1], "--path="), err, reason(said))
	}
	if _, _, err := e.keeper.Exec("CREATE DATABASE IF NOT EXISTS "+QuoteName(database)+" ENGINE = Atomic", "TabSeparated", nil); err != nil {
		e.keeper.Close()
		return fmt.Errorf("making the database %s: %w", database, err)
	}
	return nil
}

// reason turns what the engine wrote on standard error into the end of a sentence.
func reason(said string) string {
	if said = strings.TrimSpace(said); said == "" {
		return " and gave no reason; is the directory on a full or read-only disk?"
	}
	return ": " + said
}

// Connect opens a session. It takes about a millisecond. Close it.
func (e *Engine) Connect() (*Conn, error) { return e.connect() }

func (e *Engine) connect() (*Conn, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	argv := make([]unsafe.Pointer, len(e.args)+1) // ends with a null pointer, as in C
	for i, a := range e.args {
		b := append([]byte(a), 0)
		pinner.Pin(&b[0])
		argv[i] = unsafe.Pointer(&b[0])
	}
	pinner.Pin(&argv[0])
	owner := e.symbols.connect(int32(len(e.args)), unsafe.Pointer(&argv[0]))
	if owner == nil || *(*connHandle)(owner) == 0 {
		return nil, errors.New("the engine refused the connection")
	}
	return &Conn{symbols: e.symbols, owner: owner, handle: *(*connHandle)(owner)}, nil
}

// Kill asks the engine to stop the statements whose setting log_comment is tag. It returns
// without waiting for them; a statement that has not started yet is not found, so a caller
// repeats the call until its statement has returned.
func (e *Engine) Kill(tag string) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	_, _, err = c.Exec("KILL QUERY WHERE Settings['log_comment'] = "+QuoteString(tag)+" ASYNC", "TabSeparated", nil)
	return err
}

// Close stops the engine. All connections must be closed before. The engine cannot be
// opened again in this process.
func (e *Engine) Close() { e.keeper.Close() }

func isMissing(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return false, err
}
