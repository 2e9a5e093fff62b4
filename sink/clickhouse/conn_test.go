package clickhouse

import (
	"strings"
	"testing"
)

// What an address may not hold is refused, above all what would be passed over: a
// password, and parameters such as secure=true, without which all goes in plain text.
func TestAddressesThatAreRefused(t *testing.T) {
	for url, want := range map[string]string{
		"clickhouse://u:hunter2@ch:9000/db":         "put the password in a file",
		"clickhouse://u@ch:9440/db?secure=true":     "for TLS begin it with clickhouses:// or https://",
		"https://u@ch:8443/db?skip_verify=true":     "it takes no parameters",
		"clickhouse:///db":                          "no host",
		"tcp://ch:9000/db":                          `scheme "tcp"`,
		"clickhouse://u@ch:9000/db'; drop database": "letters, digits and underscores",
	} {
		_, err := Connect(Address{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	for url, tls := range map[string]bool{
		"clickhouse://u@ch:9000/db": false, "http://ch:8123": false, "clickhouses://u@ch:9440/db": true, "https://u@ch:8443/db": true,
	} {
		s, err := Connect(Address{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if (s.options.TLS != nil) != tls {
			t.Errorf("%s: TLS %v, want %v", url, s.options.TLS != nil, tls)
		}
		_ = s.Close()
	}
}
