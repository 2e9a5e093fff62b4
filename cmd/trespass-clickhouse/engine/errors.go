//go:build linux && amd64

package engine

import (
	"errors"
	"regexp"
	"strconv"
)

// The reasons Open can fail for, besides errors of the operating system.
var (
	// ErrLibrary: the library is missing, cut off, altered or of another version.
	ErrLibrary = errors.New("ClickHouse engine library unusable")
	// ErrUnsupported: this machine cannot run the library.
	ErrUnsupported = errors.New("ClickHouse engine not supported here")
	// ErrInUse: another process has the data directory open.
	ErrInUse = errors.New("data directory in use")
)

// Exception is an error answered by the engine, in ClickHouse's own words. Text may
// quote the statement and with it data; it is for the client that sent the statement
// and must not be logged.
type Exception struct {
	Code int    // ClickHouse's error number, for example 60
	Name string // ClickHouse's error name, for example UNKNOWN_TABLE; may be empty
	Text string // the whole text: "Code: 60. DB::Exception: … (UNKNOWN_TABLE)"
}

// Error returns the whole text.
func (e *Exception) Error() string { return e.Text }

// NewException returns an exception of our own in the form the engine uses.
func NewException(code int, name, message string) *Exception {
	return &Exception{Code: code, Name: name, Text: "Code: " + strconv.Itoa(code) + ". DB::Exception: " + message + " (" + name + ")"}
}

var (
	exceptionCode = regexp.MustCompile(`^Code: (\d+)\. `)
	exceptionName = regexp.MustCompile(`\(([A-Z][A-Z0-9_]+)\)\s*$`)
)

// codeUnknown is ClickHouse's UNKNOWN_EXCEPTION, for texts without a number.
const codeUnknown = 1002

// parseException reads code and name out of the engine's text.
func parseException(text string) *Exception {
	m := exceptionCode.FindStringSubmatch(text)
	if m == nil {
		return NewException(codeUnknown, "UNKNOWN_EXCEPTION", text)
	}
	e := &Exception{Text: text, Code: codeUnknown}
	if n, err := strconv.Atoi(m[1]); err == nil {
		e.Code = n
	}
	if m := exceptionName.FindStringSubmatch(text); m != nil {
		e.Name = m[1]
	}
	return e
}
