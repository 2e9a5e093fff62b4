package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"trespass.dev/trespass/ingest/app"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/envelope"
	"trespass.dev/trespass/ingest/facts"
	"trespass.dev/trespass/ingest/postgres"
)

// Format is one kind of log line. To add one: a decoder in a package of its own with
// testdata/FORMAT/{valid,invalid}, and one line in Formats.
type Format struct {
	Name  string
	About string

	// Object tells, for a format of JSON, an object of it by its outermost keys. It is
	// nil for a format of text: its decoder is a decode.Framer, and tells its lines by
	// Starts.
	Object func(h envelope.Head) bool

	// Trails says that a record of text may go on after it is whole, so that each is
	// held until the next begins.
	Trails bool

	// New gives a decoder for one stream.
	New func(c Config) (decode.Decoder, error)
}

// Formats lists all formats, in the order in which they are tried.
func Formats() []Format {
	return []Format{
		{
			Name: "access", About: "Trespass's own access event",
			Object: func(h envelope.Head) bool { return strings.HasPrefix(h.Own, "access/") },
			New:    func(Config) (decode.Decoder, error) { return new(app.Access), nil },
		},
		{
			Name: "fact", About: "Trespass's own facts: who owns, belongs to and may see what",
			Object: func(h envelope.Head) bool { return strings.HasPrefix(h.Own, "fact/") },
			New:    func(Config) (decode.Decoder, error) { return new(facts.Decoder), nil },
		},
		{
			Name: "heartbeat", About: "the pipeline's own sign of life",
			Object: func(h envelope.Head) bool { return strings.HasPrefix(h.Own, "heartbeat/") },
			New:    func(Config) (decode.Decoder, error) { return new(app.Heartbeat), nil },
		},
		{
			Name: "jsonlog", About: "Postgres' JSON log, since Postgres 15",
			Object: func(h envelope.Head) bool { return h.Jsonlog },
			New: func(c Config) (decode.Decoder, error) {
				o, err := c.postgres()
				return postgres.NewJSONLog(o), err
			},
		},
		{
			Name: "json", About: "any other JSON object, by the policy's fields or by those of pino",
			Object: func(envelope.Head) bool { return true },
			New:    func(c Config) (decode.Decoder, error) { return app.NewMapped("json", c.mapping()) },
		},
		{
			Name: "csvlog", About: "Postgres' CSV log",
			New: func(c Config) (decode.Decoder, error) {
				o, err := c.postgres()
				return postgres.NewCSVLog(o), err
			},
		},
		{
			Name: "stderr", About: "Postgres' text log, with any log_line_prefix", Trails: true,
			New: func(c Config) (decode.Decoder, error) {
				o, err := c.postgres()
				if err != nil {
					return nil, err
				}
				return postgres.NewStderr(o)
			},
		},
	}
}

// Config says how the lines of a stream are to be read. The zero value finds the
// format by content and reads JSON as pino writes it.
type Config struct {
	// Format names one of Formats, when the content must not decide.
	Format string
	// Mapping finds the fields of JSON lines; nil is the preset pino.
	Mapping app.Mapping
	// TimeZone is Postgres' log_timezone, such as Europe/Warsaw, for logs whose zone
	// abbreviation has no one meaning.
	TimeZone string
	// LinePrefix is Postgres' log_line_prefix, for its text log.
	LinePrefix string
	// Skew is how far an event may be later than its carrier took it, before its time
	// is put back to that. 0 means one minute.
	Skew time.Duration
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

func (c Config) mapping() app.Mapping {
	if c.Mapping == nil {
		m, _ := app.Preset("pino")
		return m
	}
	return c.Mapping
}

func (c Config) postgres() (postgres.Options, error) {
	o := postgres.Options{LinePrefix: c.LinePrefix}
	if c.TimeZone == "" {
		return o, nil
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return o, fmt.Errorf("time zone %q: write a name such as Europe/Warsaw: %w", c.TimeZone, err)
	}
	o.TimeZone = zone
	return o, nil
}

// reader is a format ready to read one stream.
type reader struct {
	Format
	decode.Decoder
	framer decode.Framer // of a format of text
}

func (c Config) compile() ([]reader, error) {
	var (
		list  []reader
		names []string
	)
	for _, f := range Formats() {
		names = append(names, f.Name)
		if c.Format != "" && c.Format != f.Name {
			continue
		}
		d, err := f.New(c)
		if err != nil {
			return nil, fmt.Errorf("format %s: %w", f.Name, err)
		}
		r := reader{Format: f, Decoder: d}
		if f.Object == nil {
			r.framer = d.(decode.Framer)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("format %q is not known; the formats are %s", c.Format, strings.Join(names, ", "))
	}
	return list, nil
}

// quick gives the format of an object by its first bytes, or nil: the usual line needs
// no look at its other keys. pino writes its level first, as no shipper does; an access
// event written through pino holds the key trespass behind it.
func (s *Stream) quick(line []byte) *reader {
	if own, is := bytes.CutPrefix(line, []byte(`{"trespass":"`)); is {
		switch {
		case bytes.HasPrefix(own, []byte("access/")):
			return s.own[ownAccess]
		case bytes.HasPrefix(own, []byte("fact/")):
			return s.own[ownFact]
		}
		return nil
	}
	if bytes.HasPrefix(line, []byte(`{"level":`)) && !bytes.Contains(line, []byte(`"trespass":`)) {
		return s.own[ownJSON]
	}
	return nil
}

// certain is what a format of JSON may have: its decoder says whether the line that it
// has decoded was of its format beyond doubt.
type certain interface{ Certain() bool }

// guess decodes an object by its first bytes, without a look at its other keys before
// that. It gives false, and has done nothing, where its format is in doubt, or where
// anything is held back.
func (s *Stream) guess(l *line, text []byte, b *Batch) bool {
	var f *reader
	switch {
	case bytes.HasPrefix(text, []byte(`{"level":`)): // of pino
		f = s.own[ownJSON]
	case bytes.HasPrefix(text, []byte(`{"timestamp":"`)): // of Postgres
		f = s.own[ownJSONLog]
	}
	if f == nil || s.held.is() {
		return false
	}
	if _, waiting := s.chunks.Held(); waiting {
		return false
	}
	events, skipped, clamped := len(b.Events), b.Skipped, b.Clamped
	if err := s.decode(f, l, text, b); err == nil && f.Decoder.(certain).Certain() {
		return true
	}
	b.Events, b.Skipped, b.Clamped = b.Events[:events], skipped, clamped
	return false
}

// The formats that quick knows, by their place in Stream.own.
const (
	ownAccess = iota
	ownFact
	ownJSON
	ownJSONLog
	ownCount
)

// findOwn gives the formats that quick knows.
func findOwn(formats []reader) (own [ownCount]*reader) {
	for i := range formats {
		switch formats[i].Name {
		case "access":
			own[ownAccess] = &formats[i]
		case "fact":
			own[ownFact] = &formats[i]
		case "json":
			own[ownJSON] = &formats[i]
		case "jsonlog":
			own[ownJSONLog] = &formats[i]
		}
	}
	return own
}

// objectFormat gives the format of an object, or nil.
func (s *Stream) objectFormat(h envelope.Head) *reader {
	if s.named {
		return &s.formats[0]
	}
	for i := range s.formats {
		if f := &s.formats[i]; f.Object != nil && f.Object(h) {
			return f
		}
	}
	return nil
}

// textFormat gives the format of a text by its first line, that of the text before it
// first; or nil.
func (s *Stream) textFormat(line []byte) *reader {
	if s.text != nil && (s.named || s.text.framer.Starts(line)) {
		return s.text
	}
	for i := range s.formats {
		if f := &s.formats[i]; f.framer != nil && (s.named || f.framer.Starts(line)) {
			s.text = f
			return f
		}
	}
	return nil
}

// secondary is what a format of text may have: it tells a line that goes on with the
// record before it and has a prefix of its own, such as DETAIL.
type secondary interface{ Secondary(line []byte) bool }

// continues says whether text, a piece of a syslog message, is a line of its own.
func (s *Stream) continues(text []byte) bool {
	for i := range s.formats {
		if d, ok := s.formats[i].Decoder.(secondary); ok && d.Secondary(text) {
			return true
		}
	}
	return false
}
