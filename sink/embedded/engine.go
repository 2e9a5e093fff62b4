// Package embedded runs the ClickHouse engine as a child process,
// trespass-clickhouse, for those who have no ClickHouse server. The program that
// uses it cannot tell the difference: it is spoken to over HTTP, it can die and
// come back, and what was not acknowledged is written again.
package embedded

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program is the name of the engine's program, found beside our own or in PATH.
const Program = "trespass-clickhouse"

// Options says how the engine is run.
type Options struct {
	Dir     string // data directory; made when missing
	Program string // path of trespass-clickhouse; empty: beside this program, then PATH
	Library string // path of libchdb.so; empty: the engine's own rule
	Memory  string // such as 1500MB; empty: the engine's default
	Stderr  io.Writer
	// Changed is told when the engine dies and when it is back. It must not block.
	Changed func(up bool, err error)
	// Wait bounds the first start. 0 means a minute.
	Wait time.Duration
}

// Engine is a running engine. It is started again whenever it dies, until Close.
type Engine struct {
	o        Options
	address  string
	password string
	cancel   context.CancelFunc
	done     chan struct{}

	mu       sync.Mutex
	attached bool // the engine is another process's
	child    *exec.Cmd
}

type ready struct {
	Addr string `json:"addr"`
	PID  int    `json:"pid"`
}

// Start runs the engine and returns once it answers. When another process already
// serves this directory, or is about to, its engine is used instead, and Close leaves it
// alone. When that process goes away, this one runs the engine, at the same address.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Changed == nil {
		o.Changed = func(bool, error) {}
	}
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded engine: data directory %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded engine: make the data directory: %w", err)
	}
	e := &Engine{o: o, done: make(chan struct{})}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.cancel = cancel
	if err := e.start(ctx, run); err != nil {
		cancel()
		return nil, err
	}
	return e, nil
}

// start uses the engine that serves the directory, waits for one that another process
// is starting, or starts one.
func (e *Engine) start(ctx, run context.Context) error {
	limit := time.Now().Add(e.o.Wait)
	for {
		if e.attach(ctx) {
			go e.watch(run)
			return nil
		}
		var err error
		if e.held() {
			err = fmt.Errorf("embedded engine: another process has the data directory %s open and did not answer within %s; stop it, or give another directory", e.o.Dir, e.o.Wait)
		} else {
			var ended <-chan error
			if ended, err = e.first(ctx, run); err == nil {
				go e.keep(run, ended)
				return nil
			}
			if !e.held() { // else somebody was quicker
				return err
			}
		}
		if time.Now().After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// first launches the engine at an address of our choice.
func (e *Engine) first(ctx, run context.Context) (ended <-chan error, err error) {
	if e.address, err = freeAddress(); err != nil {
		return nil, fmt.Errorf("embedded engine: find a free port: %w", err)
	}
	return e.launch(ctx, run)
}

// URL is where the engine answers, for sink/clickhouse.
func (e *Engine) URL() string { return "http://default@" + e.address + "/trespass" }

// HTTP is the same without a login, for curl.
func (e *Engine) HTTP() string { return "http://" + e.address + "/" }

// Password opens the engine. It is kept in a file that only our user can read.
func (e *Engine) Password() string { return e.password }

// PasswordFile is that file.
func (e *Engine) PasswordFile() string { return filepath.Join(e.o.Dir, "password") }

// PID is the engine's process, 0 while it is down or when it is another's.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil || e.child.Process == nil {
		return 0
	}
	return e.child.Process.Pid
}

// Attached reports whether the engine belongs to another process.
func (e *Engine) Attached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.attached
}

// Close stops an engine of our own and waits for it.
func (e *Engine) Close() error {
	e.cancel()
	<-e.done
	return nil
}

// attach looks for an engine that serves the directory already: ours, which names itself
// in a file for us, or one that was started by hand, which does so in its lock alone.
func (e *Engine) attach(ctx context.Context) bool {
	r, err := readReady(e.readyFile())
	if err != nil || syscall.Kill(r.PID, 0) != nil || !answers(ctx, r.Addr) {
		r, err = readReady(e.lockFile())
		if err != nil || !e.held() || !answers(ctx, r.Addr) {
			return false
		}
	}
	password, err := os.ReadFile(e.PasswordFile())
	if err != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.address, e.password, e.attached = r.Addr, strings.TrimSpace(string(password)), true
	return true
}

func (e *Engine) readyFile() string { return filepath.Join(e.o.Dir, "ready.json") }

func (e *Engine) lockFile() string { return filepath.Join(e.o.Dir, "lock") }

// launch starts the child and waits until it answers. The child lives until run
// ends; ctx bounds the waiting alone.
func (e *Engine) launch(ctx, run context.Context) (<-chan error, error) {
	if e.o.Program == "" {
		var err error
		if e.o.Program, err = find(); err != nil {
			return nil, err
		}
	}
	args := []string{"--data", e.o.Dir, "--listen", e.address, "--ready-file", e.readyFile(), "--password-file", e.PasswordFile(), "--stop-with-stdin"}
	if e.o.Library != "" {
		args = append(args, "--lib", e.o.Library)
	}
	if e.o.Memory != "" {
		args = append(args, "--memory", e.o.Memory)
	}
	last := &tail{to: e.o.Stderr}
	cmd := exec.CommandContext(run, e.o.Program, args...)
	cmd.Stdout, cmd.Stderr = io.Discard, last
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stdin, err := cmd.StdinPipe() // the engine stops when it closes, so that a killed parent leaves nothing behind
	if err != nil {
		return nil, fmt.Errorf("embedded engine: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("embedded engine: start %s: %w", e.o.Program, err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = stdin.Close()
	}()
	limit := time.NewTimer(e.o.Wait)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	stop := func(why error) error {
		_ = cmd.Process.Kill()
		<-ended
		return fmt.Errorf("embedded engine: %w%s", why, last.text())
	}
	for {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("embedded engine: it stopped while starting (%v)%s", err, last.text())
		case <-ctx.Done():
			return nil, stop(ctx.Err())
		case <-limit.C:
			return nil, stop(fmt.Errorf("no answer within %s", e.o.Wait))
		case <-tick.C:
		}
		r, err := readReady(e.readyFile())
		if err != nil || r.PID != cmd.Process.Pid || !answers(ctx, r.Addr) {
			continue
		}
		password, err := os.ReadFile(e.PasswordFile())
		if err != nil {
			return nil, stop(fmt.Errorf("read its password: %w", err))
		}
		e.mu.Lock()
		e.password, e.child, e.attached = strings.TrimSpace(string(password)), cmd, false
		e.mu.Unlock()
		return ended, nil
	}
}
