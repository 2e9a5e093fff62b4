// Package decode holds what every format shares: the contract of a decoder, the
// memory it decodes into, the limits it keeps, and the reasons for which a line
// is refused.
package decode

import (
	"fmt"

	"trespass.dev/trespass/detect"
)

// Decoder turns one whole line, or one framed record of several lines, into an
// event. A Decoder serves one partition or file and is used by one goroutine.
type Decoder interface {
	// Decode fills ev from line. Strings in ev may point into line and into s, so
	// both must stay as they are until ev has been used. It sets everything but
	// Origin. A line that is well formed but says nothing gives KindNone with its
	// time. Decode never panics and never keeps line.
	//
	// The error is an *Error: the line goes to quarantine, and the next is read.
	Decode(line []byte, s *Scratch, ev *detect.Event) error
}

// Limits of one line. They are bounds on hostile input, not tuning.
const (
	MaxLine     = 1 << 20 // bytes
	MaxDepth    = 64      // of JSON
	MaxFields   = 1024    // of one JSON object, or of one CSV line
	MaxElements = 10_000  // of one array
)

// Reason is why a line was refused: a closed list, used as a metric label.
type Reason string

const (
	TooLong    Reason = "too_long"
	TooDeep    Reason = "too_deep"
	TooMany    Reason = "too_many" // fields or elements
	BadJSON    Reason = "bad_json"
	BadCSV     Reason = "bad_csv"
	BadUTF8    Reason = "bad_utf8"
	BadTime    Reason = "bad_time"
	BadField   Reason = "bad_field" // a field has the wrong type or an impossible value
	Missing    Reason = "missing"   // a field that must be there is not
	Cut        Reason = "cut"       // half a record: a quote or a brace is not closed
	Unknown    Reason = "unknown"   // no format knows this line
	BadVersion Reason = "bad_version"
	Compressed Reason = "bad_compression"
	Poison     Reason = "poison" // the record could not be handled at all
)

// Reasons lists all, for metrics that must exist before the first bad line.
func Reasons() []Reason {
	return []Reason{TooLong, TooDeep, TooMany, BadJSON, BadCSV, BadUTF8, BadTime, BadField, Missing, Cut, Unknown, BadVersion, Compressed, Poison}
}

// Error says why a line was refused. Its text never holds a value of the line,
// only names, positions and what was wanted.
type Error struct {
	Format string // csvlog, pino, ...
	Reason Reason
	At     int // byte of the line, from 0; -1 when it has no place
	Detail string
}

// Error gives "csvlog: bad_csv at byte 12: 9 fields, want 23, 24 or 26".
func (e *Error) Error() string {
	if e.At >= 0 {
		return fmt.Sprintf("%s: %s at byte %d: %s", e.Format, e.Reason, e.At, e.Detail)
	}
	return fmt.Sprintf("%s: %s: %s", e.Format, e.Reason, e.Detail)
}
