package service

import (
	"encoding/json"

	"trespass.dev/trespass/detect"
)

// metadata goes with each committed offset, so that the next owner decides what
// this one would have decided. The offset itself is where reading begins.
type metadata struct {
	Version   int    `json:"v"`
	EmitFrom  int64  `json:"c"` // records before it are looked up and decide nothing again
	Watermark int64  `json:"m"` // greatest event time before the offset, nanoseconds
	Policy    string `json:"p"`
}

func formatMetadata(p detect.Progress, policy string) string {
	if len(policy) > 64 {
		policy = policy[:64]
	}
	text, err := json.Marshal(metadata{Version: 1, EmitFrom: p.EmitFrom, Watermark: p.Watermark, Policy: policy})
	if err != nil {
		return ""
	}
	return string(text)
}

// parseMetadata tells whether the text is ours. Offsets that were set by hand
// have none, and then decisions near the start say so.
func parseMetadata(text string) (metadata, bool) {
	var m metadata
	if len(text) > 4096 || json.Unmarshal([]byte(text), &m) != nil || m.Version != 1 || m.EmitFrom < 0 || m.Watermark < 0 {
		return metadata{}, false
	}
	return m, true
}
