package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/envelope"
	"trespass.dev/trespass/ingest/jsonscan"
)

// maxNesting bounds envelopes in envelopes.
const maxNesting = 4

// Stream is everything between the raw records of one partition, or one file, and
// events. It is used by one goroutine, with the records in their order. What it gives
// depends on the records alone, never on how they were batched or when they came,
// unless Flush is called between them.
type Stream struct {
	formats []reader
	named   bool // the only format was named
	own     [ownCount]*reader
	text    *reader // format of the last line that was text
	skew    int64

	scan     jsonscan.Scanner // of envelopes
	inflater envelope.Inflater
	chunks   envelope.Chunks
	held     held
}

// NewStream gives a Stream. It panics if c.Validate gives an error: a configuration is
// checked where it is read.
func NewStream(c Config) *Stream {
	formats, err := c.compile()
	if err != nil {
		panic("ingest: " + err.Error())
	}
	skew := c.Skew
	if skew == 0 {
		skew = time.Minute
	}
	return &Stream{formats: formats, own: findOwn(formats), named: c.Format != "", skew: int64(skew)}
}

// Record reads one record and appends to b what it says. A record that may go on in
// the next one is held back, see Held; so the events of a Batch may be those of
// records before it. The events come in the order of their origins. r.Value must stay
// as it is as long as b is in use.
func (s *Stream) Record(r Record, b *Batch) {
	defer s.guard(&r, b, len(b.Events))
	if r.Null {
		b.Skipped++
		return
	}
	s.open(&line{Record: &r, from: r.Time, first: true}, r.Value, b, 0)
}

// Flush ends what is held back as if nothing more came: at the end of a file, or when
// a source has been quiet for so long that the rest will not come. The halves of a
// record on both sides of a Flush are not put together.
func (s *Stream) Flush(b *Batch) {
	r := Record{Origin: s.held.record.Origin}
	defer s.guard(&r, b, len(b.Events))
	s.flushChunks(b)
	s.release(b)
}

// Held gives the origin of the oldest record that is held back: reading must begin
// there again after a crash. ok is false if nothing is.
func (s *Stream) Held() (o detect.Origin, ok bool) {
	if o, ok := s.chunks.Held(); ok && (!s.held.is() || o.Offset < s.held.record.Origin.Offset) {
		return o, true
	}
	return s.held.record.Origin, s.held.is()
}

// guard turns a panic, which is a fault of this program, into one poisoned record.
func (s *Stream) guard(r *Record, b *Batch, events int) {
	cause := recover()
	if cause == nil {
		return
	}
	b.Events = b.Events[:events]
	b.refuse(r, r.Value, &decode.Error{Format: "stream", Reason: decode.Poison, At: -1, Detail: fmt.Sprintf("the decoder failed: %T", cause)})
	s.held.clear()
	s.chunks = envelope.Chunks{}
	s.scan = jsonscan.Scanner{}
}

// line is one text on its way through the envelopes.
type line struct {
	*Record
	from    int64 // time of the nearest carrier that tells one
	wrapped bool  // taken out of an envelope that ends with it
	first   bool  // begins a record of the source: what came before it may have been cut there
}

// open takes value out of what is around it.
func (s *Stream) open(l *line, value []byte, b *Batch, nested int) {
	if codec := envelope.CodecOf(value); codec != envelope.Plain {
		s.inflate(l, codec, value, b, nested)
		return
	}
	if nested > maxNesting {
		b.refuse(l.Record, value, &decode.Error{Format: "envelope", Reason: decode.TooDeep, At: -1, Detail: "more than 4 envelopes in one another"})
		return
	}
	if s.held.takes(l, value) {
		s.goOn(l, value, b, nested)
		return
	}
	value = bytes.TrimPrefix(value, []byte("\xef\xbb\xbf")) // a byte order mark
	body := afterSpace(value)
	switch {
	case len(body) == 0:
		b.Skipped++
	case body[0] == '{':
		s.objects(l, beforeSpace(body), b, nested)
	case body[0] == '[' && len(body) > 1 && bytes.IndexByte([]byte("{\" \t\r\n]"), body[1]) >= 0:
		s.array(l, body, b, nested)
	case body[0] == '"' && s.quoted(l, body, b, nested):
	case body[0] == 'n' && string(bytes.TrimRight(body, " \t\r\n")) == "null":
		b.Skipped++
	default:
		if f, ok := envelope.Syslog(trimLine(body)); ok {
			s.syslog(l, f, b, nested)
			return
		}
		s.lines(l, value, b)
	}
}

// afterSpace takes white space off the beginning of text.
func afterSpace(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n') {
		text = text[1:]
	}
	return text
}

// beforeSpace takes white space and zeros, which some shippers send along, off its end.
func beforeSpace(text []byte) []byte {
	for n := len(text); n > 0 && (text[n-1] == ' ' || text[n-1] == '\t' || text[n-1] == '\r' || text[n-1] == '\n' || text[n-1] == 0); n-- {
		text = text[:n-1]
	}
	return text
}

func (s *Stream) inflate(l *line, codec envelope.Codec, value []byte, b *Batch, nested int) {
	if nested > 0 {
		b.refuse(l.Record, value, &decode.Error{Format: "envelope", Reason: decode.Compressed, At: -1, Detail: "compressed text inside an envelope"})
		return
	}
	text, err := s.inflater.Inflate(codec, value)
	if err != nil {
		s.refuse(l, value, err, b)
		return
	}
	s.open(l, b.keep(text), b, nested+1)
}

// objects reads one JSON object or several that follow one another, on one line each
// or not.
func (s *Stream) objects(l *line, text []byte, b *Batch, nested int) {
	for bytes.IndexByte(text, '\n') >= 0 {
		n := s.extent(text, &b.mem)
		s.object(l, bytes.TrimRight(text[:n], " \t\r\n"), b, nested)
		l.first = false
		text = bytes.TrimLeft(text[n:], " \t\r\n")
		if len(text) == 0 {
			return
		}
		if text[0] != '{' {
			s.open(l, text, b, nested+1)
			return
		}
	}
	s.object(l, text, b, nested)
}

// extent gives the length of the object that text begins with, or of its first line
// if that is no object.
func (s *Stream) extent(text []byte, mem *decode.Scratch) int {
	s.scan.Reset(text, mem)
	if raw := s.scan.Raw(); raw != nil {
		return len(raw)
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// object reads one JSON object: a line of ours, or a shipper's envelope.
func (s *Stream) object(l *line, text []byte, b *Batch, nested int) {
	if s.tooLong(l, text, b) {
		return
	}
	if !s.named {
		if s.guess(l, text, b) {
			return
		}
		if f := s.quick(text); f != nil {
			s.whole(f, l, text, b)
			return
		}
	}
	h, ok := envelope.Read(&s.scan, text, &b.mem)
	switch {
	case !ok:
		s.release(b)
		s.halfObject(l, text, s.scan.Err("json"), b)
	case h.OTLP && !s.named:
		b.refuse(l.Record, text, &decode.Error{Format: "otlp", Reason: decode.Unknown, At: -1, Detail: "OTLP is not read; let the collector's Kafka exporter write encoding: raw"})
	case h.Wrapped:
		s.unwrap(l, h, b, nested)
	default:
		if f := s.objectFormat(h); f != nil {
			s.whole(f, l, text, b)
		} else {
			s.unknown(l, text, b)
		}
	}
}

// unwrap reads the line in a shipper's object.
func (s *Stream) unwrap(l *line, h envelope.Head, b *Batch, nested int) {
	in := *l
	in.wrapped = true
	if h.Time != 0 {
		in.from = h.Time
	}
	if n, piece, ok := envelope.CutChunk(h.Text); ok {
		s.chunk(&in, []byte(h.Host+" "+h.Tag+" "+h.Proc), n, piece, b)
		return
	}
	s.open(&in, h.Text, b, nested+1)
}

// array reads each element of a JSON array as a record.
func (s *Stream) array(l *line, text []byte, b *Batch, nested int) {
	var scan jsonscan.Scanner // the elements need the other one
	scan.Reset(text, &b.mem)
	for scan.Enter(jsonscan.Array, "the value"); scan.Next(); l.first = false {
		if element := scan.Raw(); element != nil {
			s.open(l, element, b, nested+1)
		}
	}
	scan.End()
	if err := scan.Err("envelope"); err != nil {
		s.refuse(l, text, err, b)
	}
}

// quoted reads a JSON string that holds a line. It says whether text is one.
func (s *Stream) quoted(l *line, text []byte, b *Batch, nested int) bool {
	s.scan.Reset(text, &b.mem)
	inner := s.scan.TextBytes("the value")
	s.scan.End()
	if !s.scan.OK() {
		return false
	}
	in := *l
	in.wrapped = true
	s.open(&in, inner, b, nested+1)
	return true
}

func (s *Stream) syslog(l *line, f envelope.Frame, b *Batch, nested int) {
	in := *l
	in.wrapped = true
	if f.Time != 0 {
		in.from = f.Time
	}
	if n, piece, ok := envelope.CutChunk(f.Text); ok {
		s.chunk(&in, f.Source, n, piece, b)
		return
	}
	s.open(&in, f.Text, b, nested+1)
}

// chunk adds a piece of a message that Postgres cut for syslog.
func (s *Stream) chunk(l *line, sender []byte, n envelope.Chunk, piece []byte, b *Batch) {
	s.release(b)
	m := envelope.Message{Origin: l.Origin, Time: l.from, Arrive: l.Time, Text: piece}
	s.chunks.Add(sender, n, m, s.continues, func(m envelope.Message) { s.message(m, b) })
}

func (s *Stream) flushChunks(b *Batch) {
	s.chunks.Flush(func(m envelope.Message) { s.message(m, b) })
}

// message reads a message put together from chunks, or one that waited behind such.
func (s *Stream) message(m envelope.Message, b *Batch) {
	r := Record{Origin: m.Origin, Time: m.Arrive}
	l := &line{Record: &r, from: m.Time, wrapped: true, first: true}
	if m.Note > 0 {
		s.read(&s.formats[m.Note-1], l, b.keep(m.Text), b)
		return
	}
	if m.Cut {
		b.refuse(&r, m.Text, &decode.Error{Format: "syslog", Reason: decode.Cut, At: -1, Detail: "a chunk of the message is missing"})
		return
	}
	text := b.keep(m.Text)
	if f := s.textFormat(firstLine(text)); f != nil {
		s.read(f, l, text, b)
	} else {
		s.unknown(l, text, b)
	}
}

// read decodes a text that is one record, and refuses what cannot be.
func (s *Stream) read(f *reader, l *line, text []byte, b *Batch) {
	if err := s.decode(f, l, text, b); err != nil {
		s.refuse(l, text, err, b)
	}
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i]
	}
	return text
}

// whole decodes a text that is one record, after what was held before it.
func (s *Stream) whole(f *reader, l *line, text []byte, b *Batch) {
	s.release(b)
	if s.waits(f, l, text, b) {
		return
	}
	if err := s.decode(f, l, text, b); err != nil {
		s.halfObject(l, text, err, b)
	}
}

// waits queues a record behind messages of which chunks are still to come, because
// events leave in the order of their origins.
func (s *Stream) waits(f *reader, l *line, text []byte, b *Batch) bool {
	if _, waiting := s.chunks.Held(); !waiting {
		return false
	}
	m := envelope.Message{Origin: l.Origin, Time: l.from, Arrive: l.Time, Text: text, Note: s.number(f)}
	return s.chunks.Behind(m, func(m envelope.Message) { s.message(m, b) })
}

// number gives the place of a format in the list, from 1.
func (s *Stream) number(f *reader) int {
	for i := range s.formats {
		if f == &s.formats[i] {
			return i + 1
		}
	}
	return 0
}

// decode appends the event of a text that is one record.
func (s *Stream) decode(f *reader, l *line, text []byte, b *Batch) error {
	b.Events = append(b.Events, detect.Event{})
	ev := &b.Events[len(b.Events)-1]
	err := f.Decode(text, &b.mem, ev)
	if err == nil {
		ev.Origin = l.Origin
		if s.settle(ev, l, b) {
			return nil
		}
	}
	b.Events = b.Events[:len(b.Events)-1]
	return err
}

// settle gives an event its time and its place, and says whether it is of use.
func (s *Stream) settle(ev *detect.Event, l *line, b *Batch) bool {
	if ev.Time == 0 {
		ev.Time = l.from
	}
	if ev.Time == 0 && ev.Kind != detect.KindFact {
		b.Skipped++
		return false
	}
	if latest := l.Time + s.skew; l.Time != 0 && ev.Time > latest {
		ev.Time = latest
		b.Clamped++
	}
	return true
}

// refuse puts a text on record that could not be read.
func (s *Stream) refuse(l *line, text []byte, err error, b *Batch) {
	var e *decode.Error
	if !errors.As(err, &e) {
		e = &decode.Error{Format: "stream", Reason: decode.Poison, At: -1, Detail: "the decoder failed"}
	}
	b.refuse(l.Record, text, e)
}

func (s *Stream) unknown(l *line, text []byte, b *Batch) {
	b.refuse(l.Record, text, &decode.Error{Format: "stream", Reason: decode.Unknown, At: -1, Detail: "no format knows this line"})
}

func (s *Stream) tooLong(l *line, text []byte, b *Batch) bool {
	if len(text) <= decode.MaxLine {
		return false
	}
	b.refuse(l.Record, text, &decode.Error{Format: "stream", Reason: decode.TooLong, At: -1, Detail: fmt.Sprintf("more than %d bytes", decode.MaxLine)})
	return true
}

// detail gives the text of an error without its format and reason.
func detail(e *decode.Error) string {
	if e.At >= 0 {
		return fmt.Sprintf("at byte %d: %s", e.At, e.Detail)
	}
	return e.Detail
}
