//go:build linux && amd64

package server

import "strings"

// unescape reads one field of TabSeparated.
func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\0`, "\x00",
		`\b`, "\b", `\f`, "\f", `\'`, "'").Replace(field)
}
