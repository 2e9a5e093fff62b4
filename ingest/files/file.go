package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/decode"
)

// block is how much of a file goes into one batch.
const block = 256 << 10

// Options say how files are read.
type Options struct {
	Ingest ingest.Config
	Follow bool      // go on when a file grows, is renamed or is truncated
	Stdin  io.Reader // what Stdin means; nil is os.Stdin
}

// File is one log file being read. Path, Size and Read may be called from any
// goroutine, all else from one.
type File struct {
	path   string
	follow bool
	source *source
	stream *ingest.Stream
	read   atomic.Int64
	size   atomic.Int64

	part  []byte // beginning of a line that the last block cut
	over  bool   // the line being read is too long; its rest is dropped
	line  int64  // lines read
	last  int64  // greatest event time so far
	ended bool   // nothing more will come
}

// Open opens a file, or standard input. The error names the path.
func Open(path string, o Options) (*File, error) {
	f := &File{path: path, stream: ingest.NewStream(o.Ingest)}
	if path == Stdin {
		in := o.Stdin
		if in == nil {
			in = os.Stdin
		}
		s, err := unpacked(io.NopCloser(&counted{in, &f.read}))
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		f.source = s
		return f, nil
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	f.follow = o.Follow && !f.source.packed
	return f, nil
}

// Path is the path as it was given; "-" for standard input.
func (f *File) Path() string { return f.path }

// Size is the size of the file in bytes as it lies on the disk; 0 unknown.
func (f *File) Size() int64 { return f.size.Load() }

// Read is how many of those bytes have been read.
func (f *File) Read() int64 { return f.read.Load() }

// Close closes the file.
func (f *File) Close() error {
	if f.source == nil {
		return nil
	}
	return f.source.Close()
}

// Held gives the line from which reading must begin again for nothing to be lost; ok is
// false if every line read has been given out.
func (f *File) Held() (line int64, ok bool) {
	o, ok := f.stream.Held()
	return o.Offset, ok
}

// Next reads on and fills b with what the lines say. last is the greatest event time
// of the file so far, 0 if it has shown none. At the end the error is io.EOF, and b may
// hold the last events; when following, it means that nothing more is there now, and
// Next may be called again. Any other error says where in the file it happened and ends
// the file.
func (f *File) Next(b *ingest.Batch) (last int64, err error) {
	if f.ended {
		return f.last, io.EOF
	}
	from := len(b.Events)
	buf := b.Bytes(len(f.part) + block)
	n := copy(buf, f.part)
	m, err := io.ReadFull(f.source, buf[n:])
	f.part = f.part[:0]
	rest := f.lines(buf[:n+m], b)
	f.part = append(f.part, rest...)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && !f.source.broken():
		err = io.EOF
		if !f.follow {
			f.finish(b)
		}
	default:
		err = fmt.Errorf("read %s:%d: %w", f.path, f.line+1, f.source.fault(err))
		f.finish(b)
	}
	for i := range b.Events[from:] {
		f.last = max(f.last, b.Events[from+i].Time)
	}
	return f.last, err
}

// lines gives all whole lines of text to the stream, and returns the rest.
func (f *File) lines(text []byte, b *ingest.Batch) (rest []byte) {
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		f.oneLine(text[:i], b)
		text = text[i+1:]
	}
	if len(text) > decode.MaxLine {
		if !f.over {
			f.record(text, b)
		}
		f.over = true
		return nil
	}
	return text
}

func (f *File) oneLine(line []byte, b *ingest.Batch) {
	f.line++
	if f.over {
		f.over = false // the end of a line that was refused at its beginning
		return
	}
	f.stream.Record(ingest.Record{Origin: f.origin(f.line), Value: bytes.TrimSuffix(line, []byte{'\r'})}, b)
}

// record reads the beginning of a line that has no end yet.
func (f *File) record(line []byte, b *ingest.Batch) {
	f.stream.Record(ingest.Record{Origin: f.origin(f.line + 1), Value: line}, b)
}

func (f *File) origin(line int64) detect.Origin {
	return detect.Origin{Source: f.path, Partition: -1, Offset: line}
}

// finish reads what has no newline at its end, and lets go of what is held.
func (f *File) finish(b *ingest.Batch) {
	f.ended = true
	f.endOfText(b)
}

func (f *File) endOfText(b *ingest.Batch) {
	if len(f.part) > 0 && !f.over {
		text := b.Bytes(len(f.part))
		copy(text, f.part)
		f.oneLine(text, b)
	}
	f.part, f.over = f.part[:0], false
	f.stream.Flush(b)
}
