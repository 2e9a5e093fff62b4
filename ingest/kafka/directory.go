package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// directory looks topics up without ever creating them. It asks the brokers
// themselves: kafka-go's cached metadata makes a denied topic look missing and
// does not know topic ids.
type directory struct {
	conns       *connections
	cfg         Config
	pool        *wire.Pool
	correlation atomic.Int32
}

// view is what the brokers said at one moment.
type view struct {
	topics       map[string]wire.TopicMetadata
	fetchVersion int16
}

// topicMissing and topicDenied are the answers that need an operator.
type topicMissing struct{ topic, brokers string }

func (e *topicMissing) Error() string {
	return fmt.Sprintf("topic %s does not exist; create it, for instance with: "+
		"kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 2", e.topic, e.brokers, e.topic)
}

type topicDenied struct{ topic, user string }

func (e *topicDenied) Error() string {
	return fmt.Sprintf("topic %s is denied, or does not exist and this user may not know; grant READ on it%s", e.topic, e.user)
}

// look asks the brokers about the configured topics. Topics that do not exist
// are part of the view; see problem.
func (d *directory) look(ctx context.Context) (view, error) {
	versions, err := d.versions(ctx, -1)
	if err != nil {
		return view{}, fmt.Errorf("asking the brokers for their versions: %w", err)
	}
	if !versions.Offers(protocol.Metadata, wire.MetadataVersion) {
		return d.lookWithoutIDs(ctx, versions)
	}
	message, err := d.ask(ctx, &wire.MetadataRequest{
		ClientID: d.cfg.ClientID, Correlation: d.correlation.Add(1), Topics: d.cfg.Topics, Pool: d.pool,
	})
	if err != nil {
		return view{}, fmt.Errorf("looking topics up: %w", err)
	}
	answer, ok := message.(*wire.MetadataAnswer)
	if !ok {
		return view{}, fmt.Errorf("looking topics up: unexpected answer %T", message)
	}
	v := view{topics: map[string]wire.TopicMetadata{}}
	for _, t := range answer.Topics {
		slices.Sort(t.Partitions)
		v.topics[t.Name] = t
	}
	v.fetchVersion, err = d.commonFetchVersion(ctx, answer.Brokers)
	return v, err
}

// commonFetchVersion finds the version that all brokers in reach offer; they
// differ while a cluster is being upgraded.
func (d *directory) commonFetchVersion(ctx context.Context, brokers []int32) (int16, error) {
	byID, asked := true, 0
	var failed error
	for _, id := range brokers {
		versions, err := d.versions(ctx, id)
		if err != nil {
			failed = err
			continue
		}
		asked++
		switch {
		case versions.Offers(protocol.Fetch, wire.FetchByID):
		case versions.Offers(protocol.Fetch, wire.FetchByName):
			byID = false
		default:
			return 0, fmt.Errorf("broker %d offers neither Fetch %d nor %d; Trespass needs Kafka 2.3 or later",
				id, wire.FetchByName, wire.FetchByID)
		}
	}
	switch {
	case asked == 0 && failed == nil:
		return 0, errors.New("the cluster names no living broker")
	case asked == 0:
		return 0, fmt.Errorf("asking the brokers for their versions: %w", failed)
	case byID:
		return wire.FetchByID, nil
	default:
		return wire.FetchByName, nil
	}
}

// lookWithoutIDs serves brokers older than Kafka 3.0.
func (d *directory) lookWithoutIDs(ctx context.Context, versions *wire.VersionsAnswer) (view, error) {
	if !versions.Offers(protocol.Fetch, wire.FetchByName) {
		return view{}, fmt.Errorf("the broker does not offer Fetch %d; Trespass needs Kafka 2.3 or later", wire.FetchByName)
	}
	answer, err := d.conns.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: d.cfg.Topics})
	if err != nil {
		return view{}, fmt.Errorf("looking topics up: %w", err)
	}
	v := view{topics: map[string]wire.TopicMetadata{}, fetchVersion: wire.FetchByName}
	for _, t := range answer.Topics {
		topic := wire.TopicMetadata{Name: t.Name}
		var code kafkago.Error
		if errors.As(t.Error, &code) {
			topic.Error = int16(code)
		}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, int32(p.ID))
		}
		slices.Sort(topic.Partitions)
		v.topics[t.Name] = topic
	}
	return v, nil
}

func (d *directory) versions(ctx context.Context, broker int32) (*wire.VersionsAnswer, error) {
	message, err := d.ask(ctx, &wire.VersionsRequest{
		ClientID: d.cfg.ClientID, Correlation: d.correlation.Add(1), BrokerID: broker, Pool: d.pool,
	})
	if err != nil {
		return nil, err
	}
	answer, ok := message.(*wire.VersionsAnswer)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", message)
	}
	if answer.Error != 0 {
		return nil, kafkago.Error(answer.Error)
	}
	return answer, nil
}

func (d *directory) ask(ctx context.Context, m protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.RequestTimeout)
	defer cancel()
	return d.conns.transport.RoundTrip(ctx, d.conns.addr, m)
}

// problem returns what keeps the topics of a view from being read, or nil.
func (d *directory) problem(v view) error {
	for _, name := range d.cfg.Topics {
		t, ok := v.topics[name]
		code := kafkago.Error(t.Error)
		switch {
		case !ok || code == kafkago.UnknownTopicOrPartition:
			return &topicMissing{topic: name, brokers: strings.Join(d.cfg.Brokers, ",")}
		case code == kafkago.TopicAuthorizationFailed:
			denied := &topicDenied{topic: name}
			if d.cfg.SASL != nil {
				denied.user = " to user " + d.cfg.SASL.User
			}
			return denied
		case code != 0 && code != kafkago.LeaderNotAvailable:
			return fmt.Errorf("topic %s: %s", name, describe(code))
		case len(t.Partitions) == 0:
			return fmt.Errorf("topic %s is being created: it has no partitions yet", name)
		}
	}
	return nil
}

// offsets asks for the committed offsets and the first and last offsets of
// partitions, and fills them in.
func (d *directory) offsets(ctx context.Context, parts []Partition) error {
	topics := map[string][]int{}
	for _, p := range parts {
		topics[p.Topic] = append(topics[p.Topic], int(p.Partition))
	}
	answer, err := d.conns.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: d.cfg.Group, Topics: topics})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return fmt.Errorf("asking for the committed offsets of group %s: %w", d.cfg.Group, err)
	}
	committed := map[partitionID]kafkago.OffsetFetchPartition{}
	for topic, list := range answer.Topics {
		for _, p := range list {
			if p.Error != nil {
				return fmt.Errorf("asking for the committed offset of %s/%d: %w", topic, p.Partition, p.Error)
			}
			committed[partitionID{topic, int32(p.Partition)}] = p
		}
	}
	for i := range parts {
		p := &parts[i]
		c, ok := committed[partitionID{p.Topic, p.Partition}]
		if !ok {
			return fmt.Errorf("the answer lacks the committed offset of %s", p)
		}
		p.Committed, p.Metadata = max(c.CommittedOffset, -1), c.Metadata
	}
	return d.bounds(ctx, parts)
}

// bounds asks for the first and the last offset of partitions and fills them
// in. The last is the high watermark, whatever transactions are open.
func (d *directory) bounds(ctx context.Context, parts []Partition) error {
	topics := map[string][]kafkago.OffsetRequest{}
	for _, p := range parts {
		topics[p.Topic] = append(topics[p.Topic],
			kafkago.FirstOffsetOf(int(p.Partition)), kafkago.LastOffsetOf(int(p.Partition)))
	}
	answer, err := d.conns.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("asking for the first and last offsets: %w", err)
	}
	for i := range parts {
		p := &parts[i]
		found := false
		for _, o := range answer.Topics[p.Topic] {
			if int32(o.Partition) != p.Partition {
				continue
			}
			if o.Error != nil {
				return fmt.Errorf("asking for the first and last offsets of %s: %w", p, o.Error)
			}
			if o.FirstOffset < 0 || o.LastOffset < o.FirstOffset {
				return fmt.Errorf("%s: impossible offsets, first %d and last %d", p, o.FirstOffset, o.LastOffset)
			}
			p.LogStart, p.LogEnd, found = o.FirstOffset, o.LastOffset, true
		}
		if !found {
			return fmt.Errorf("the answer lacks the first and last offsets of %s", p)
		}
	}
	return nil
}
