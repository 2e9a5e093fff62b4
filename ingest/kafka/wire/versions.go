package wire

import (
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// VersionsRequest asks one broker which versions of each message it offers. It
// must not be used again after an error.
type VersionsRequest struct {
	ClientID    string
	Correlation int32
	BrokerID    int32 // -1 asks any broker
	Pool        *Pool
}

var (
	_ protocol.RawExchanger  = (*VersionsRequest)(nil)
	_ protocol.BrokerMessage = (*VersionsRequest)(nil)
)

// ApiKey implements protocol.Message.
func (*VersionsRequest) ApiKey() protocol.ApiKey { return protocol.ApiVersions }

// Required implements protocol.RawExchanger.
func (*VersionsRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// Broker implements protocol.BrokerMessage.
func (r *VersionsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	if r.BrokerID < 0 {
		return protocol.Broker{ID: -1}, nil
	}
	b, ok := cluster.Brokers[r.BrokerID]
	if !ok {
		return protocol.Broker{}, fmt.Errorf("broker %d is not in the cluster's metadata", r.BrokerID)
	}
	return b, nil
}

// RawExchange implements protocol.RawExchanger. The message it returns is a
// *VersionsAnswer.
func (r *VersionsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	q := newRequest(nil, protocol.ApiVersions, 0, r.Correlation, r.ClientID, false)
	buf, err := exchange(rw, r.Pool, q.finish(), r.Correlation, smallAnswer)
	if err != nil {
		return nil, err
	}
	answer, err := ParseVersions(buf.Data[4:])
	if err != nil {
		return nil, fmt.Errorf("reading the list of versions: %w", err)
	}
	buf.Release() // the answer holds copies only
	return answer, nil
}

// VersionsAnswer lists what a broker offers.
type VersionsAnswer struct {
	Error  int16
	ranges map[int16][2]int16
}

// ApiKey implements protocol.Message.
func (*VersionsAnswer) ApiKey() protocol.ApiKey { return protocol.ApiVersions }

// Offers reports whether the broker speaks this version of a message.
func (a *VersionsAnswer) Offers(key protocol.ApiKey, version int16) bool {
	r, ok := a.ranges[int16(key)]
	return ok && r[0] <= version && version <= r[1]
}

// ParseVersions reads the body of an ApiVersions answer of version 0, which
// starts after the correlation id.
func ParseVersions(body []byte) (*VersionsAnswer, error) {
	c := cursor{rest: body}
	a := &VersionsAnswer{Error: c.int16(), ranges: map[int16][2]int16{}}
	for n := c.count(6); n > 0 && c.err == nil; n-- {
		key := c.int16()
		a.ranges[key] = [2]int16{c.int16(), c.int16()}
	}
	if c.err != nil {
		return nil, c.err
	}
	return a, nil
}
