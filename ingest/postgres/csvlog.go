package postgres

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// Columns of csvlog. Postgres 12 and older write 23, 13 writes 24, 14 and newer 26.
const (
	csvTime        = 0
	csvUser        = 1
	csvDatabase    = 2
	csvProcess     = 3
	csvConnection  = 4
	csvSession     = 5
	csvLine        = 6
	csvTransaction = 9
	csvSeverity    = 11
	csvState       = 12
	csvMessage     = 13
	csvDetail      = 14
	csvQuery       = 19
	csvApplication = 22
	csvBackend     = 23
	csvColumns     = 26
)

// CSVLog decodes records of Postgres csvlog, as the server writes them or encoded again
// by a shipper that quotes all fields or only those that need it.
//
// It is a decode.Decoder, and a decode.Framer for records that span lines.
type CSVLog struct {
	reader
	fields [csvColumns]field
}

// NewCSVLog gives a decoder for one partition or file.
func NewCSVLog(o Options) *CSVLog {
	return &CSVLog{reader: reader{format: "csvlog", clock: newClock(o.TimeZone)}}
}

// LooksLikeCSVLog says, without reading far, whether line could begin a csvlog record:
// a time and a zone, then a comma.
func LooksLikeCSVLog(line []byte) bool {
	for len(line) > 0 && (line[0] == '\n' || line[0] == '\r') {
		line = line[1:]
	}
	if len(line) > 0 && line[0] == '"' {
		line = line[1:]
	}
	if !datelike(line) {
		return false
	}
	line = line[len("2026-11-23 01:54:05"):]
	i := bytes.IndexByte(line[:min(len(line), 40)], ',')
	return i >= 0 && bytes.IndexByte(line[:i], '[') < 0
}

// Starts is LooksLikeCSVLog.
func (d *CSVLog) Starts(line []byte) bool { return LooksLikeCSVLog(line) }

// Restarts says whether line begins a record even where a quote is open, so that the
// record before it has lost its end: the user stands there in quotes. No text inside of
// quotes can look like that, because a quote in it is written twice, and the quote that
// ends it is followed by a comma or by the end of the line.
func (d *CSVLog) Restarts(line []byte) bool {
	if !LooksLikeCSVLog(line) {
		return false
	}
	time, user, _ := bytes.Cut(line, []byte{','})
	if time[0] != '"' && bytes.IndexByte(time, '"') >= 0 {
		return false // the end of a text, and the field behind it
	}
	return len(user) > 1 && user[0] == '"' && user[1] != '"' && user[1] != ',' && user[1] > ' '
}

// Continues says no: a record of csvlog goes on only inside of quotes.
func (d *CSVLog) Continues([]byte) bool { return false }

// Open says whether a quote is open. A quote in a text is written twice, which leaves
// open what was open.
func (d *CSVLog) Open(at decode.State, piece []byte) decode.State {
	return at ^ decode.State(bytes.Count(piece, []byte{'"'})&1)
}

// Decode fills ev from one record. See decode.Decoder.
func (d *CSVLog) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	if err := tooLong(d.format, line); err != nil {
		return err
	}
	line = trimmed(line)
	n, wrong := split(line, 1, d.fields[:])
	if wrong != nil {
		return &decode.Error{Format: d.format, Reason: wrong.reason, At: wrong.at, Detail: wrong.detail}
	}
	switch n {
	case 23, 24, 26:
	default:
		return d.columns(line, n)
	}
	clear(d.fields[n:])
	raw := func(column int) []byte { return d.fields[column].in(line) }
	text := func(column int) []byte { return d.fields[column].text(line, 1, mem) }
	var e entry
	nanos, unclear := d.clock.read(raw(csvTime))
	if unclear != "" {
		return &decode.Error{Format: d.format, Reason: decode.BadTime, At: 0, Detail: "log_time: " + unclear}
	}
	lineNumber, ok := decode.Digits(raw(csvLine))
	if !ok {
		return d.bad("session_line_num: want a whole number")
	}
	if _, ok := decode.Digits(raw(csvProcess)); !ok {
		return d.bad("process_id: want a whole number")
	}
	e.time, e.line = nanos, lineNumber
	e.session = raw(csvSession)
	e.lineID = entryID(e.session, e.line, e.time, line)
	e.txn = raw(csvTransaction)
	e.login = text(csvUser)
	e.database = text(csvDatabase)
	e.app = text(csvApplication)
	e.host = hostOf(raw(csvConnection))
	e.pid = raw(csvProcess)
	e.backend = raw(csvBackend)
	e.severity = raw(csvSeverity)
	e.state = raw(csvState)
	e.message, e.width = raw(csvMessage), d.fields[csvMessage].inner(1)
	e.detail = text(csvDetail)
	e.statement = text(csvQuery)
	return d.event(&e, mem, ev)
}

// columns says what is wrong with a record of n fields. One with too few may have lost
// its end.
func (d *CSVLog) columns(line []byte, n int) error {
	if n < 23 && LooksLikeCSVLog(line) {
		return &decode.Error{Format: d.format, Reason: decode.Cut, At: len(line), Detail: "the record ends after too few fields, want 23, 24 or 26"}
	}
	return &decode.Error{Format: d.format, Reason: decode.BadCSV, At: -1, Detail: "want 23, 24 or 26 fields"}
}

func (d *CSVLog) bad(detail string) error {
	return &decode.Error{Format: d.format, Reason: decode.BadField, At: -1, Detail: detail}
}

// hostOf takes the port off connection_from, which is behind the last colon.
func hostOf(from []byte) []byte {
	if i := bytes.LastIndexByte(from, ':'); i >= 0 {
		return from[:i]
	}
	return from
}
