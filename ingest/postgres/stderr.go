package postgres

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// commonPrefixes are tried when log_line_prefix is not configured. One that says more
// stands before one that would match the same lines and say less.
func commonPrefixes() []string {
	return []string{
		"%m [%p] %q[user=%u,db=%d,app=%a] ",        // recommended by pganalyze
		"%m [%p] %r %u@%d app=%a ",                 // seen behind pgbouncer
		"%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:", // RDS, newer
		"%t:%r:%u@%d:[%p]:",                        // RDS and Aurora
		"%t:%h:%u@%d:[%p]:",
		"%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", // recommended by pgBadger
		"%m [%p]: [%l-1] db=%d,user=%u ",                  // Cloud SQL
		"%t [%p]: [%l-1] user=%u,db=%d ",
		"%m [%p] user=%u,db=%d ",
		"%h %m [%p] %q%u@%d ", // Supabase
		"%m [%p] %h %u@%d ",
		"%m [%p] %q%u@%d ", // Debian
		"%t-%c-",           // Azure
		` sql_error_code = %e time_ms = "%m" pid="%p" proc_start_time="%s" session_id="%c" vtid="%v" tid="%x" log_line="%l" database="%d" connection_source="%r" user="%u" application_name="%a" `, // Heroku
		"%m [%p] ", // Postgres
		"%t [%p] ",
		"%m ",
		"%t ",
	}
}

// Stderr decodes records of the Postgres text log: a line of LOG or ERROR with the lines
// that go on with it, and its DETAIL and STATEMENT.
//
// It is a decode.Decoder, and a decode.Framer.
type Stderr struct {
	reader
	prefixes []*prefix
	matcher  *matcher // of the prefix that fits
	trial    *matcher // of the one being tried
	entry    entry
}

// NewStderr gives a decoder for one partition or file. The error says what is wrong with
// Options.LinePrefix.
func NewStderr(o Options) (*Stderr, error) {
	patterns := commonPrefixes()
	if o.LinePrefix != "" {
		patterns = []string{o.LinePrefix}
	}
	d := &Stderr{reader: reader{format: "stderr", clock: newClock(o.TimeZone)}, matcher: new(matcher), trial: new(matcher)}
	for _, pattern := range patterns {
		p, err := compilePrefix(pattern)
		if err != nil {
			return nil, err
		}
		d.prefixes = append(d.prefixes, p)
	}
	return d, nil
}

// LooksLikeStderr says, without knowing log_line_prefix, whether line could be of the
// Postgres text log: one of its words, a colon and a blank stand not far from the
// beginning. A Stderr says it for certain.
func LooksLikeStderr(line []byte) bool {
	word := severityIn(firstLine(bytes.TrimLeft(line, "\r\n")))
	return len(word) > 0
}

// severityIn finds a word of the text log near the beginning of line, or nothing.
func severityIn(line []byte) []byte {
	line = line[:min(len(line), 2*longestName)]
	for at := 0; ; at++ {
		i := bytes.IndexByte(line[at:], ':')
		if i < 0 {
			return nil
		}
		if at += i; at+1 == len(line) || line[at+1] != ' ' {
			continue
		}
		from := at
		for from > 0 && (line[from-1]-'A' < 26 || line[from-1] >= 0x80 || line[from-1]-'1' < 5) {
			from--
		}
		if word := line[from:at]; logWord(word) || errorWord(word) || partOf(word) != partPrimary {
			return word
		}
	}
}

// Starts says whether line begins a record: a prefix, and a severity.
func (d *Stderr) Starts(line []byte) bool {
	return d.match(firstLine(bytes.TrimLeft(line, "\r\n"))) && partOf(d.matcher.head.severity) == partPrimary
}

// Continues says whether line belongs to the record before it: it begins with the tab of
// a text that goes on, or is a DETAIL, STATEMENT or the like, or has neither prefix nor
// severity, because a forwarder took the tab away. A line with a severity and a prefix
// that is not known stands alone, so that it is refused and seen.
func (d *Stderr) Continues(line []byte) bool {
	line = bytes.TrimLeft(line, "\r\n") // as Starts does
	switch {
	case len(line) == 0 || line[0] == '\t':
		return true
	case d.match(firstLine(line)):
		return partOf(d.matcher.head.severity) != partPrimary
	case line[0] == ' ' || bytes.HasPrefix(line, []byte("#011")):
		return true
	}
	word := severityIn(firstLine(line))
	return len(word) == 0 || partOf(word) != partPrimary
}

// Open says no: the next line tells whether a record goes on.
func (d *Stderr) Open(decode.State, []byte) decode.State { return decode.Closed }

// match leaves in d.matcher what the line says. Of several prefixes that fit, the one
// whose severity comes first is right: what follows it is free text, and may look like
// the rest of another prefix.
func (d *Stderr) match(line []byte) bool {
	if len(line) == 0 || line[0] == '\t' {
		return false
	}
	matched := false
	first := firstSeverity(line)
	if first < 0 {
		return false
	}
	stamped := stamp(line)
	for _, p := range d.prefixes {
		if !p.mayFit(line, stamped) || !d.trial.match(p, line) || matched && len(d.trial.head.text) <= len(d.matcher.head.text) {
			continue
		}
		matched = true
		d.matcher, d.trial = d.trial, d.matcher
		if len(line)-d.matcher.head.behind == first+1 {
			break // no other can come before it
		}
	}
	return matched
}

// Decode fills ev from one record. See decode.Decoder.
func (d *Stderr) Decode(record []byte, mem *decode.Scratch, ev *detect.Event) error {
	if err := tooLong(d.format, record); err != nil {
		return err
	}
	record = trimmed(record)
	first := firstLine(record)
	if !d.match(first) {
		return d.unmatched(first)
	}
	head := &d.matcher.head
	if partOf(head.severity) != partPrimary {
		return &decode.Error{Format: d.format, Reason: decode.Cut, At: 0, Detail: "a DETAIL, STATEMENT or the like without the line before it"}
	}
	e := &d.entry
	*e = head.entry
	if wrong := d.time(head, e); wrong != "" {
		return &decode.Error{Format: d.format, Reason: decode.BadTime, At: 0, Detail: wrong}
	}
	e.lineID = xxhash.Sum64(record)
	e.severity = head.severity
	d.sections(e, bytes.TrimSuffix(head.text, []byte{'\r'}), record[len(first):], mem)
	return d.event(e, mem, ev)
}

func (d *Stderr) time(head *head, e *entry) (wrong string) {
	if head.epoch {
		var ok bool
		if e.time, ok = decode.ParseEpoch(decode.String(head.time), decode.Seconds); !ok {
			return badClock
		}
		return ""
	}
	e.time, wrong = d.clock.read(head.time)
	return wrong
}

// unmatched says what is wrong with a record whose first line no prefix fits.
func (d *Stderr) unmatched(first []byte) error {
	if len(first) > 0 && (first[0] == '\t' || bytes.HasPrefix(first, []byte("#011"))) {
		return &decode.Error{Format: d.format, Reason: decode.Cut, At: 0, Detail: "a line that goes on with another, without that one"}
	}
	return &decode.Error{Format: d.format, Reason: decode.Unknown, At: 0, Detail: "the line does not begin with the log_line_prefix and a severity: configure log_line_prefix"}
}

// section is a part of a record: its first line, and where those that go on with it are.
type section struct {
	into       *[]byte // nil when nobody wants it
	first      []byte
	begin, end int // in what follows the first line of the record
}

// sections reads the lines behind the first. A line of the same process that begins with
// DETAIL or STATEMENT opens a section; every other goes on with the one that is open.
func (d *Stderr) sections(e *entry, text, rest []byte, mem *decode.Scratch) {
	open := section{into: &e.message, first: text}
	for at := 0; at < len(rest); {
		line := firstLine(rest[at+1:])
		at += 1 + len(line)
		if !d.match(bytes.TrimSuffix(line, []byte{'\r'})) || partOf(d.matcher.head.severity) == partPrimary {
			open.end = at
			continue
		}
		open.close(rest, mem)
		h := &d.matcher.head
		open = section{first: h.text, begin: at, end: at}
		if bytes.Equal(h.entry.pid, e.pid) {
			switch partOf(h.severity) {
			case partDetail:
				open.into = &e.detail
			case partStatement:
				open.into = &e.statement
			}
		}
	}
	open.close(rest, mem)
}

// close gives the section its text.
func (s *section) close(rest []byte, mem *decode.Scratch) {
	switch {
	case s.into == nil:
	case s.begin == s.end:
		*s.into = s.first
	default:
		*s.into = unfolded(s.first, rest[s.begin:s.end], mem)
	}
}

// unfolded joins a line and those that go on with it, without the tab that the server
// put before each.
func unfolded(first, rest []byte, mem *decode.Scratch) []byte {
	dst := mem.Bytes(len(first) + len(rest))
	n := copy(dst, first)
	for len(rest) > 0 {
		line := firstLine(rest[1:])
		rest = rest[1+len(line):]
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if tab, ok := bytes.CutPrefix(line, []byte{'\t'}); ok {
			line = tab
		} else if tab, ok := bytes.CutPrefix(line, []byte("#011")); ok {
			line = tab
		}
		dst[n] = '\n'
		n += 1 + copy(dst[n+1:], line)
	}
	return dst[:n]
}

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i]
	}
	return b
}
