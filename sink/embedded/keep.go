package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// keep starts the engine again each time it dies, with growing pauses, until run
// ends. While it is away, writes fail and are tried again by whoever writes.
func (e *Engine) keep(run context.Context, ended <-chan error) {
	defer close(e.done)
	pause := time.Second
	for {
		err := <-ended
		if run.Err() != nil {
			return
		}
		e.o.Changed(false, fmt.Errorf("embedded engine: it died: %w", orEnd(err)))
		for {
			select {
			case <-run.Done():
				return
			case <-time.After(pause):
			}
			began := time.Now()
			if ended, err = e.launch(run, run); err == nil {
				break
			}
			if run.Err() != nil {
				return
			}
			e.o.Changed(false, err)
			pause = min(2*pause, 15*time.Second)
			if time.Since(began) > time.Minute {
				pause = time.Second
			}
		}
		pause = time.Second
		e.o.Changed(true, nil)
	}
}

// watch looks after an engine that another process runs, until run ends. When that
// process is gone, nobody would start the engine again, so this one does, where its
// users expect it.
func (e *Engine) watch(run context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-run.Done():
			close(e.done)
			return
		case <-tick.C:
		}
		if answers(run, e.address) {
			if told {
				told = false
				e.o.Changed(true, nil)
			}
			continue
		}
		if run.Err() != nil {
			continue
		}
		if !told {
			told = true
			e.o.Changed(false, errors.New("embedded engine: the process that ran it for us does not answer"))
		}
		if e.held() {
			continue // its owner is starting it again
		}
		ended, err := e.launch(run, run)
		if err != nil {
			continue // somebody was quicker, or its port is not free yet
		}
		e.o.Changed(true, nil)
		e.keep(run, ended)
		return
	}
}

// held says whether a process has the data directory locked: one that serves it, or that
// is about to.
func (e *Engine) held() bool {
	f, err := os.Open(e.lockFile())
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

func orEnd(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
