package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Codec is the compression of a record batch.
type Codec int8

// The codecs of Kafka's record batches.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// String returns the name producers use in their configuration.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	default:
		return fmt.Sprintf("codec %d", int8(c))
	}
}

// Why a payload could not be decompressed.
var (
	// ErrTooLarge says that a batch unpacks to more than the limit: a
	// decompression bomb, or a producer with an enormous batch.
	ErrTooLarge   = errors.New("the batch unpacks to more than the limit")
	ErrCodec      = errors.New("unknown compression")
	ErrCompressed = errors.New("the compressed data is malformed")
)

// Decompressor unpacks the payloads of record batches. It keeps the state of
// the codecs, so it belongs to one goroutine.
type Decompressor struct {
	limit  int
	gzip   *gzip.Reader
	source bytes.Reader
	zstd   *zstd.Decoder
}

// NewDecompressor refuses payloads that unpack to more than limit bytes.
func NewDecompressor(limit int) *Decompressor { return &Decompressor{limit: limit} }

// Append unpacks src behind dst. On an error, dst as given is still valid and
// the memory used stays near the limit.
func (d *Decompressor) Append(codec Codec, dst, src []byte) ([]byte, error) {
	switch codec {
	case Gzip:
		return d.appendGzip(dst, src)
	case Snappy:
		return appendSnappy(dst, src, d.limit)
	case LZ4:
		return appendLZ4(dst, src, d.limit)
	case Zstd:
		return d.appendZstd(dst, src)
	default:
		return dst, fmt.Errorf("%w: %s", ErrCodec, codec)
	}
}

func (d *Decompressor) appendGzip(dst, src []byte) ([]byte, error) {
	d.source.Reset(src)
	defer d.source.Reset(nil)
	if d.gzip == nil {
		d.gzip = new(gzip.Reader)
	}
	if err := d.gzip.Reset(&d.source); err != nil {
		return dst, malformed(Gzip, err)
	}
	out := dst
	for {
		if len(out)-len(dst) > d.limit {
			return dst, fmt.Errorf("%w of %d bytes (gzip)", ErrTooLarge, d.limit)
		}
		if len(out) == cap(out) {
			out = slices.Grow(out, max(4096, len(src)))
		}
		n, err := d.gzip.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case err == io.EOF && len(out)-len(dst) <= d.limit:
			return out, nil
		case err == io.EOF: // the loop's check names the limit
		case err != nil:
			return dst, malformed(Gzip, err)
		}
	}
}

func (d *Decompressor) appendZstd(dst, src []byte) ([]byte, error) {
	if d.zstd == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(uint64(d.limit)), zstd.WithDecoderMaxWindow(max(uint64(d.limit), zstd.MinWindowSize)))
		if err != nil {
			return dst, fmt.Errorf("starting the zstd decoder: %w", err)
		}
		d.zstd = dec
	}
	out, err := d.zstd.DecodeAll(src, dst)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return dst, fmt.Errorf("%w of %d bytes (zstd)", ErrTooLarge, d.limit)
	case err != nil:
		return dst, malformed(Zstd, err)
	}
	return out, nil
}

func malformed(c Codec, err error) error { return fmt.Errorf("%w (%s): %v", ErrCompressed, c, err) }
