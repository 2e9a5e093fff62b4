//go:build linux && amd64

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// errPassword: the password file is not fit for use.
var errPassword = errors.New("password file unusable")

// readPassword returns the password in the file at path and makes the file, with a random
// one, if it is missing. A file that others can read is refused.
func readPassword(path string) (string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makePassword(path)
	}
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: %s can be read by others (mode %#o); run: chmod 600 %s", errPassword, path, info.Mode().Perm(), path)
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" {
		return "", fmt.Errorf("%w: %s is empty; delete it to have one made", errPassword, path)
	}
	return password, nil
}

// makePassword makes the file whole or not at all: several processes may start on one
// directory at the same moment, and the password of the first counts for all of them.
func makePassword(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".password-")
	if err != nil {
		return "", fmt.Errorf("making the password file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(rand.Text() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("writing the password file: %w", err)
	}
	err = os.Link(f.Name(), path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // a file system without hard links
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("making the password file: %w", err)
	}
	return readPassword(path)
}
