package postgres

import (
	"strings"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in       string
		location *time.Location
		want     string // RFC 3339 in UTC; empty: refused
	}{
		{"2026-11-23 01:54:05.254 UTC", nil, "2026-11-23T01:54:05.254Z"},
		{"2026-11-23 01:54:05 GMT", nil, "2026-11-23T01:54:05Z"},
		{"2026-11-23T01:54:05.254Z", nil, "2026-11-23T01:54:05.254Z"},
		{"2026-11-23 01:54:05.254123 CET", nil, "2026-11-23T00:54:05.254123Z"},
		{"2024-06-27 00:00:07.369 CEST", nil, "2024-06-26T22:00:07.369Z"},
		{"2026-11-23 01:54:05.254 +0530", nil, "2026-11-22T20:24:05.254Z"},
		{"2026-11-23 01:54:05.254 -03", nil, "2026-11-23T04:54:05.254Z"},
		{"2026-11-23 01:54:05.254 +05:45", nil, "2026-11-22T20:09:05.254Z"},
		{"2019-10-21 12:03:31.311 MSK", nil, "2019-10-21T09:03:31.311Z"},
		{"2024-02-29 00:00:00 UTC", nil, "2024-02-29T00:00:00Z"},

		{"2012-10-21 12:03:31.311 MSK", nil, ""},
		{"2026-11-23 01:54:05.254 IST", nil, ""},
		{"2026-11-23 01:54:05.254 CST", nil, ""},
		{"2026-11-23 01:54:05.254 XYZT", nil, ""},
		{"2026-11-23 01:54:05.254", nil, ""},
		{"2026-11-23 01:54:05.254 +99", nil, ""},
		{"2026-11-23 01:54:05. UTC", nil, ""},
		{"2023-02-29 00:00:00 UTC", nil, ""},
		{"2026-13-01 00:00:00 UTC", nil, ""},
		{"1999-12-31 23:59:59 UTC", nil, ""},
		{"2026-11-23 24:54:05 UTC", nil, ""},
		{"2026-11-23", nil, ""},
		{"", nil, ""},

		{"2026-11-23 01:54:05.254 IST", kolkata, "2026-11-22T20:24:05.254Z"},
		{"2026-11-23 01:54:05.254", kolkata, "2026-11-22T20:24:05.254Z"},
		{"2026-11-23 01:54:05.254 UTC", kolkata, "2026-11-23T01:54:05.254Z"}, // explicit: believed
		{"2026-11-23 01:54:05.254 +03", kolkata, "2026-11-22T22:54:05.254Z"},
		// The hour that autumn repeats.
		{"2026-10-25 02:30:00 CEST", berlin, "2026-10-25T00:30:00Z"},
		{"2026-10-25 02:30:00 CET", berlin, "2026-10-25T01:30:00Z"},
	} {
		c := newClock(tt.location)
		for range 2 { // the second time from memory
			got, wrong := c.read([]byte(tt.in))
			if wrong != "" {
				if tt.want != "" {
					t.Errorf("%q refused: %s, want %s", tt.in, wrong, tt.want)
				}
				continue
			}
			if text := time.Unix(0, got).UTC().Format(time.RFC3339Nano); text != tt.want {
				t.Errorf("%q = %s, want %q", tt.in, text, tt.want)
			}
		}
	}
}

// A zone that cannot be told says what to do.
func TestClockSaysLogTimezone(t *testing.T) {
	c := newClock(nil)
	if _, wrong := c.read([]byte("2026-11-23 01:54:05.254 IST")); !strings.Contains(wrong, "log_timezone") {
		t.Errorf("got %q, want a word of log_timezone", wrong)
	}
}

// What is remembered of one time must not leak into another.
func TestClockMemory(t *testing.T) {
	c := newClock(nil)
	for day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC); day.Month() < 12; day = day.Add(17*time.Minute + 3*time.Second) {
		for _, zone := range []string{"UTC", "CET", "+0530"} {
			offset := map[string]time.Duration{"UTC": 0, "CET": time.Hour, "+0530": 5*time.Hour + 30*time.Minute}[zone]
			got, wrong := c.read([]byte(day.Format("2006-01-02 15:04:05.000 ") + zone))
			if want := day.Add(-offset).UnixNano(); wrong != "" || got != want {
				t.Fatalf("%s %s = %d, %q, want %d", day, zone, got, wrong, want)
			}
		}
	}
}

// The table must agree with the time zone database, wherever both know a name.
func TestAbbreviations(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Europe/Helsinki", "Europe/Lisbon", "Europe/London", "Europe/Moscow",
		"America/New_York", "America/Denver", "America/Anchorage", "America/Halifax", "America/St_Johns",
		"Pacific/Honolulu", "Asia/Tokyo", "Asia/Seoul", "Asia/Hong_Kong", "Asia/Karachi", "Asia/Jakarta",
		"Australia/Sydney", "Australia/Adelaide", "Australia/Perth", "Pacific/Auckland", "Africa/Johannesburg",
		"Africa/Nairobi", "Africa/Lagos", "Africa/Maputo"} {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, month := range []time.Month{1, 7} {
			abbreviation, offset := time.Date(2026, month, 15, 0, 0, 0, 0, location).Zone()
			if z, ok := abbreviated([]byte(abbreviation)); !ok || z.seconds != int64(offset) {
				t.Errorf("%s: %s is %d seconds, the table says %d, %v", name, abbreviation, offset, z.seconds, ok)
			}
		}
	}
}
