package envelope

import (
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// Head is what the outermost keys of one JSON object say of it.
type Head struct {
	Own     string // value of the key "trespass", such as access/1
	Jsonlog bool   // a line of Postgres' jsonlog
	OTLP    bool   // an export of OpenTelemetry, many log records in one object
	Wrapped bool   // a shipper's object; Text is the line in it
	Text    []byte
	Host    string // of the machine that wrote the line, where the shipper says
	Tag     string // syslog tag or program, with the process id as the shipper writes it
	Proc    string
	Time    int64 // when the shipper took the line, in nanoseconds; 0 unknown
}

// marks are the keys by which an object is told from others.
type marks struct {
	text    bool // holds a line as a string
	shipper bool // a key that only shippers write
	syslog  bool // half of one
	app     int  // a key that applications' loggers write
	jsonlog int  // keys of jsonlog
}

// Read reads the outermost keys of line, an object, with s. It gives false if the
// line is not one whole object; s then says why.
func Read(s *jsonscan.Scanner, line []byte, mem *decode.Scratch) (h Head, ok bool) {
	var m marks
	s.Reset(line, mem)
	s.Enter(jsonscan.Object, "the line")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "message", "log", "event_message":
			if s.Kind() != jsonscan.String {
				m.shipper = m.shipper || string(key) == "log" // Filebeat's log.offset
				s.Skip()
				break
			}
			m.text = true
			h.Text = s.TextBytes("message")
		case "resourceLogs", "resourceSpans":
			h.OTLP = true
			s.Skip()
		case "trespass":
			h.Own = scalar(s)
		case "@timestamp":
			m.shipper = true
			h.Time = instant(s)
		case "timestamp":
			m.jsonlog++
			h.Time = instant(s)
		case "@metadata", "source_type", "stream", "kubernetes", "container_id", "syslogtag", "pri":
			m.shipper = true
			s.Skip()
		case "host", "hostname":
			m.syslog = true
			h.Host = scalar(s)
		case "tag", "program":
			m.shipper = true
			h.Tag = scalar(s)
		case "procid":
			h.Proc = scalar(s)
		case "level", "log.level", "levelname", "lvl", "msg", "req", "reqId", "pid", "v":
			m.app++
			s.Skip()
		case "error_severity", "session_id", "backend_type", "line_num":
			m.jsonlog++
			s.Skip()
		default:
			s.Skip()
		}
	}
	s.End()
	h.Jsonlog = m.jsonlog >= 4
	h.Wrapped = m.text && m.shipper && m.app == 0 && !h.Jsonlog && h.Own == ""
	return h, s.OK()
}

// scalar reads a string or a number as it is written, and steps over anything else.
func scalar(s *jsonscan.Scanner) string {
	switch s.Kind() {
	case jsonscan.String:
		return s.Text("")
	case jsonscan.Number:
		return decode.String(s.Raw())
	}
	s.Skip()
	return ""
}

// instant reads a time of any notation; what is none is no fault of the line in it.
func instant(s *jsonscan.Scanner) int64 {
	number := s.Kind() == jsonscan.Number
	text := scalar(s)
	if number {
		t, _ := decode.ParseEpoch(text, decode.AnyUnit)
		return t
	}
	t, _ := decode.ParseRFC3339(text)
	return t
}
