//go:build linux && amd64

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

func makePassword(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("making the password file: %w", err)
	}
	password := rand.Text()
	if _, err := f.WriteString(password + "\n"); err != nil {
		return "", errors.Join(fmt.Errorf("writing the password file: %w", err), f.Close(), os.Remove(path))
	}
	return password, f.Close()
}
