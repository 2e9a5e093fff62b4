package query

// Undecided says why a statement's text could not be read. Its reason comes from
// a closed list and is used as a label.
type Undecided struct {
	Reason string
}

// The reasons, complete.
const (
	ReasonTooLarge   = "sql_too_large"  // longer than MaxText
	ReasonTooDeep    = "sql_too_deep"   // nested deeper than MaxDepth, or more work than a statement may cost
	ReasonNUL        = "sql_nul"        // holds a NUL byte, behind which a parser would be blind
	ReasonUnparsable = "sql_unparsable" // cut, or not Postgres SQL
)

// Reasons lists them all.
func Reasons() []string {
	return []string{ReasonTooLarge, ReasonTooDeep, ReasonNUL, ReasonUnparsable}
}

// Limits of one statement. Text is measured once comments and constants are taken
// out, so that a large value does not hide the statement that carries it.
const (
	MaxText  = 32 << 10 // bytes of normalised text
	MaxRaw   = 1 << 20  // bytes of the text as logged
	MaxDepth = 200      // nested parentheses and brackets
)

// maxNesting bounds the depths of all brackets of a text together, because the
// parser's work on one grows with its depth: 25 groups as deep as MaxDepth.
const maxNesting = 25 * MaxDepth * (MaxDepth + 1) / 2

// Error gives the reason with what it means.
func (u *Undecided) Error() string {
	switch u.Reason {
	case ReasonTooLarge:
		return u.Reason + ": the statement is longer than 32 KiB without its constants"
	case ReasonTooDeep:
		return u.Reason + ": the statement is nested too deeply to be read safely"
	case ReasonNUL:
		return u.Reason + ": the statement holds a NUL byte"
	default:
		return u.Reason + ": the statement is cut off or is not Postgres SQL"
	}
}
