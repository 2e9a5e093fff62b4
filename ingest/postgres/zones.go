package postgres

// zone is how far a time of the log is ahead of UTC, and since which year its
// abbreviation has meant that and nothing else.
type zone struct {
	seconds int64
	since   int
}

// abbreviated gives the zone of an abbreviation that all places which use it agree on.
// CST (America, China, Cuba), CDT, IST (India, Israel, Ireland), PST (America, the
// Philippines) and other names of several zones are left out: a log that uses one of
// them can only be read with its log_timezone.
func abbreviated(name []byte) (z zone, ok bool) {
	const hour = 3600
	switch string(name) {
	case "UTC", "GMT", "Z", "UCT", "WET":
		return zone{}, true
	case "CET", "WEST", "BST", "WAT":
		return zone{1 * hour, 0}, true
	case "CEST", "EET", "SAST", "CAT":
		return zone{2 * hour, 0}, true
	case "EEST", "EAT", "IDT":
		return zone{3 * hour, 0}, true
	case "MSK":
		return zone{3 * hour, 2015}, true // was four hours from 2011 to 2014
	case "PKT":
		return zone{5 * hour, 0}, true
	case "WIB":
		return zone{7 * hour, 0}, true
	case "WITA", "AWST", "HKT":
		return zone{8 * hour, 0}, true
	case "JST", "KST", "WIT":
		return zone{9 * hour, 0}, true
	case "ACST":
		return zone{9*hour + hour/2, 0}, true
	case "AEST", "ChST":
		return zone{10 * hour, 0}, true
	case "ACDT":
		return zone{10*hour + hour/2, 0}, true
	case "AEDT":
		return zone{11 * hour, 0}, true
	case "NZST":
		return zone{12 * hour, 0}, true
	case "NZDT":
		return zone{13 * hour, 0}, true
	case "NDT":
		return zone{-2*hour - hour/2, 0}, true
	case "NST":
		return zone{-3*hour - hour/2, 0}, true
	case "ADT":
		return zone{-3 * hour, 0}, true
	case "AST", "EDT":
		return zone{-4 * hour, 0}, true
	case "EST":
		return zone{-5 * hour, 0}, true
	case "MDT":
		return zone{-6 * hour, 0}, true
	case "MST", "PDT":
		return zone{-7 * hour, 0}, true
	case "AKDT":
		return zone{-8 * hour, 0}, true
	case "AKST":
		return zone{-9 * hour, 0}, true
	case "HST":
		return zone{-10 * hour, 0}, true
	}
	return zone{}, false
}

// numeric reads an offset: +05, -0330, +05:30, which is what Postgres prints for a zone
// without a name of its own.
func numeric(name []byte) (z zone, ok bool) {
	if len(name) < 3 || name[0] != '+' && name[0] != '-' {
		return zone{}, false
	}
	digits := name[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = []byte{digits[0], digits[1], digits[3], digits[4]}
	}
	if len(digits) != 2 && len(digits) != 4 {
		return zone{}, false
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return zone{}, false
		}
	}
	z.seconds = int64(digits[0]-'0')*36000 + int64(digits[1]-'0')*3600
	if len(digits) == 4 {
		z.seconds += int64(digits[2]-'0')*600 + int64(digits[3]-'0')*60
	}
	if name[0] == '-' {
		z.seconds = -z.seconds
	}
	return z, z.seconds > -86400 && z.seconds < 86400
}

// explicit says whether a zone is believed even when log_timezone says otherwise.
func explicit(name []byte) (z zone, ok bool) {
	switch string(name) {
	case "UTC", "GMT", "Z", "UCT":
		return zone{}, true
	}
	return numeric(name)
}
