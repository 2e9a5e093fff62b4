package files

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"trespass.dev/trespass/ingest/envelope"
)

// maxWindow bounds the memory that a packed file may ask for.
const maxWindow = 64 << 20

// source is the text of a file, unpacked.
type source struct {
	io.Reader
	packed bool
	err    error // of unpacking
	disk   *disk // nil for standard input
	close  func() error
}

// unpacked finds out by the first bytes how in is packed.
func unpacked(in io.ReadCloser) (*source, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, in.Close())
	}
	s := &source{close: in.Close}
	switch codec := envelope.CodecOf(head); codec {
	case envelope.Gzip:
		r, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unpack gzip: %w", err), in.Close())
		}
		s.Reader, s.packed = r, true
	case envelope.Zstd:
		r, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unpack zstd: %w", err), in.Close())
		}
		s.Reader, s.packed = r, true
		s.close = func() error { r.Close(); return in.Close() }
	default:
		// Without the buffer, a file that grows can be read again after its end.
		s.Reader = &rejoined{head: buffered, tail: in}
	}
	return s, nil
}

// Read remembers an error of unpacking, which io.ReadFull may report as an early end.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && s.packed && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// broken says whether the packed data ended early or is damaged.
func (s *source) broken() bool { return s.err != nil }

// fault says what went wrong.
func (s *source) fault(err error) error {
	switch {
	case s.err == nil:
		return err
	case errors.Is(s.err, io.ErrUnexpectedEOF):
		return errors.New("the packed file ends early; copy it again, or unpack what there is")
	}
	return fmt.Errorf("unpack: %w", s.err)
}

func (s *source) Close() error { return s.close() }

// rejoined reads what is left in a buffer and then on from the file itself.
type rejoined struct {
	head *bufio.Reader
	tail io.Reader
}

func (r *rejoined) Read(p []byte) (int, error) {
	if n := r.head.Buffered(); n > 0 {
		return r.head.Read(p[:min(n, len(p))])
	}
	return r.tail.Read(p)
}

// counted counts the bytes that pass.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
