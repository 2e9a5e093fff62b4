//go:build linux && amd64

package engine

import "strings"

// QuoteName returns name as a quoted identifier.
func QuoteName(name string) string { return "`" + escapeFor('`').Replace(name) + "`" }

// QuoteString returns value as a string literal.
func QuoteString(value string) string { return "'" + escapeFor('\'').Replace(value) + "'" }

func escapeFor(quote byte) *strings.Replacer {
	q := string(quote)
	return strings.NewReplacer(`\`, `\\`, q, `\`+q, "\x00", `\0`)
}
