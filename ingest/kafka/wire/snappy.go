package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/snappy"
)

// snappyMagic starts the framing of the Java client: the magic, two 32-bit
// versions, then blocks with a 32-bit length each. Other clients send one bare
// block.
const snappyMagic = "\x82SNAPPY\x00"

func appendSnappy(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(snappyMagic)) {
		return appendSnappyBlock(dst, src, limit)
	}
	rest := src[len(snappyMagic):]
	if len(rest) < 8 {
		return dst, malformed(Snappy, errShort)
	}
	rest = rest[8:]
	out := dst
	for len(rest) > 0 {
		if len(rest) < 4 {
			return dst, malformed(Snappy, errShort)
		}
		n := int64(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		if n > int64(len(rest)) {
			return dst, malformed(Snappy, errShort)
		}
		var err error
		if out, err = appendSnappyBlock(out, rest[:n], limit-(len(out)-len(dst))); err != nil {
			if errors.Is(err, ErrTooLarge) {
				return dst, fmt.Errorf("%w of %d bytes (snappy)", ErrTooLarge, limit)
			}
			return dst, err
		}
		rest = rest[n:]
	}
	return out, nil
}

// maxSnappyRatio bounds what a block may claim before memory is reserved: a
// copy of three bytes yields at most 64.
const maxSnappyRatio = 64

func appendSnappyBlock(dst, src []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	switch {
	case err != nil:
		return dst, malformed(Snappy, err)
	case n > limit:
		return dst, fmt.Errorf("%w of %d bytes (snappy)", ErrTooLarge, limit)
	case n > maxSnappyRatio*len(src):
		return dst, malformed(Snappy, errLength)
	}
	out := slices.Grow(dst, n)
	if _, err := snappy.Decode(out[len(dst):len(dst)+n], src); err != nil {
		return dst, malformed(Snappy, err)
	}
	return out[:len(dst)+n], nil
}
