package kafkatest

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteRecords deletes what stands before an offset of a partition.
func (b *Broker) DeleteRecords(t testing.TB, topic string, partition int32, before int64) {
	t.Helper()
	client := b.franz(t)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = partition, before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	answer, err := req.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatalf("deleting records of %s/%d: %v", topic, partition, err)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatalf("deleting records of %s/%d: %v", topic, partition, err)
	}
}

// Transaction writes values to one partition in one transaction and commits or
// aborts it.
func (b *Broker) Transaction(t testing.TB, topic string, partition int32, commit bool, values ...string) {
	t.Helper()
	client := b.franz(t, kgo.TransactionalID("tx-"+topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionTimeout(20*time.Second))
	if err := client.BeginTransaction(); err != nil {
		t.Fatalf("beginning a transaction: %v", err)
	}
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatalf("writing in a transaction: %v", err)
		}
	}
	if err := client.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatalf("ending the transaction: %v", err)
	}
}

func (b *Broker) franz(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Addresses...))...)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// Expel removes a member from its group, as the coordinator does with a member
// that was silent for too long.
func (b *Broker) Expel(t testing.TB, group, member string) {
	t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = group, member
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	req.Members = append(req.Members, m)
	answer, err := req.RequestWith(t.Context(), b.franz(t))
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	if err == nil && len(answer.Members) > 0 {
		err = kerr.ErrorForCode(answer.Members[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("expelling %s from group %s: %v", member, group, err)
	}
}
