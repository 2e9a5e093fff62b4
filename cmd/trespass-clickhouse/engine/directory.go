//go:build linux && amd64

package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// The files of a data directory. The engine's own tree is one level below, so that it
// can never take one of ours for its own.
const (
	storeDir    = "store"
	lockFile    = "lock"
	digestFile  = "library.json"
	configFile  = "config.xml"
	usersFile   = "users.xml"
	scratchDir  = "scratch"
	privateDir  = 0o700
	privateFile = 0o600
)

// prepareDirectory makes the data directory and proves that files can be written in it:
// the engine itself gives no reason when they cannot.
func prepareDirectory(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, scratchDir)} {
		if err := os.MkdirAll(d, privateDir); err != nil {
			return fmt.Errorf("making the data directory: %w", err)
		}
	}
	probe, err := os.CreateTemp(filepath.Join(dir, scratchDir), "probe-")
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	defer os.Remove(probe.Name())
	if _, err := probe.Write([]byte("probe")); err != nil {
		probe.Close()
		return fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	return probe.Close()
}

// writeFile puts content into path with mode 0600, all of it or nothing.
func writeFile(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // no-op once renamed
	if _, err := tmp.Write(content); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
