package wire

import (
	"encoding/binary"
	"errors"
)

// errShort says that a message ended before the value that should be there.
var errShort = errors.New("the message ends early")

// errLength says that a length in a message is negative or beyond its end.
var errLength = errors.New("a length in the message is out of bounds")

// A cursor reads a message from the front. The first error sticks: all later
// reads return zero values, so a parser checks err once at its end. Loops over
// counts stay bounded because count checks the number against the bytes left.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// take returns the next n bytes, aliasing the message.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.fail(errShort)
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) int8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.fail(errShort)
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) topicID() TopicID {
	var id TopicID
	copy(id[:], c.take(len(id)))
	return id
}

// string16 reads a string with a 16-bit length; null reads as empty.
func (c *cursor) string16() string {
	n := int(c.int16())
	if n < -1 {
		c.fail(errLength)
		return ""
	}
	return string(c.take(max(n, 0)))
}

// compactString reads a string of the flexible versions; null reads as empty.
func (c *cursor) compactString() string { return string(c.compactBytes()) }

// compactBytes reads bytes of the flexible versions; null reads as empty.
func (c *cursor) compactBytes() []byte {
	n := c.uvarint()
	if n == 0 {
		return nil
	}
	if n-1 > uint64(len(c.rest)) {
		c.fail(errLength)
		return nil
	}
	return c.take(int(n - 1))
}

// bytes32 reads bytes with a 32-bit length; null reads as empty.
func (c *cursor) bytes32() []byte {
	n := int(c.int32())
	if n < -1 {
		c.fail(errLength)
		return nil
	}
	return c.take(max(n, 0))
}

// count reads an array length with 32 bits; null reads as 0. Each element must
// take at least size bytes.
func (c *cursor) count(size int) int {
	n := int64(c.int32())
	if n < -1 {
		c.fail(errLength)
		return 0
	}
	return c.bounded(uint64(max(n, 0)), size)
}

// compactCount is count for the flexible versions.
func (c *cursor) compactCount(size int) int {
	n := c.uvarint()
	if n == 0 {
		return 0
	}
	return c.bounded(n-1, size)
}

func (c *cursor) bounded(n uint64, size int) int {
	if n > uint64(len(c.rest)/size) {
		c.fail(errLength)
		return 0
	}
	return int(n)
}

// tags steps over the tagged fields at the end of a flexible structure.
func (c *cursor) tags() {
	for n := c.compactTagCount(); n > 0; n-- {
		c.uvarint()
		size := c.uvarint()
		if size > uint64(len(c.rest)) {
			c.fail(errLength)
			return
		}
		c.take(int(size))
	}
}

func (c *cursor) compactTagCount() int { return c.bounded(c.uvarint(), 2) }
