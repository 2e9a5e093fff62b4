//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// libraryName is the file as the npm package has it.
const libraryName = "libchdb.so"

// locateLibrary returns the first of: the flag, $TRESPASS_LIBCHDB, beside this program,
// .dev/clickhouse of the source tree the working directory is in. A place that was named
// but has no file is an error, not a reason to look on.
func locateLibrary(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if named := os.Getenv("TRESPASS_LIBCHDB"); named != "" {
		return filepath.Abs(named)
	}
	var looked []string
	if program, err := os.Executable(); err == nil {
		looked = append(looked, filepath.Join(filepath.Dir(program), libraryName))
	}
	if tree, err := sourceTree(); err == nil {
		looked = append(looked, filepath.Join(tree, ".dev", "clickhouse", libraryName))
	}
	for _, path := range looked {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no %s at %q; %s, or name it with --lib or TRESPASS_LIBCHDB",
		engine.ErrLibrary, libraryName, looked, engine.InstallHint)
}

// sourceTree is the nearest directory upwards with a go.mod.
func sourceTree() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}
