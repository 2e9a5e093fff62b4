//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass-clickhouse/sandbox"
)

// confine starts the program again with rights on its data directory and nothing else. On
// a kernel that cannot it goes on with a warning: the listener refuses the statements
// that are known to reach out.
func confine(c config, log zerolog.Logger) error {
	if sandbox.Inside() {
		return nil
	}
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	library, err := locateLibrary(c.library)
	if err != nil {
		return err
	}
	if _, err := readPassword(c.passwordFile); err != nil {
		return err // also makes the file: a rule can only be given for what is there
	}
	rules := sandbox.Rules{
		ReadWrite: []string{c.data},
		Read:      append(sandbox.System(), library, c.passwordFile),
	}
	if c.readyFile != "" {
		rules.Create = []string{filepath.Dir(c.readyFile)}
	}
	if err := sandbox.Enter(rules); !errors.Is(err, sandbox.ErrUnavailable) {
		return err
	}
	log.Warn().Msg("this kernel has no Landlock (Linux 5.19 or later with Landlock enabled): the engine runs with all rights of its user")
	return nil
}
