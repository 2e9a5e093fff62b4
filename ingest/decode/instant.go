package decode

// Unit is what a number of a timestamp counts.
type Unit int64

const (
	AnyUnit Unit = 0 // told by its size, which is unambiguous between 2000 and 2100
	Seconds Unit = 1e9
	Millis  Unit = 1e6
	Micros  Unit = 1e3
	Nanos   Unit = 1
)

// String names the unit.
func (u Unit) String() string {
	switch u {
	case Seconds:
		return "seconds"
	case Millis:
		return "milliseconds"
	case Micros:
		return "microseconds"
	case Nanos:
		return "nanoseconds"
	}
	return "seconds, milliseconds, microseconds or nanoseconds"
}

// Instants outside of these are mistakes of unit or of a clock that was never set.
const (
	minInstant = 946684800 * int64(Seconds)  // 2000-01-01
	maxInstant = 4102444800 * int64(Seconds) // 2100-01-01
)

// ParseEpoch reads a decimal number counted from 1970 UTC, such as 1795398957366 or
// 1795398957.363, and gives nanoseconds. Digits below a nanosecond are dropped.
// It gives false for anything else, and for instants before 2000 or after 2100.
func ParseEpoch(s string, unit Unit) (nanos int64, ok bool) {
	var whole, scale int64
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if whole > maxInstant/10 {
			return 0, false
		}
		whole = whole*10 + int64(s[i]-'0')
	}
	if i == 0 {
		return 0, false
	}
	if unit == AnyUnit {
		unit = unitOf(whole)
	}
	scale = int64(unit)
	if whole > maxInstant/scale {
		return 0, false
	}
	nanos = whole * scale
	if i < len(s) {
		if s[i] != '.' || i+1 == len(s) {
			return 0, false
		}
		for i++; i < len(s); i++ {
			if s[i]-'0' > 9 {
				return 0, false
			}
			scale /= 10
			nanos += int64(s[i]-'0') * scale
		}
	}
	return nanos, nanos >= minInstant && nanos < maxInstant
}

func unitOf(whole int64) Unit {
	switch {
	case whole < 1e11:
		return Seconds
	case whole < 1e14:
		return Millis
	case whole < 1e17:
		return Micros
	}
	return Nanos
}

// ParseRFC3339 reads 2026-11-23T01:55:57.374Z, with a T or a blank, up to nine
// digits of a second and a numeric zone or Z, and gives nanoseconds since 1970 UTC.
// It gives false for anything else, for days that no month has, and for instants
// before 2000 or after 2100.
func ParseRFC3339(s string) (nanos int64, ok bool) {
	var c Clock
	return c.ParseRFC3339(s)
}

// Clock reads the times of lines that follow one another: it remembers the last minute.
// The zero Clock is ready for use.
type Clock struct {
	minute [len("2006-01-02T15:04")]byte
	start  int64 // seconds from 1970 to that minute, as if its zone were UTC
}

// ParseRFC3339 is the function of this name.
func (c *Clock) ParseRFC3339(s string) (nanos int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[16] != ':' {
		return 0, false
	}
	second := two(s[17:])
	if second < 0 || second > 60 {
		return 0, false
	}
	if s[:len(c.minute)] != string(c.minute[:]) {
		start, ok := minuteOf(s)
		if !ok {
			return 0, false
		}
		copy(c.minute[:], s)
		c.start = start
	}
	nanos = (c.start + int64(second)) * int64(Seconds)
	s = s[19:]
	if s[0] == '.' || s[0] == ',' {
		i, part := 1, int64(0)
		for ; i < len(s) && s[i]-'0' <= 9; i++ {
			if i <= 9 {
				part = part*10 + int64(s[i]-'0')
			}
		}
		if i == 1 {
			return 0, false
		}
		nanos += part * powers[max(10-i, 0)]
		s = s[i:]
	}
	offset, ok := zone(s)
	nanos -= offset * int64(Seconds)
	return nanos, ok && nanos >= minInstant && nanos < maxInstant
}

// powers are those of ten.
var powers = [10]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// minuteOf gives the seconds from 1970 to a minute of the calendar.
func minuteOf(s string) (seconds int64, ok bool) {
	if s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' && s[10] != ' ' || s[13] != ':' {
		return 0, false
	}
	year := two(s[0:])*100 + two(s[2:])
	month, day := two(s[5:]), two(s[8:])
	hour, minute := two(s[11:]), two(s[14:])
	if year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return 0, false
	}
	return daysSince1970(year, month, day)*86400 + int64(hour*3600+minute*60), true
}

// zone reads Z, +01:00 or +0100, in seconds.
func zone(s string) (seconds int64, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) == 6 && s[3] == ':' {
		return hoursMinutes(s[0], two(s[1:]), two(s[4:]))
	}
	if len(s) == 5 {
		return hoursMinutes(s[0], two(s[1:]), two(s[3:]))
	}
	return 0, false
}

func hoursMinutes(sign byte, h, m int) (seconds int64, ok bool) {
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	switch seconds = int64(h*3600 + m*60); sign {
	case '+':
		return seconds, true
	case '-':
		return -seconds, true
	}
	return 0, false
}

// two reads two digits; the result is far below zero if they are none.
func two(s string) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return -1 << 20
	}
	return int(a)*10 + int(b)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar, in years that begin in March
// so that the leap day is the last.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468)
}
