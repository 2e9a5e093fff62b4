package wire

import (
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// The Fetch versions spoken here.
const (
	FetchByName int16 = 11 // classic encoding, topic names
	FetchByID   int16 = 13 // flexible encoding, topic ids
)

// FetchRequest asks the leader of one partition for record batches, reading
// only committed transactions. It is a message for kafka-go's Transport and
// carries the answer's buffer, so it must not be used again after an error:
// the exchange may still be running.
type FetchRequest struct {
	Version     int16 // FetchByName or FetchByID
	ClientID    string
	Correlation int32
	Topic       string  // routes the request, and names the topic for FetchByName
	TopicID     TopicID // names the topic for FetchByID
	Partition   int32
	Offset      int64
	MinBytes    int32
	MaxBytes    int32         // the broker may exceed it by one whole batch
	MaxWait     time.Duration // how long the broker may wait for MinBytes
	MaxAnswer   int           // larger answers are refused with a TooLargeError
	Pool        *Pool

	scratch []byte
}

var (
	_ protocol.RawExchanger  = (*FetchRequest)(nil)
	_ protocol.BrokerMessage = (*FetchRequest)(nil)
)

// ApiKey implements protocol.Message.
func (*FetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required implements protocol.RawExchanger.
func (*FetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// NoLeaderError says that the cluster's metadata names no living leader of a
// partition at the moment.
type NoLeaderError struct {
	Topic     string
	Partition int32
}

func (e *NoLeaderError) Error() string {
	return fmt.Sprintf("partition %s/%d has no leader at the moment", e.Topic, e.Partition)
}

// Broker implements protocol.BrokerMessage: it routes to the leader.
func (r *FetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	if p, ok := cluster.Topics[r.Topic].Partitions[r.Partition]; ok {
		if b, ok := cluster.Brokers[p.Leader]; ok {
			return b, nil
		}
	}
	return protocol.Broker{}, &NoLeaderError{Topic: r.Topic, Partition: r.Partition}
}

// RawExchange implements protocol.RawExchanger. The message it returns is a
// *FetchAnswer.
func (r *FetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	r.scratch = r.encode(r.scratch)
	buf, err := exchange(rw, r.Pool, r.scratch, r.Correlation, r.MaxAnswer)
	if err != nil {
		return nil, err
	}
	answer, err := ParseFetch(r.Version, buf.Data[4:], r.Topic, r.TopicID, r.Partition)
	if err != nil {
		return nil, fmt.Errorf("reading the fetch answer for %s/%d: %w", r.Topic, r.Partition, err)
	}
	answer.Buffer = buf
	return answer, nil
}

func (r *FetchRequest) encode(b []byte) []byte {
	flexible := r.Version >= 12
	q := newRequest(b, protocol.Fetch, r.Version, r.Correlation, r.ClientID, flexible)
	q.int32(-1) // replica id: a consumer
	q.int32(int32(r.MaxWait.Milliseconds()))
	q.int32(r.MinBytes)
	q.int32(r.MaxBytes)
	q.int8(1)   // read committed
	q.int32(0)  // no fetch session
	q.int32(-1) // session epoch of a sessionless fetch
	if flexible {
		q.uvarint(2) // one topic
		q.b = append(q.b, r.TopicID[:]...)
		q.uvarint(2) // one partition
	} else {
		q.int32(1)
		q.string16(r.Topic)
		q.int32(1)
	}
	q.int32(r.Partition)
	q.int32(-1) // current leader epoch: any
	q.int64(r.Offset)
	if flexible {
		q.int32(-1) // last fetched epoch
	}
	q.int64(-1) // log start offset: a consumer has none
	q.int32(r.MaxBytes)
	if flexible {
		q.uvarint(0) // partition tags
		q.uvarint(0) // topic tags
		q.uvarint(1) // no forgotten topics
		q.compactString("")
		q.uvarint(0)
	} else {
		q.int32(0)
		q.string16("") // rack: always read from the leader
	}
	return q.finish()
}

// Aborted is a transaction that was aborted: what the producer wrote from
// FirstOffset to its next abort marker is not data.
type Aborted struct {
	ProducerID  int64
	FirstOffset int64
}

// FetchAnswer is what a broker says about one partition.
type FetchAnswer struct {
	Throttle   time.Duration
	TopError   int16 // error of the whole request; 0 is none
	Error      int16 // error of the partition; 0 is none
	HasData    bool  // the answer names the partition that was asked for
	HighWater  int64 // first offset that is not replicated yet
	LastStable int64 // first offset of the oldest open transaction
	LogStart   int64 // first offset that still exists
	Aborted    []Aborted
	Batches    []byte // record batches, the last one maybe cut off

	// Buffer holds Batches. The receiver of the answer releases it.
	Buffer *Buffer
}

// ApiKey implements protocol.Message.
func (*FetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ParseFetch reads the body of a fetch answer, which starts after the
// correlation id, for the one partition that was asked for. Batches aliases
// body.
func ParseFetch(version int16, body []byte, topic string, id TopicID, partition int32) (*FetchAnswer, error) {
	c := cursor{rest: body}
	flexible := version >= 12
	if flexible {
		c.tags()
	}
	a := &FetchAnswer{HighWater: -1, LastStable: -1, LogStart: -1}
	a.Throttle = time.Duration(c.int32()) * time.Millisecond
	a.TopError = c.int16()
	c.int32() // session id
	if flexible {
		a.readFlexible(&c, id, partition)
	} else {
		a.readClassic(&c, topic, partition)
	}
	if c.err != nil {
		return nil, c.err
	}
	return a, nil
}

func (a *FetchAnswer) readClassic(c *cursor, topic string, partition int32) {
	for topics := c.count(6); topics > 0 && c.err == nil; topics-- {
		name := c.string16()
		for parts := c.count(42); parts > 0 && c.err == nil; parts-- {
			p := readPartition(c, false)
			if name == topic && p.index == partition {
				a.keep(p)
			}
		}
	}
}

func (a *FetchAnswer) readFlexible(c *cursor, id TopicID, partition int32) {
	for topics := c.compactCount(18); topics > 0 && c.err == nil; topics-- {
		got := c.topicID()
		for parts := c.compactCount(37); parts > 0 && c.err == nil; parts-- {
			p := readPartition(c, true)
			if got == id && p.index == partition {
				a.keep(p)
			}
		}
		c.tags()
	}
	c.tags()
}

// partitionAnswer is one partition of a fetch answer.
type partitionAnswer struct {
	index                           int32
	err                             int16
	highWater, lastStable, logStart int64
	aborted                         []Aborted
	batches                         []byte
}

func readPartition(c *cursor, flexible bool) partitionAnswer {
	p := partitionAnswer{index: c.int32(), err: c.int16(), highWater: c.int64(), lastStable: c.int64(), logStart: c.int64()}
	n := 0
	if flexible {
		n = c.compactCount(17)
	} else {
		n = c.count(16)
	}
	for ; n > 0 && c.err == nil; n-- {
		p.aborted = append(p.aborted, Aborted{ProducerID: c.int64(), FirstOffset: c.int64()})
		if flexible {
			c.tags()
		}
	}
	c.int32() // preferred read replica
	if flexible {
		p.batches = c.compactBytes()
		c.tags()
	} else {
		p.batches = c.bytes32()
	}
	return p
}

func (a *FetchAnswer) keep(p partitionAnswer) {
	a.HasData = true
	a.Error = p.err
	a.HighWater, a.LastStable, a.LogStart = p.highWater, p.lastStable, p.logStart
	a.Aborted, a.Batches = p.aborted, p.batches
}
