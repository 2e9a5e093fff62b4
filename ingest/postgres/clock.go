package postgres

import (
	"time"

	"trespass.dev/trespass/ingest/decode"
)

// clock reads the times of one log. Its lines come in order, so the minute and the zone
// of the last one are remembered.
type clock struct {
	location *time.Location // log_timezone; nil when not configured

	minute [len("2026-11-23 01:54")]byte
	zone   [8]byte
	zoneN  int   // length of the name in zone; -1 before the first time
	start  int64 // seconds from 1970 UTC to that minute
}

func newClock(location *time.Location) clock { return clock{location: location, zoneN: -1} }

const (
	badClock = "want a time such as 2026-11-23 01:54:05.254 UTC, between the years 2000 and 2100"
	noZone   = "the zone is missing, or its abbreviation means several zones: configure log_timezone"
)

// read gives the instant that b says, in nanoseconds since 1970 UTC. If it cannot, wrong
// says why; the text holds nothing of b.
func (c *clock) read(b []byte) (nanos int64, wrong string) {
	const seconds = len("2026-11-23 01:54:05")
	if len(b) < seconds || b[len(c.minute)] != ':' {
		return 0, badClock
	}
	second := pair(b[seconds-2:])
	if second < 0 || second > 60 {
		return 0, badClock
	}
	fraction, rest, ok := fraction(b[seconds:])
	if !ok {
		return 0, badClock
	}
	if len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) != c.zoneN || string(b[:len(c.minute)]) != string(c.minute[:]) || string(rest) != string(c.zone[:c.zoneN]) {
		start, wrong := c.minuteOf(b[:len(c.minute)], rest)
		if wrong != "" {
			return 0, wrong
		}
		if c.start = start; len(rest) <= len(c.zone) {
			copy(c.minute[:], b)
			c.zoneN = copy(c.zone[:], rest)
		} else {
			c.zoneN = -1
		}
	}
	return (c.start+int64(second))*int64(time.Second) + fraction, ""
}

// fraction reads what may follow the seconds, .254, and gives what is after it.
func fraction(b []byte) (nanos int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	i, scale := 1, int64(time.Second)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		scale /= 10
		nanos += int64(b[i]-'0') * scale
	}
	return nanos, b[i:], i > 1
}

// minuteOf gives the seconds from 1970 UTC to a minute of the calendar in a zone.
func (c *clock) minuteOf(b, name []byte) (start int64, wrong string) {
	if b[4] != '-' || b[7] != '-' || b[10] != ' ' && b[10] != 'T' || b[13] != ':' {
		return 0, badClock
	}
	year, month, day := pair(b)*100+pair(b[2:]), pair(b[5:]), pair(b[8:])
	hour, minute := pair(b[11:]), pair(b[14:])
	if year < 2000 || year >= 2100 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return 0, badClock
	}
	date := time.Date(year, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	if date.Day() != day {
		return 0, badClock
	}
	z, ok := explicit(name)
	if !ok && c.location != nil {
		return c.local(date, name).Unix(), ""
	}
	if !ok {
		z, ok = abbreviated(name)
	}
	if !ok || year < z.since {
		return 0, noZone
	}
	return date.Unix() - z.seconds, ""
}

// local reads a date as one of the configured zone. In the hour that autumn repeats, the
// abbreviation of the line tells which of the two is meant.
func (c *clock) local(date time.Time, name []byte) time.Time {
	year, month, day := date.Date()
	t := time.Date(year, month, day, date.Hour(), date.Minute(), 0, 0, c.location)
	for _, other := range [...]time.Time{t, t.Add(time.Hour), t.Add(-time.Hour)} {
		abbreviation, _ := other.Zone()
		if abbreviation == string(name) && other.Hour() == t.Hour() && other.Minute() == t.Minute() {
			return other
		}
	}
	return t
}

// pair reads two digits; the result is far below zero if they are none.
func pair(b []byte) int {
	x, y := b[0]-'0', b[1]-'0'
	if x > 9 || y > 9 {
		return -1 << 20
	}
	return int(x)*10 + int(y)
}

// datelike says whether b begins with a date and the hour and minute of a day.
func datelike(b []byte) bool {
	return len(b) >= len("2026-11-23 01:54:05") && b[4] == '-' && b[7] == '-' && b[13] == ':' && b[16] == ':' &&
		(b[10] == ' ' || b[10] == 'T') && pair(b) >= 0 && pair(b[2:]) >= 0 && pair(b[5:]) >= 0 && pair(b[8:]) >= 0 &&
		pair(b[11:]) >= 0 && pair(b[14:]) >= 0 && pair(b[17:]) >= 0
}

// trimmed takes the newlines off both ends, which shippers add or leave.
func trimmed(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == '\n' || b[n-1] == '\r'); n-- {
		b = b[:n-1]
	}
	return b
}

func tooLong(format string, b []byte) error {
	if len(b) > decode.MaxLine {
		return &decode.Error{Format: format, Reason: decode.TooLong, At: decode.MaxLine, Detail: "a record of more than 1 MiB"}
	}
	return nil
}
