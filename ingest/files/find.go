package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stdin is the path that means standard input.
const Stdin = "-"

// Find gives the files that paths mean: files as they are, of directories all files
// below except hidden ones, of globs those that match, and Stdin. Each file comes once,
// those of one path in the order of their names. All faults come in one error.
func Find(paths []string) ([]string, error) {
	var (
		list   []string
		faults []error
		seen   = map[string]bool{}
	)
	for _, p := range paths {
		found, err := find(p)
		if err != nil {
			faults = append(faults, err)
		}
		for _, f := range found {
			if !seen[f] {
				seen[f] = true
				list = append(list, f)
			}
		}
	}
	return list, errors.Join(faults...)
}

func find(path string) ([]string, error) {
	if path == Stdin {
		return []string{Stdin}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return below(path)
	case err == nil:
		return []string{filepath.Clean(path)}, nil
	case !strings.ContainsAny(path, "*?["):
		return nil, fmt.Errorf("find logs: %w", err)
	}
	found, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("find logs: the pattern %q: %w", path, err)
	}
	found = slices.DeleteFunc(found, func(f string) bool {
		info, err := os.Stat(f)
		return err != nil || info.IsDir()
	})
	if len(found) == 0 {
		return nil, fmt.Errorf("find logs: no file matches %q", path)
	}
	return found, nil
}

// below gives the files of a directory and the directories in it.
func below(dir string) ([]string, error) {
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		switch {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case d.Type().IsRegular() && !hidden:
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find logs: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("find logs: no file in %s", dir)
	}
	return list, nil
}
