package service

import (
	"fmt"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

// A topic that was deleted and made again holds other records under the same
// offsets. While it is read, the source notices by the topic's id. Between two runs the
// id is remembered in the metadata of the commits: of the topic's own, which some
// brokers keep, and of the other topics', because Apache Kafka drops the commits of a
// topic with the topic.

// topicIDs are the ids of the topics that a generation reads, where the brokers tell.
func topicIDs(parts []kafka.Partition) map[string]string {
	ids := map[string]string{}
	for _, p := range parts {
		if !p.TopicID.IsZero() {
			ids[p.Topic] = p.TopicID.String()
		}
	}
	return ids
}

// formerIDs are the ids that the topics had when their offsets were committed. What a
// topic's own commit says counts first: the commits of others may be older.
func formerIDs(parts []kafka.Partition) map[string]string {
	own, others := map[string]string{}, map[string]string{}
	for _, p := range parts {
		m, _ := parseMetadata(p.Metadata)
		for topic, id := range m.Topics {
			if topic == p.Topic {
				own[topic] = id
			} else {
				others[topic] = id
			}
		}
	}
	for topic, id := range own {
		others[topic] = id
	}
	return others
}

// recreated says whether a partition's topic is another one than was read before, and
// which that was.
func (t *task) recreated(p kafka.Partition) (former string, is bool) {
	now, former := t.ids[p.Topic], t.former[p.Topic]
	return former, now != "" && former != "" && now != former
}

// restart takes a partition of a topic that was made again as one that nobody has read:
// from its beginning, with what was lost of the former one on record.
func (t *task) restart(p *part, former string) {
	t.group.Forget(p.Topic, p.Partition.Partition)
	t.renew = true
	detail := fmt.Sprintf("topic %s was deleted and made again while nobody read it (id %s, before %s): the new one is read from its beginning, "+
		"and what the old one still held from offset %d on is lost", p.Topic, t.ids[p.Topic], former, p.Committed)
	if p.Committed < 0 {
		detail = fmt.Sprintf("topic %s was deleted and made again while nobody read it (id %s, before %s), and its offsets are gone: the new one is read from its "+
			"beginning, and what the old one still held unread is lost", p.Topic, t.ids[p.Topic], former)
	}
	t.s.o.Log.Error().Str("topic", p.Topic).Int32("partition", p.Partition.Partition).Int64("committed", p.Committed).Msg(detail)
	t.s.metrics.quarantined(reasonRecreated)
	t.add(func(b *contract.Batch) {
		b.Quarantined = append(b.Quarantined, contract.Quarantined{
			Origin: detect.Origin{Source: p.Topic, Partition: p.Partition.Partition, Offset: max(p.Committed, 0)},
			Reason: reasonRecreated, Detail: detail,
		})
	})
	p.Committed = -1
}
