package envelope

import (
	"bytes"
	"strconv"

	"trespass.dev/trespass/ingest/decode"
)

// Frame is one syslog message without its header.
type Frame struct {
	Source []byte // host, program and process id as written: the sender
	Time   int64  // nanoseconds; 0 where the header has no year or no zone
	Text   []byte
}

// Syslog takes the header off a line of RSYSLOG_FileFormat, RFC 3164 or RFC 5424,
// with or without an octet count. It gives false for anything else.
//
//	2026-11-23T02:02:29.430408+00:00 vm postgres[11366]: text
//	<134>Nov 23 01:55:12 postgres[26411]: text
//	<134>1 2026-11-23T02:02:29.430408Z vm postgres 11366 - - text
func Syslog(line []byte) (f Frame, ok bool) {
	rest := line
	if i := bytes.IndexByte(rest[:min(len(rest), 8)], ' '); i > 0 && i+1 < len(rest) && rest[i+1] == '<' && isDigits(rest[:i]) {
		rest = rest[i+1:] // octet count
	}
	if len(rest) > 0 && rest[0] == '<' {
		end := bytes.IndexByte(rest[:min(len(rest), 5)], '>')
		if end < 2 || !isDigits(rest[1:end]) {
			return Frame{}, false
		}
		rest = rest[end+1:]
		if after, is := bytes.CutPrefix(rest, []byte("1 ")); is {
			return rfc5424(after)
		}
		return rfc3164(rest)
	}
	return fileFormat(rest)
}

// fileFormat reads "2026-11-23T02:02:29.430408+00:00 vm postgres[11366]: text".
func fileFormat(line []byte) (f Frame, ok bool) {
	if len(line) < 20 || line[0]-'0' > 9 || line[4] != '-' || line[10] != 'T' {
		return Frame{}, false
	}
	stamp, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return Frame{}, false
	}
	if f.Time, ok = decode.ParseRFC3339(decode.String(stamp)); !ok {
		return Frame{}, false
	}
	return sender(f, rest, true)
}

// rfc3164 reads "Nov 23 01:55:12 [host ]postgres[26411]: text".
func rfc3164(line []byte) (f Frame, ok bool) {
	const stamp = len("Nov 23 01:55:12 ")
	if len(line) < stamp || line[3] != ' ' || line[6] != ' ' || line[9] != ':' || line[12] != ':' || line[15] != ' ' {
		return Frame{}, false
	}
	rest := line[stamp:]
	word, _, _ := bytes.Cut(rest, []byte(" "))
	return sender(f, rest, !bytes.HasSuffix(word, []byte(":")))
}

// sender splits "[host ]tag text".
func sender(f Frame, rest []byte, host bool) (Frame, bool) {
	n := bytes.IndexByte(rest, ' ')
	if host && n > 0 {
		tag := bytes.IndexByte(rest[n+1:], ' ')
		if tag <= 0 {
			return Frame{}, false
		}
		n += 1 + tag
	}
	if n <= 0 {
		return Frame{}, false
	}
	f.Source, f.Text = rest[:n], rest[n+1:]
	return f, true
}

// rfc5424 reads "2026-11-23T02:02:29Z vm postgres 11366 - - text", after the version.
func rfc5424(line []byte) (f Frame, ok bool) {
	stamp, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return Frame{}, false
	}
	f.Time, _ = decode.ParseRFC3339(decode.String(stamp))
	n := 0
	for i := range 4 { // host, program, process, message id
		j := bytes.IndexByte(rest[n:], ' ')
		if j <= 0 {
			return Frame{}, false
		}
		n += j + 1
		if i == 2 {
			f.Source = rest[:n-1]
		}
	}
	text, ok := structuredData(rest[n:])
	f.Text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	return f, ok
}

// structuredData steps over "-" or "[id name="value"]..." and the blank after it.
func structuredData(b []byte) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '-' {
		return bytes.TrimPrefix(b[1:], []byte(" ")), true
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case i == 0 && c != '[':
			return nil, false
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && (i+1 == len(b) || b[i+1] != '['):
			return bytes.TrimPrefix(b[i+1:], []byte(" ")), true
		}
	}
	return nil, false
}

// Chunk is the number that Postgres puts before each piece of a message it sends to
// syslog: [11-2] is the second piece of the eleventh message of that backend.
type Chunk struct {
	Message, Piece int
}

// CutChunk takes " [11-2] " off text. It gives false if there is none. What follows
// the one blank after the bracket belongs to the message.
func CutChunk(text []byte) (c Chunk, rest []byte, ok bool) {
	b := bytes.TrimLeft(text, " ")
	if len(b) < 5 || b[0] != '[' {
		return Chunk{}, nil, false
	}
	end := bytes.IndexByte(b[:min(len(b), 24)], ']')
	dash := bytes.IndexByte(b[:max(end, 0)], '-')
	if dash < 0 {
		return Chunk{}, nil, false
	}
	if c.Message, ok = number(b[1:dash]); !ok {
		return Chunk{}, nil, false
	}
	if c.Piece, ok = number(b[dash+1 : end]); !ok || c.Piece == 0 {
		return Chunk{}, nil, false
	}
	return c, bytes.TrimPrefix(b[end+1:], []byte(" ")), true
}

func number(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 10 || !isDigits(b) {
		return 0, false
	}
	n, err := strconv.Atoi(decode.String(b))
	return n, err == nil
}

func isDigits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}
