package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"trespass.dev/trespass/ingest/decode"
)

// MaxInflated bounds what one compressed value may unpack to.
const MaxInflated = 64 << 20

// Codec is a compression told by the first bytes.
type Codec uint8

const (
	Plain Codec = iota
	Gzip
	Zstd
)

// CodecOf tells how value is compressed.
func CodecOf(value []byte) Codec {
	switch {
	case bytes.HasPrefix(value, []byte{0x1f, 0x8b, 0x08}):
		return Gzip
	case bytes.HasPrefix(value, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	}
	return Plain
}

// Inflater unpacks compressed values one after the other. The zero Inflater is
// ready for use, by one goroutine.
type Inflater struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
	out  bytes.Buffer
}

// Inflate unpacks value. The result is good until the next call. The error is an
// *decode.Error: not whole, not this compression, or more than MaxInflated.
func (i *Inflater) Inflate(codec Codec, value []byte) ([]byte, error) {
	i.src.Reset(value)
	r, err := i.reader(codec)
	if err == nil {
		i.out.Reset()
		_, err = i.out.ReadFrom(io.LimitReader(r, MaxInflated+1))
	}
	switch {
	case err != nil:
		return nil, refuse(decode.Compressed, "cannot unpack "+codec.String()+": "+reason(err))
	case i.out.Len() > MaxInflated:
		i.out = bytes.Buffer{}
		return nil, refuse(decode.TooLong, fmt.Sprintf("unpacks to more than %d bytes", MaxInflated))
	}
	return i.out.Bytes(), nil
}

func (i *Inflater) reader(codec Codec) (io.Reader, error) {
	var err error
	if codec == Gzip {
		if i.gzip == nil {
			i.gzip = new(gzip.Reader)
		}
		err = i.gzip.Reset(&i.src)
		return i.gzip, err
	}
	if i.zstd == nil {
		i.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxInflated), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
	}
	err = i.zstd.Reset(&i.src)
	return i.zstd, err
}

// reason says why unpacking failed without any byte of the value.
func reason(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ends early"
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return "the checksum is wrong"
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return "it asks for too much memory"
	}
	return "it is damaged"
}

// String names the codec.
func (c Codec) String() string {
	return [...]string{"plain text", "gzip", "zstd"}[c]
}

func refuse(reason decode.Reason, detail string) error {
	return &decode.Error{Format: "envelope", Reason: reason, At: -1, Detail: detail}
}
