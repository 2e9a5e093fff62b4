//go:build linux && amd64

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ready is what the ready file says: requests are answered at Addr by process PID.
type ready struct {
	Addr string `json:"addr"`
	PID  int    `json:"pid"`
}

// writeReady puts the ready file in place with one rename, so that whoever waits for it
// never reads half of it.
func writeReady(path string, r ready) (err error) {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ready-")
	if err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err := tmp.Write(append(content, '\n')); err != nil {
		return errors.Join(fmt.Errorf("writing the ready file: %w", err), tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}
