package decode

// Framer finds where the records of one format begin and end in a text of lines. It
// keeps nothing between calls: what is open is carried by the caller, as a State.
//
// A reader puts a record together so: a line that comes while the record before it is
// open belongs to that record, whatever it looks like, because the text of a statement
// may hold a line that looks like a record. (A format may tell lines that no such text
// can hold; there a record ends that has lost its end.) When none is open, a line that Continues
// belongs to the record before it too. Any other line begins a record of its own, also
// one that does not Start one: its decoder says what is wrong with it.
//
// Open is also how two halves are known that a shipper cut apart: the first is open at
// its end, and the second does not Start.
type Framer interface {
	// Starts says whether a record could begin with line. The line may be longer than
	// its first physical line, and may have lost its end.
	Starts(line []byte) bool

	// Continues says whether line goes on with a record that is whole already, such as
	// the DETAIL line of a Postgres text log.
	Continues(line []byte) bool

	// Open reads the next piece of a record and gives what is open after it. The state
	// before the first piece is Closed. Pieces may be cut anywhere, and include their
	// newlines; the work is in proportion to the piece, not to the record.
	Open(at State, piece []byte) State
}

// State says what is open inside a record: a quote, braces.
type State uint32

// Closed is the state of a record that could end here.
const Closed State = 0
