package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trespass.dev/trespass/ingest/kafka/wire"
	"trespass.dev/trespass/ingest/kafka/wire/wiretest"
)

// connection is a broker that answers one request. kmsg, the other Kafka
// library, reads what is written here and writes what is read here.
type connection struct {
	request []byte
	answer  io.Reader
}

func (c *connection) Write(b []byte) (int, error) {
	c.request = append(c.request, b...)
	return len(b), nil
}
func (c *connection) Read(b []byte) (int, error) { return c.answer.Read(b) }

// answering is a connection that sends body behind size, correlation id and,
// for flexible versions, empty tags.
func answering(correlation int32, flexible bool, body []byte) *connection {
	head := binary.BigEndian.AppendUint32(nil, uint32(correlation))
	if flexible {
		head = append(head, 0)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(head)+len(body)))
	return &connection{answer: bytes.NewReader(append(append(b, head...), body...))}
}

// body takes the header off a request and checks it.
func (c *connection) body(t *testing.T, key, version int16, flexible bool) []byte {
	t.Helper()
	b := c.request
	if int(binary.BigEndian.Uint32(b))+4 != len(b) {
		t.Fatalf("the request says %d bytes and has %d", binary.BigEndian.Uint32(b), len(b)-4)
	}
	want := binary.BigEndian.AppendUint16(nil, uint16(key))
	want = binary.BigEndian.AppendUint16(want, uint16(version))
	want = append(want, "\x00\x00\x00\x07\x00\x06client"...)
	if flexible {
		want = append(want, 0)
	}
	if !bytes.HasPrefix(b[4:], want) {
		t.Fatalf("the header is %x, want %x", b[4:4+len(want)], want)
	}
	return b[4+len(want):]
}

var id = wire.TopicID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func fetchRequest(version int16) *wire.FetchRequest {
	return &wire.FetchRequest{Version: version, ClientID: "client", Correlation: 7, Topic: "app", TopicID: id, Partition: 3,
		Offset: 1234567890123, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 500 * time.Millisecond, MaxAnswer: 1 << 20, Pool: &wire.Pool{}}
}

// fetchAnswer is what a broker says about app/3, with a stranger before it.
func fetchAnswer(version int16, batches []byte) []byte {
	a := kmsg.NewFetchResponse()
	a.Version, a.ThrottleMillis = version, 20
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic, topic.TopicID = "app", id
	other := kmsg.NewFetchResponseTopicPartition()
	other.Partition, other.ErrorCode, other.RecordBatches = 2, 6, []byte("not ours")
	ours := kmsg.NewFetchResponseTopicPartition()
	ours.Partition, ours.HighWatermark, ours.LastStableOffset, ours.LogStartOffset = 3, 100, 90, 10
	ours.RecordBatches = batches
	for _, o := range []int64{5, 8} {
		tx := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		tx.ProducerID, tx.FirstOffset = 77, o
		ours.AbortedTransactions = append(ours.AbortedTransactions, tx)
	}
	topic.Partitions = append(topic.Partitions, other, ours)
	a.Topics = append(a.Topics, topic)
	return a.AppendTo(nil)
}

func TestFetchBothVersions(t *testing.T) {
	batches := wiretest.Batch{Base: 10, Records: wiretest.Values("a")}.Bytes()
	for _, version := range []int16{wire.FetchByName, wire.FetchByID} {
		flexible := version >= 12
		conn := answering(7, flexible, fetchAnswer(version, batches))
		message, err := fetchRequest(version).RawExchange(conn)
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}

		var q kmsg.FetchRequest
		q.Version = version
		if err := q.ReadFrom(conn.body(t, 1, version, flexible)); err != nil {
			t.Fatalf("version %d: kmsg cannot read the request: %v", version, err)
		}
		want := kmsg.NewFetchRequest()
		want.Version, want.MaxWaitMillis, want.MinBytes, want.MaxBytes, want.IsolationLevel = version, 500, 1, 4<<20, 1
		topic := kmsg.NewFetchRequestTopic()
		if flexible {
			topic.TopicID = id
		} else {
			topic.Topic = "app"
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LogStartOffset = 3, 1234567890123, 4<<20, -1
		topic.Partitions = append(topic.Partitions, p)
		want.Topics = append(want.Topics, topic)
		if got, want := q.AppendTo(nil), want.AppendTo(nil); !bytes.Equal(got, want) || q.SessionEpoch != -1 {
			t.Errorf("version %d: request\n%x, want\n%x, session epoch %d", version, got, want, q.SessionEpoch)
		}

		a := message.(*wire.FetchAnswer)
		if !a.HasData || a.Error != 0 || a.HighWater != 100 || a.LastStable != 90 || a.LogStart != 10 ||
			a.Throttle != 20*time.Millisecond || !bytes.Equal(a.Batches, batches) ||
			!slices.Equal(a.Aborted, []wire.Aborted{{ProducerID: 77, FirstOffset: 5}, {ProducerID: 77, FirstOffset: 8}}) {
			t.Errorf("version %d: answer %+v", version, a)
		}
		a.Buffer.Release()
	}
}

func TestFetchAnswerCutAtEveryByte(t *testing.T) {
	for _, version := range []int16{wire.FetchByName, wire.FetchByID} {
		body := fetchAnswer(version, []byte("batches"))
		if version >= 12 {
			body = append([]byte{0}, body...)
		}
		if _, err := wire.ParseFetch(version, body, "app", id, 3); err != nil {
			t.Fatalf("version %d, whole: %v", version, err)
		}
		for n := range body {
			if _, err := wire.ParseFetch(version, body[:n], "app", id, 3); err == nil {
				t.Errorf("version %d cut to %d of %d bytes: no error", version, n, len(body))
			}
		}
	}
}

func TestMetadata(t *testing.T) {
	a := kmsg.NewMetadataResponse()
	a.Version = wire.MetadataVersion
	for _, broker := range []int32{1, 2} {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port, b.Rack = broker, "host", 9092, kmsg.StringPtr("rack")
		a.Brokers = append(a.Brokers, b)
	}
	topic := kmsg.NewMetadataResponseTopic()
	topic.Topic, topic.TopicID = kmsg.StringPtr("app"), id
	for _, n := range []int32{0, 1, 2} {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Replicas, p.ISR, p.OfflineReplicas = n, []int32{1, 2}, []int32{1}, []int32{2}
		topic.Partitions = append(topic.Partitions, p)
	}
	missing := kmsg.NewMetadataResponseTopic()
	missing.Topic, missing.ErrorCode = kmsg.StringPtr("audit"), 3
	a.Topics = append(a.Topics, topic, missing)
	a.ClusterID = kmsg.StringPtr("cluster")
	body := a.AppendTo(nil)

	conn := answering(7, true, body)
	message, err := (&wire.MetadataRequest{ClientID: "client", Correlation: 7, Topics: []string{"app", "audit"}, Pool: &wire.Pool{}}).RawExchange(conn)
	if err != nil {
		t.Fatal(err)
	}
	want := &wire.MetadataAnswer{Brokers: []int32{1, 2}, Topics: []wire.TopicMetadata{
		{Name: "app", ID: id, Partitions: []int32{0, 1, 2}}, {Name: "audit", Error: 3}}}
	if !reflect.DeepEqual(message, want) {
		t.Errorf("answer %+v, want %+v", message, want)
	}
	var q kmsg.MetadataRequest
	q.Version = wire.MetadataVersion
	if err := q.ReadFrom(conn.body(t, 3, wire.MetadataVersion, true)); err != nil {
		t.Fatalf("kmsg cannot read the request: %v", err)
	}
	if q.AllowAutoTopicCreation || len(q.Topics) != 2 || *q.Topics[0].Topic != "app" || *q.Topics[1].Topic != "audit" {
		t.Errorf("request %+v", q)
	}
	body = append([]byte{0}, body...)
	for n := range body {
		if _, err := wire.ParseMetadata(body[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", n, len(body))
		}
	}
}

func TestVersions(t *testing.T) {
	a := kmsg.NewApiVersionsResponse()
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = 1, 4, 12
	a.ApiKeys = append(a.ApiKeys, k)
	conn := answering(7, false, a.AppendTo(nil))
	message, err := (&wire.VersionsRequest{ClientID: "client", Correlation: 7, BrokerID: -1, Pool: &wire.Pool{}}).RawExchange(conn)
	if err != nil {
		t.Fatal(err)
	}
	if rest := conn.body(t, 18, 0, false); len(rest) != 0 {
		t.Errorf("the request has a body: %x", rest)
	}
	got := message.(*wire.VersionsAnswer)
	for version, want := range map[int16]bool{3: false, 4: true, 11: true, 12: true, 13: false} {
		if got.Offers(protocol.Fetch, version) != want {
			t.Errorf("version %d offered: %v, want %v", version, !want, want)
		}
	}
	if got.Offers(protocol.Metadata, 4) {
		t.Error("a message that is not listed is offered")
	}
}

func TestExchangeRefusesWhatIsNotAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		bytes string
		want  func(error) bool
	}{
		"nothing":          {"", func(err error) bool { return errors.Is(err, io.EOF) }},
		"half a size":      {"\x00\x00", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"a negative size":  {"\xff\xff\xff\xff", func(err error) bool { return err != nil }},
		"a size of three":  {"\x00\x00\x00\x03abc", func(err error) bool { return err != nil }},
		"an HTTP answer":   {"HTTP/1.1 400 Bad Request\r\n", func(err error) bool { return asTooLarge(err) }},
		"half a body":      {"\x00\x00\x00\x20\x00\x00\x00\x07", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"another's answer": {"\x00\x00\x00\x04\x00\x00\x00\x08", func(err error) bool { return err != nil }},
		"an empty body":    {"\x00\x00\x00\x04\x00\x00\x00\x07", func(err error) bool { return err != nil }},
	} {
		answer, err := fetchRequest(wire.FetchByID).RawExchange(&connection{answer: bytes.NewReader([]byte(test.bytes))})
		if answer != nil || !test.want(err) {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
}

func asTooLarge(err error) bool {
	var large *wire.TooLargeError
	return errors.As(err, &large)
}

func TestFetchGoesToTheLeader(t *testing.T) {
	r := fetchRequest(wire.FetchByID)
	cluster := protocol.Cluster{
		Brokers: map[int32]protocol.Broker{5: {ID: 5, Host: "five"}},
		Topics:  map[string]protocol.Topic{"app": {Partitions: map[int32]protocol.Partition{3: {Leader: 5}, 4: {Leader: 6}}}},
	}
	if b, err := r.Broker(cluster); err != nil || b.ID != 5 {
		t.Errorf("broker %+v, %v; want 5", b, err)
	}
	for _, p := range []int32{4, 9} { // a leader that is not alive, a partition that is not there
		r.Partition = p
		var none *wire.NoLeaderError
		if _, err := r.Broker(cluster); !errors.As(err, &none) {
			t.Errorf("partition %d: %v, want NoLeaderError", p, err)
		}
	}
}

func TestBuffersAreLentAgain(t *testing.T) {
	var pool wire.Pool
	b := pool.Get(5000)
	if len(b.Data) != 0 || cap(b.Data) < 5000 {
		t.Fatalf("length %d, capacity %d", len(b.Data), cap(b.Data))
	}
	b.Retain()
	b.Release()
	b.Data = append(b.Data, "still ours"...)
	if string(b.Data) != "still ours" {
		t.Fatal("the buffer was taken back with a user left")
	}
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("releasing once too often went unnoticed")
		}
	}()
	b.Release()
}
