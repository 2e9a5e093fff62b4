package postgres

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// JSONLog decodes lines of Postgres jsonlog, which is there since Postgres 15.
//
// It is a decode.Decoder, and a decode.Framer for records that a shipper cut in two.
type JSONLog struct {
	reader
	marks   int  // keys of the last line that an application's logger is not likely to write
	strange bool // it had a key that Postgres does not write
}

// NewJSONLog gives a decoder for one partition or file.
func NewJSONLog(o Options) *JSONLog {
	return &JSONLog{reader: reader{format: "jsonlog", clock: newClock(o.TimeZone)}}
}

// LooksLikeJSONLog says, without reading it, whether line could be a jsonlog record: an
// object with a key that nobody else writes.
func LooksLikeJSONLog(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r\n")
	return len(line) > 0 && line[0] == '{' && bytes.Contains(line, []byte(`"error_severity":`)) &&
		bytes.Contains(line, []byte(`"timestamp":`)) && !bytes.Contains(line, []byte(`"parsed":`))
}

// Starts says whether line begins an object. What of it could tell more may be cut off.
func (d *JSONLog) Starts(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r\n")
	return bytes.HasPrefix(line, []byte(`{"`))
}

// Continues says no: a record is one line.
func (d *JSONLog) Continues([]byte) bool { return false }

// What is open in a JSON text, as bits of a decode.State, and above them the depth.
const (
	inString decode.State = 1 << iota
	inEscape
	oneDeeper
)

// Open says whether a string or an object is open.
func (d *JSONLog) Open(at decode.State, piece []byte) decode.State {
	for _, c := range piece {
		switch {
		case at&inEscape != 0:
			at &^= inEscape
		case at&inString != 0:
			if c == '\\' {
				at |= inEscape
			} else if c == '"' {
				at &^= inString
			}
		case c == '"':
			at |= inString
		case c == '{':
			at += oneDeeper
		case c == '}' && at >= oneDeeper:
			at -= oneDeeper
		}
	}
	return at
}

// Certain says whether the line decoded last, without an error, was jsonlog beyond doubt:
// it held enough of the keys of jsonlog, and no others.
func (d *JSONLog) Certain() bool { return d.marks >= 4 && !d.strange }

// Decode fills ev from one line. See decode.Decoder.
func (d *JSONLog) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	if err := tooLong(d.format, line); err != nil {
		return err
	}
	s := &d.json
	s.Reset(line, mem)
	d.marks, d.strange = 0, false
	var (
		e     entry
		stamp []byte
		ok    bool
	)
	s.Enter(jsonscan.Object, "record")
	for key, more := s.Key(); more; key, more = s.Key() {
		switch string(key) {
		case "timestamp":
			d.marks++
			stamp = bytesOf(s.Text("timestamp"))
		case "user":
			e.login = bytesOf(s.Text("user"))
		case "dbname":
			e.database = bytesOf(s.Text("dbname"))
		case "pid":
			e.pid = bytesOf(s.ID("pid"))
		case "remote_host":
			e.host = bytesOf(s.Text("remote_host"))
		case "session_id":
			d.marks++
			e.session = bytesOf(s.Text("session_id"))
		case "line_num":
			d.marks++
			if e.line, ok = decode.Digits(bytesOf(s.ID("line_num"))); !ok {
				s.Bad("line_num", "a whole number")
			}
		case "vxid":
			e.txn = bytesOf(s.Text("vxid"))
		case "error_severity":
			d.marks++
			e.severity = bytesOf(s.Text("error_severity"))
		case "state_code":
			e.state = bytesOf(s.Text("state_code"))
		case "message":
			e.message = bytesOf(s.Text("message"))
		case "detail":
			e.detail = bytesOf(s.Text("detail"))
		case "statement":
			e.statement = bytesOf(s.Text("statement"))
		case "application_name":
			e.app = bytesOf(s.Text("application_name"))
		case "backend_type":
			d.marks++
			e.backend = bytesOf(s.Text("backend_type"))
		case "remote_port", "ps", "session_start", "txid", "query_id", "leader_pid", "hint", "context", "cursor_position",
			"internal_query", "internal_position", "func_name", "file_name", "file_line_num":
			s.Skip()
		default:
			d.strange = true
			s.Skip()
		}
	}
	s.End()
	if err := s.Err(d.format); err != nil {
		return err
	}
	if len(stamp) == 0 || len(e.severity) == 0 {
		return &decode.Error{Format: d.format, Reason: decode.Missing, At: -1, Detail: "want timestamp and error_severity"}
	}
	nanos, wrong := d.clock.read(stamp)
	if wrong != "" {
		return &decode.Error{Format: d.format, Reason: decode.BadTime, At: -1, Detail: "timestamp: " + wrong}
	}
	e.time = nanos
	e.lineID = entryID(e.session, e.line, e.time, line)
	return d.event(&e, mem, ev)
}
