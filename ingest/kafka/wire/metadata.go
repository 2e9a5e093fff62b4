package wire

import (
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// MetadataVersion is the version spoken here: the one with topic ids.
const MetadataVersion int16 = 12

// smallAnswer bounds the answers to Metadata and ApiVersions.
const smallAnswer = 32 << 20

// MetadataRequest asks any broker about topics by name. It never creates a
// topic. It must not be used again after an error.
type MetadataRequest struct {
	ClientID    string
	Correlation int32
	Topics      []string
	Pool        *Pool
}

var _ protocol.RawExchanger = (*MetadataRequest)(nil)

// ApiKey implements protocol.Message.
func (*MetadataRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*MetadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger. The message it returns is a
// *MetadataAnswer.
func (r *MetadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	buf, err := exchange(rw, r.Pool, r.encode(), r.Correlation, smallAnswer)
	if err != nil {
		return nil, err
	}
	answer, err := ParseMetadata(buf.Data[4:])
	if err != nil {
		return nil, fmt.Errorf("reading the metadata answer: %w", err)
	}
	buf.Release() // the answer holds copies only
	return answer, nil
}

func (r *MetadataRequest) encode() []byte {
	q := newRequest(nil, protocol.Metadata, MetadataVersion, r.Correlation, r.ClientID, true)
	q.uvarint(uint64(len(r.Topics)) + 1)
	for _, name := range r.Topics {
		q.b = append(q.b, make([]byte, 16)...) // no id: asked by name
		q.compactString(name)
		q.uvarint(0)
	}
	q.int8(0) // do not create topics
	q.int8(0) // no list of authorised operations
	q.uvarint(0)
	return q.finish()
}

// MetadataAnswer is what a broker knows about the cluster.
type MetadataAnswer struct {
	Brokers []int32 // ids of the living brokers
	Topics  []TopicMetadata
}

// TopicMetadata describes one topic.
type TopicMetadata struct {
	Name       string
	ID         TopicID
	Error      int16 // 3: does not exist; 29: no right to see it
	Partitions []int32
}

// ApiKey implements protocol.Message.
func (*MetadataAnswer) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ParseMetadata reads the body of a Metadata answer of MetadataVersion, which
// starts after the correlation id. It copies what it keeps.
func ParseMetadata(body []byte) (*MetadataAnswer, error) {
	c := cursor{rest: body}
	a := &MetadataAnswer{}
	c.tags()
	c.int32() // throttle
	for n := c.compactCount(11); n > 0 && c.err == nil; n-- {
		a.Brokers = append(a.Brokers, c.int32())
		c.compactBytes() // host
		c.int32()        // port
		c.compactBytes() // rack
		c.tags()
	}
	c.compactBytes() // cluster id
	c.int32()        // controller
	for n := c.compactCount(26); n > 0 && c.err == nil; n-- {
		a.Topics = append(a.Topics, readTopic(&c))
	}
	c.tags()
	if c.err != nil {
		return nil, c.err
	}
	return a, nil
}

func readTopic(c *cursor) TopicMetadata {
	t := TopicMetadata{Error: c.int16(), Name: c.compactString(), ID: c.topicID()}
	c.int8() // internal
	for n := c.compactCount(18); n > 0 && c.err == nil; n-- {
		c.int16() // a partition without a leader still exists
		t.Partitions = append(t.Partitions, c.int32())
		c.int32() // leader
		c.int32() // leader epoch
		for range 3 {
			c.take(4 * c.compactCount(4)) // replicas, in sync, offline
		}
		c.tags()
	}
	c.int32() // authorised operations
	c.tags()
	return t
}
