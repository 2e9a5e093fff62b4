package statement

import "fmt"

// Error is a refusal. Code and Name are ClickHouse's.
type Error struct {
	Code    int
	Name    string
	Message string
}

// Error returns the message alone.
func (e *Error) Error() string { return e.Message }

func syntaxError(format string, args ...any) error {
	return &Error{Code: 62, Name: "SYNTAX_ERROR", Message: "Syntax error: " + fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &Error{Code: 497, Name: "ACCESS_DENIED", Message: "Not allowed on the embedded engine: " + fmt.Sprintf(format, args...)}
}

func notImplemented(format string, args ...any) error {
	return &Error{Code: 48, Name: "NOT_IMPLEMENTED", Message: "Not implemented on the embedded engine: " + fmt.Sprintf(format, args...)}
}
