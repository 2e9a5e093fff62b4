package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"trespass.dev/trespass/cmd/trespass/screen"
)

// Exit codes. They are the same for every command and never change their meaning.
const (
	exitOK       = 0
	exitFindings = 1  // findings at or above --fail-on
	exitFailed   = 2  // could not complete: input, Kafka, ClickHouse, disk
	exitWarnings = 3  // only warnings, with --deny-warnings
	exitUsage    = 64 // wrong flags or arguments
	exitConfig   = 78 // wrong configuration or policy
)

// exitError carries the exit code of an error. A nil err has been reported
// already, or is no failure at all, such as findings.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(err error) error  { return &exitError{exitUsage, err} }
func configError(err error) error { return &exitError{exitConfig, err} }

// exitCode writes an error once and gives the exit code for it.
func exitCode(err error, w io.Writer) int {
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{exitFailed, err}
	}
	switch {
	case e.err == nil:
	case errors.Is(e.err, context.Canceled):
		_, _ = fmt.Fprintln(w, "trespass: stopped")
	default:
		_, _ = fmt.Fprintln(w, "trespass:", screen.CleanLines(e.err.Error()))
	}
	if e.code == exitUsage {
		_, _ = fmt.Fprintln(w, "Run trespass --help, or trespass COMMAND --help.")
	}
	return e.code
}
