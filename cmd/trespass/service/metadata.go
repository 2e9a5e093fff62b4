package service

import (
	"encoding/json"

	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest/kafka"
)

// metadata goes with each committed offset, so that the next owner decides what
// this one would have decided. The offset itself is where reading begins.
type metadata struct {
	Version   int    `json:"v"`
	EmitFrom  int64  `json:"c"` // records before it are looked up and decide nothing again
	Watermark int64  `json:"m"` // greatest event time before the offset, nanoseconds
	Policy    string `json:"p"`
	// Topics are the ids of all topics that are read, not of this one alone: Kafka
	// forgets the commits of a topic that is deleted, and their metadata with them.
	Topics map[string]string `json:"t,omitempty"`
}

func formatMetadata(p join.Progress, policy, topic string, ids map[string]string) string {
	if len(policy) > 64 {
		policy = policy[:64]
	}
	m := metadata{Version: 1, EmitFrom: p.EmitFrom, Watermark: p.Watermark, Policy: policy, Topics: ids}
	text, err := json.Marshal(m)
	if len(text) > kafka.MaxMetadata { // so many topics that each can only tell its own
		m.Topics = map[string]string{topic: ids[topic]}
		text, err = json.Marshal(m)
	}
	if err != nil {
		return ""
	}
	return string(text)
}

// parseMetadata tells whether the text is ours. Offsets that were set by hand
// have none, and then decisions near the start say so.
func parseMetadata(text string) (metadata, bool) {
	var m metadata
	if len(text) > kafka.MaxMetadata || json.Unmarshal([]byte(text), &m) != nil || m.Version != 1 || m.EmitFrom < 0 || m.Watermark < 0 {
		return metadata{}, false
	}
	return m, true
}
