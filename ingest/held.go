package ingest

import (
	"bytes"

	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/envelope"
)

// maxObjectPieces bounds the pieces of one JSON object: a shipper cuts at 16 KiB.
const maxObjectPieces = 64

// held is a record that may go on in what comes next: a text whose quotes are open, a
// text that may have trailing lines, or a JSON object that ended early.
type held struct {
	f       *reader // of a text
	object  bool    // the beginning of an object
	state   decode.State
	text    []byte // a copy, in memory that is used again
	line    line
	record  Record // what line points to
	pieces  int
	tooLong bool // the text is only its beginning
}

func (h *held) is() bool { return h.f != nil || h.object }

func (h *held) clear() { *h = held{text: h.text[:0]} }

// begin holds the first piece of a record.
func (h *held) begin(l *line, piece []byte) {
	h.text = append(h.text[:0], piece...)
	h.record = Record{Origin: l.Origin, Time: l.Time}
	h.line = line{Record: &h.record, from: l.from, wrapped: l.wrapped, first: l.first}
	h.pieces = 1
}

// takes says whether value goes on with the record held, before anything is made of it:
// a line of a statement may look like JSON, or like an envelope.
//
// Where a shipper's record begins with what can begin a record of the log, the record
// held is not continued although it is open: its other half went elsewhere. In a file
// nothing goes elsewhere, and such a line is text of the record, unless no text can look
// so: then the record held was never written to its end.
func (h *held) takes(l *line, value []byte) bool {
	switch {
	case !h.is() || l.wrapped != h.line.wrapped:
		return false
	case h.object:
		rest := bytes.TrimLeft(value, " \t\r\n")
		return len(rest) > 0 && rest[0] != '{'
	case h.state == decode.Closed:
		return h.trails(value)
	}
	line := firstLine(value)
	if d, ok := h.f.Decoder.(restarter); ok && d.Restarts(line) {
		return false
	}
	shipped := l.first && l.Origin.Partition >= 0
	return !shipped || !h.f.framer.Starts(line)
}

// restarter is what a format of text may have: it tells a line that begins a record
// although the record before it is open. It must not be fooled by the text of a statement.
type restarter interface{ Restarts(line []byte) bool }

// trails says whether value, which comes after a text that is whole, goes on with it. A
// log of several formats may hold an object or a frame there.
func (h *held) trails(value []byte) bool {
	if len(value) > 0 && value[0] == '\t' {
		return true
	}
	if bytes.HasPrefix(value, []byte(`{"`)) {
		return false
	}
	if _, framed := envelope.Syslog(value); framed {
		return false
	}
	return h.f.framer.Continues(firstLine(value))
}

// goOn adds value to what is held.
func (s *Stream) goOn(l *line, value []byte, b *Batch, nested int) {
	if s.held.object {
		s.joinObject(l, value, b, nested)
		return
	}
	s.lines(l, value, b)
}

// lines reads a text line by line.
func (s *Stream) lines(l *line, text []byte, b *Batch) {
	for len(text) > 0 {
		n := bytes.IndexByte(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		if f, lost := s.lost(text[:n]); lost {
			n += s.nextStart(text[n:])
			s.alone(l, text[:n], b)
		} else {
			s.piece(f, l, text[:n], b)
		}
		l.first = false
		text = text[n:]
	}
}

// lost says whether a line is the rest of a record whose beginning is not here. If it
// has looked for the line's format, it gives that.
func (s *Stream) lost(text []byte) (f *reader, lost bool) {
	if s.text == nil || s.held.is() || len(bytes.TrimSpace(text)) == 0 {
		return nil, false
	}
	f = s.textFormat(trimLine(text))
	return f, f == nil
}

// nextStart gives the place of the first line of text that begins a record.
func (s *Stream) nextStart(text []byte) (at int) {
	for at < len(text) && s.textFormat(trimLine(firstLine(text[at:]))) == nil {
		n := bytes.IndexByte(text[at:], '\n') + 1
		if n == 0 {
			return len(text)
		}
		at += n
	}
	return at
}

// alone refuses the rest of a record whose beginning is not here.
func (s *Stream) alone(l *line, text []byte, b *Batch) {
	b.refuse(l.Record, trimLine(text), &decode.Error{Format: s.text.Name, Reason: decode.Cut, At: -1, Detail: "it goes on with a record whose beginning is not here"})
}

// trimLine takes the end of a line off it, and zeros.
func trimLine(text []byte) []byte {
	for n := len(text); n > 0 && (text[n-1] == '\n' || text[n-1] == '\r' || text[n-1] == 0); n-- {
		text = text[:n-1]
	}
	return text
}

// piece reads one line of text, with its newline if it has one. f is its format, nil if
// that is not known yet.
func (s *Stream) piece(f *reader, l *line, text []byte, b *Batch) {
	h := &s.held
	if h.f != nil && h.takes(l, text) {
		h.add(text)
		if h.state == decode.Closed && !h.f.Trails {
			s.release(b)
		}
		return
	}
	s.release(b)
	text = trimLine(text)
	if len(bytes.TrimSpace(text)) == 0 {
		b.Skipped++
		return
	}
	if s.tooLong(l, text, b) {
		return
	}
	if f == nil {
		f = s.textFormat(text)
	}
	switch {
	case f == nil && s.text != nil:
		s.alone(l, text, b)
	case f == nil:
		s.unknown(l, text, b)
	default:
		state := f.framer.Open(decode.Closed, text)
		if state == decode.Closed && !f.Trails {
			s.whole(f, l, text, b)
			return
		}
		h.begin(l, text)
		h.f, h.state = f, state
	}
}

// add puts one more line to a text.
func (h *held) add(piece []byte) {
	piece = trimLine(piece)
	h.state = h.f.framer.Open(h.state, newline)
	h.state = h.f.framer.Open(h.state, piece)
	if h.pieces++; len(h.text)+1+len(piece) > decode.MaxLine {
		h.tooLong = true
	}
	if !h.tooLong {
		h.text = append(append(h.text, '\n'), piece...)
	}
}

var newline = []byte{'\n'}

// halfObject holds an object that ended early, and refuses any other text.
func (s *Stream) halfObject(l *line, text []byte, err error, b *Batch) {
	e, ok := err.(*decode.Error)
	if !ok || e.Reason != decode.Cut || len(text) == 0 || text[0] != '{' {
		s.refuse(l, text, err, b)
		return
	}
	s.held.begin(l, text)
	s.held.object = true
}

// joinObject puts one more piece to an object. Pieces that make no sense together are
// read each for itself.
func (s *Stream) joinObject(l *line, value []byte, b *Batch, nested int) {
	h := &s.held
	text := b.mem.Bytes(len(h.text) + len(value))
	copy(text[copy(text, h.text):], value)
	text = bytes.TrimRight(text, " \t\r\n\x00")
	s.scan.Reset(text, &b.mem)
	s.scan.Skip()
	s.scan.End()
	e, _ := s.scan.Err("json").(*decode.Error)
	if e != nil && e.Reason != decode.Cut || h.pieces == maxObjectPieces || len(text) > decode.MaxLine {
		s.release(b)
		s.open(l, value, b, nested)
		return
	}
	from, record, pieces := h.line, h.record, h.pieces
	from.Record = &record
	h.clear()
	s.object(&from, text, b, nested)
	if h.object {
		h.pieces = pieces + 1
	}
}

// release reads what is held as it is.
func (s *Stream) release(b *Batch) {
	h := &s.held
	if !h.is() {
		return
	}
	f, l, record := h.f, h.line, h.record
	l.Record = &record
	switch {
	case h.object:
		b.refuse(&record, h.text, &decode.Error{Format: "json", Reason: decode.Cut, At: len(h.text), Detail: "the other half of the object did not follow"})
	case h.tooLong:
		b.refuse(&record, h.text, &decode.Error{Format: f.Name, Reason: decode.TooLong, At: -1, Detail: "the record goes on past 1048576 bytes"})
	default:
		text := b.keep(h.text)
		if !s.waits(f, &l, text, b) {
			s.read(f, &l, text, b)
		}
	}
	h.clear()
}
