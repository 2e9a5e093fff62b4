package detect

import (
	"strconv"
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

// TestInternerAndHeadsAgreeWithMaps grows both tables far beyond their first size.
func TestInternerAndHeadsAgreeWithMaps(t *testing.T) {
	in, h := newInterner(), newHeads()
	numbers, firsts := map[string]uint32{}, map[factKey]uint32{}
	for i := range uint32(20_000) {
		s := strconv.Itoa(int(i * 7919 % 10_007))
		if n, ok := in.find(s); ok != (numbers[s] != 0) || n != numbers[s] {
			t.Fatalf("%q is found as %d, %t; want %d", s, n, ok, numbers[s])
		}
		n := in.number(s)
		if was, ok := numbers[s]; ok && was != n || in.name(n) != s {
			t.Fatalf("%q has number %d, whose name is %q; it had %d", s, n, in.name(n), was)
		}
		numbers[s] = n
		k := factKey{factSort(i % 5), n, i % 3, n % 11, i % 2}
		if h.get(k) != firsts[k] {
			t.Fatalf("%v begins at %d, want %d", k, h.get(k), firsts[k])
		}
		h.set(k, i+1)
		firsts[k] = i + 1
	}
	for k, first := range firsts {
		if h.get(k) != first {
			t.Fatalf("%v begins at %d, want %d", k, h.get(k), first)
		}
	}
	if len(numbers) != 10_007 || len(in.names) != 10_008 || h.used != len(firsts) {
		t.Errorf("%d strings, %d names, %d keys for %d", len(numbers), len(in.names), h.used, len(firsts))
	}
}

// TestUUIDsLetterByLetter puts every byte into every place of a uuid.
func TestUUIDsLetterByLetter(t *testing.T) {
	const id = "0a9fAF00-1234-5678-9abc-def0ABCDEF99"
	if !validUUID(id) {
		t.Fatalf("%s is a uuid", id)
	}
	for i := range len(id) {
		for c := range 256 {
			b := []byte(id)
			b[i] = byte(c)
			want := strings.IndexByte("0123456789abcdefABCDEF", byte(c)) >= 0
			if id[i] == '-' {
				want = c == '-'
			}
			if got := validUUID(string(b)); got != want {
				t.Fatalf("%q: got %v, want %v", b, got, want)
			}
		}
	}
	for _, short := range []string{"", id[:35], id + "0"} {
		if validUUID(short) {
			t.Errorf("%q is no uuid", short)
		}
	}
}
