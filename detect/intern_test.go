package detect

import (
	"strings"
	"testing"
)

// TestCanonicalID holds the short way against the plain meaning, with every byte at
// every place of a uuid.
func TestCanonicalID(t *testing.T) {
	plain := func(id string) string {
		if validUUID(id) {
			return strings.ToLower(id)
		}
		return id
	}
	for _, id := range []string{"", "42", "cus_NffrFeUfNV2Hib", "ORDER-7", "b923f1df-cab5-486e-8300-0000000005ff", "B923F1DF-CAB5-486E-8300-0000000005FF"} {
		if got, want := canonicalID(id), plain(id); got != want {
			t.Errorf("%q gives %q, want %q", id, got, want)
		}
		for i := range len(id) {
			for c := range 256 {
				other := []byte(id)
				other[i] = byte(c)
				if got, want := canonicalID(string(other)), plain(string(other)); got != want {
					t.Fatalf("%q gives %q, want %q", other, got, want)
				}
			}
		}
	}
}
