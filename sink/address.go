package sink

import (
	"fmt"
	"strings"
)

// Kind of a sink address.
type Kind string

const (
	Server   Kind = "server"   // clickhouse://, clickhouses://, http://, https://
	Embedded Kind = "embedded" // embedded:DIR
	Lines    Kind = "lines"    // lines:DIR, NDJSON files
)

// Parse tells the kind of an address and the part that is its own.
func Parse(address string) (Kind, string, error) {
	switch scheme, rest, ok := strings.Cut(address, ":"); {
	case !ok:
	case scheme == "clickhouse", scheme == "clickhouses", scheme == "http", scheme == "https":
		return Server, address, nil
	case scheme == "embedded" && rest != "":
		return Embedded, strings.TrimPrefix(rest, "//"), nil
	case scheme == "lines" && rest != "":
		return Lines, strings.TrimPrefix(rest, "//"), nil
	}
	return "", "", fmt.Errorf("sink %q: want clickhouse://user@host:9000/database, https://user@host:8443/database, embedded:DIR or lines:DIR", redact(address))
}

// redact takes a password out of an address before it is shown.
func redact(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		return address
	}
	if name, _, has := strings.Cut(user, ":"); has {
		user = name + ":***"
	}
	return scheme + "://" + user + "@" + host
}
