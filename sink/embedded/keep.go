package embedded

import (
	"context"
	"errors"
	"fmt"
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

func orEnd(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
