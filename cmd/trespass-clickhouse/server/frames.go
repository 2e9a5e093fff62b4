//go:build linux && amd64

package server

import (
	"errors"
	"io"

	"github.com/ClickHouse/ch-go/compress"
)

// frameReader reads ClickHouse's compressed frames to the end of the source.
type frameReader struct {
	source  countingReader
	frames  *compress.Reader
	settled int64 // bytes of the source taken by whole frames
}

func newFrames(source io.Reader) *frameReader {
	f := &frameReader{source: countingReader{from: source}}
	f.frames = compress.NewReader(&f.source)
	return f
}

// Read tells the end between two frames, which is the end of the data, from an end inside
// one, which is not.
func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.frames.Read(p)
	switch {
	case err == nil:
		f.settled = f.source.n
		return n, nil
	case errors.Is(err, io.EOF) && f.source.n == f.settled:
		return n, io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, cannotDecompress(io.ErrUnexpectedEOF)
	}
	return n, cannotDecompress(err)
}

type countingReader struct {
	from io.Reader
	n    int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// frameSize is how much of an answer goes into one frame, as on a server.
const frameSize = 1 << 20

// frameWriter writes ClickHouse's compressed frames.
type frameWriter struct {
	to     io.Writer
	frames *compress.Writer
}

func newFrameWriter(to io.Writer, method compress.Method) *frameWriter {
	return &frameWriter{to: to, frames: compress.NewWriter(compress.LevelZero, method)}
}

func (f *frameWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), frameSize)]
		if err := f.frames.Compress(part); err != nil {
			return written, err
		}
		if _, err := f.to.Write(f.frames.Data); err != nil {
			return written, err
		}
		written += len(part)
		p = p[len(part):]
	}
	return written, nil
}
