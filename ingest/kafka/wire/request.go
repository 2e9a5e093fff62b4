package wire

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// TopicID names a topic for as long as it lives: a topic that is deleted and
// created again under the same name has another id. The zero id means that the
// broker does not tell ids.
type TopicID [16]byte

// String returns the id in the form Kafka's tools print after decoding: 32 hex
// digits.
func (id TopicID) String() string { return fmt.Sprintf("%x", id[:]) }

// IsZero reports whether the id is unknown.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// request collects the bytes of one request.
type request struct{ b []byte }

// newRequest starts a request with its header. Flexible requests carry tagged
// fields in the header.
func newRequest(b []byte, key protocol.ApiKey, version int16, correlation int32, clientID string, flexible bool) request {
	r := request{b: append(b[:0], 0, 0, 0, 0)} // the size, set by finish
	r.int16(int16(key))
	r.int16(version)
	r.int32(correlation)
	r.string16(clientID)
	if flexible {
		r.uvarint(0)
	}
	return r
}

func (r *request) int8(v int8)      { r.b = append(r.b, byte(v)) }
func (r *request) int16(v int16)    { r.b = binary.BigEndian.AppendUint16(r.b, uint16(v)) }
func (r *request) int32(v int32)    { r.b = binary.BigEndian.AppendUint32(r.b, uint32(v)) }
func (r *request) int64(v int64)    { r.b = binary.BigEndian.AppendUint64(r.b, uint64(v)) }
func (r *request) uvarint(v uint64) { r.b = binary.AppendUvarint(r.b, v) }

func (r *request) string16(s string) {
	r.int16(int16(len(s)))
	r.b = append(r.b, s...)
}

func (r *request) compactString(s string) {
	r.uvarint(uint64(len(s)) + 1)
	r.b = append(r.b, s...)
}

// finish sets the size and returns the whole request.
func (r *request) finish() []byte {
	binary.BigEndian.PutUint32(r.b, uint32(len(r.b)-4))
	return r.b
}

// TooLargeError says that a broker announced an answer beyond the bound.
type TooLargeError struct {
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the broker announced an answer of %d bytes, more than the limit of %d; "+
		"is this a Kafka port, and is message.max.bytes below the limit?", e.Size, e.Limit)
}

// exchange writes one request and reads the body of its answer, without the
// correlation id, into a buffer from the pool. On an error nothing is returned
// to the pool: a late answer of the broker may still be on its way into it.
func exchange(rw io.ReadWriter, pool *Pool, message []byte, correlation int32, limit int) (*Buffer, error) {
	if _, err := rw.Write(message); err != nil {
		return nil, err
	}
	head := message[:4] // sent by now; saves an allocation
	if _, err := io.ReadFull(rw, head); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(head)))
	if size < 4 {
		return nil, fmt.Errorf("answer of %d bytes: %w", size, errLength)
	}
	if size > limit {
		return nil, &TooLargeError{Size: size, Limit: limit}
	}
	buf := pool.Get(size)
	buf.Data = buf.Data[:size]
	if _, err := io.ReadFull(rw, buf.Data); err != nil {
		return nil, err
	}
	if got := int32(binary.BigEndian.Uint32(buf.Data)); got != correlation {
		return nil, fmt.Errorf("answer to request %d, expected the answer to %d", got, correlation)
	}
	return buf, nil
}
