package decode

import (
	"testing"
	"time"
)

func TestParseRFC3339(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string // RFC 3339 in UTC; empty: refused
	}{
		{"2026-11-23T01:55:57.374Z", "2026-11-23T01:55:57.374Z"},
		{"2026-11-23T01:55:57Z", "2026-11-23T01:55:57Z"},
		{"2026-11-23 01:55:57.123456789+02:00", "2026-11-22T23:55:57.123456789Z"},
		{"2026-11-23t01:55:57.1z", "2026-11-23T01:55:57.1Z"},
		{"2024-02-29T00:00:00-0530", "2024-02-29T05:30:00Z"},
		{"2099-12-31T23:59:59Z", "2099-12-31T23:59:59Z"},
		{"2023-02-29T00:00:00Z", ""},
		{"2026-11-23T01:55:57", ""},     // no zone
		{"2026-11-23T01:55:57 CET", ""}, // a name is no offset
		{"2026-11-23T01:55:57.Z", ""},
		{"2026-13-23T01:55:57Z", ""},
		{"2026-11-23T24:55:57Z", ""},
		{"1970-01-01T00:00:00Z", ""},
		{"2a26-11-23T01:55:57Z", ""},
		{"", ""},
	} {
		got, ok := ParseRFC3339(tt.in)
		if !ok {
			if tt.want != "" {
				t.Errorf("%q refused, want %s", tt.in, tt.want)
			}
			continue
		}
		if text := time.Unix(0, got).UTC().Format(time.RFC3339Nano); text != tt.want {
			t.Errorf("%q = %s, want %q", tt.in, text, tt.want)
		}
	}
}

// Every day from 2000 to 2100 must be the one that package time counts.
// A Clock that remembers a minute reads what one without memory reads.
func FuzzClock(f *testing.F) {
	f.Add("2026-11-23T01:55:57.374Z", "2026-11-23T01:55:58+01:00")
	f.Add("2026-11-23T01:55:57.374Z", "2026-11-23T01:55:61Z")
	f.Add("2026-13-23T01:55:57.374Z", "2026-11-23T01:55:57")
	f.Fuzz(func(t *testing.T, first, then string) {
		var c Clock
		for _, s := range []string{first, then, first, then} {
			want, wantOK := ParseRFC3339(s)
			if got, ok := c.ParseRFC3339(s); ok != wantOK || ok && got != want {
				t.Fatalf("%q: %d %v, want %d %v", s, got, ok, want, wantOK)
			}
		}
	})
}

func TestParseRFC3339Calendar(t *testing.T) {
	for d := time.Unix(0, minInstant).UTC(); d.Year() < 2100; d = d.AddDate(0, 0, 1) {
		got, ok := ParseRFC3339(d.Format(time.RFC3339))
		if !ok || got != d.UnixNano() {
			t.Fatalf("%s = %d, %v, want %d", d.Format(time.RFC3339), got, ok, d.UnixNano())
		}
	}
}

func TestParseEpoch(t *testing.T) {
	for _, tt := range []struct {
		in   string
		unit Unit
		want int64 // 0: refused
	}{
		{"1795398957366", AnyUnit, 1795398957366e6},
		{"1795398957366", Millis, 1795398957366e6},
		{"1795398957", AnyUnit, 1795398957e9},
		{"1795398957.363", AnyUnit, 1795398957363e6},
		{"1795398957.3630000004", Seconds, 1795398957363e6},
		{"1795398957366123", AnyUnit, 1795398957366123e3},
		{"1795398957366123456", AnyUnit, 1795398957366123456},
		{"1795398957", Millis, 0}, // 1970: the unit is wrong
		{"0", AnyUnit, 0},
		{"-1", AnyUnit, 0},
		{"1.795398957e9", AnyUnit, 0},
		{"1795398957.", AnyUnit, 0},
		{"99999999999999999999", AnyUnit, 0},
		{"", AnyUnit, 0},
	} {
		got, ok := ParseEpoch(tt.in, tt.unit)
		if ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("ParseEpoch(%q, %v) = %d, %v, want %d", tt.in, tt.unit, got, ok, tt.want)
		}
	}
}
