package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame is taken apart here and its blocks decoded one by one, because
// the library's frame reader spends a third of its time on checksums that the
// batch's CRC32C makes needless.
const (
	lz4Magic         = 0x184D2204
	lz4SkipMagic     = 0x184D2A50 // the low four bits are free
	lz4Dictionary    = 0x01       // flags
	lz4ContentSum    = 0x04
	lz4ContentSize   = 0x08
	lz4BlockSum      = 0x10
	lz4Independent   = 0x20
	lz4Stored        = 1 << 31 // block size: not compressed
	lz4HistorySize   = 64 << 10
	lz4SmallestBlock = 4 // code of 64 KiB
	lz4LargestBlock  = 7 // code of 4 MiB
)

var errLZ4Frame = errors.New("not an lz4 frame of a known kind")

func appendLZ4(dst, src []byte, limit int) ([]byte, error) {
	out := dst
	for len(src) > 0 {
		var err error
		out, src, err = appendLZ4Frame(out, src, len(dst), limit)
		if errors.Is(err, ErrTooLarge) {
			return dst, err
		}
		if err != nil {
			return dst, malformed(LZ4, err)
		}
	}
	return out, nil
}

// appendLZ4Frame unpacks one frame and returns what follows it. The output of
// this payload starts at begin.
func appendLZ4Frame(out, src []byte, begin, limit int) (result, rest []byte, err error) {
	c := cursor{rest: src}
	magic := c.uint32le()
	if magic&^0xF == lz4SkipMagic {
		c.take(int(c.uint32le()))
		return out, c.rest, c.err
	}
	flags, blockCode := c.lz4Header()
	if c.err != nil {
		return out, nil, c.err
	}
	if magic != lz4Magic || flags>>6 != 1 || flags&lz4Dictionary != 0 ||
		blockCode < lz4SmallestBlock || blockCode > lz4LargestBlock {
		return out, nil, errLZ4Frame
	}
	blockMax := 1 << (8 + 2*blockCode)
	frame := len(out)
	for {
		size := c.uint32le()
		if c.err != nil {
			return out, nil, c.err
		}
		if size == 0 {
			break
		}
		block := c.take(int(size &^ lz4Stored))
		if flags&lz4BlockSum != 0 {
			c.take(4)
		}
		if c.err != nil {
			return out, nil, c.err
		}
		room := min(blockMax, limit-(len(out)-begin))
		var history []byte
		if flags&lz4Independent == 0 {
			history = out[max(frame, len(out)-lz4HistorySize):]
		}
		if out, err = appendLZ4Block(out, block, history, room, size&lz4Stored != 0); err != nil {
			if room < blockMax {
				err = fmt.Errorf("%w of %d bytes (lz4)", ErrTooLarge, limit)
			}
			return out, nil, err
		}
	}
	if flags&lz4ContentSum != 0 {
		c.take(4)
	}
	return out, c.rest, c.err
}

// appendLZ4Block unpacks one block of at most room bytes.
func appendLZ4Block(out, block, history []byte, room int, stored bool) ([]byte, error) {
	if stored {
		if len(block) > room {
			return out, errLength
		}
		return append(out, block...), nil
	}
	// A frame tells only the most that a block may unpack to, often megabytes. What is
	// free already, or four times the block, is mostly enough; no block unpacks to more
	// than 255 times its size.
	room = min(room, 255*len(block)+64)
	for try := min(room, max(cap(out)-len(out), 4*len(block), 64)); ; try = min(room, 4*try) {
		out = slices.Grow(out, try)
		n, err := lz4.UncompressBlockWithDict(block, out[len(out):len(out)+try], history)
		switch {
		case err == nil:
			return out[:len(out)+n], nil
		case try == room:
			return out, err
		}
	}
}

// lz4Header reads the frame descriptor after the magic. The header's own
// checksum is skipped: the batch's CRC32C covers it.
func (c *cursor) lz4Header() (flags byte, blockCode int) {
	flags = byte(c.int8())
	blockCode = int(byte(c.int8()) >> 4 & 0x7)
	if flags&lz4ContentSize != 0 {
		c.take(8)
	}
	c.take(1)
	return flags, blockCode
}

func (c *cursor) uint32le() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}
