package app

import (
	"github.com/cespare/xxhash/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// HeartbeatVersion is the value of the key "trespass" in a heartbeat.
const HeartbeatVersion = "heartbeat/1"

// Heartbeat decodes {"trespass":"heartbeat/1","time":"2026-11-23T01:55:57Z"}: the
// pipeline's own sign of life, which a quiet source sends so that the clock of its
// partition goes on. The zero Heartbeat is ready for use.
type Heartbeat struct {
	scan jsonscan.Scanner
}

// Decode gives a KindHeartbeat.
func (h *Heartbeat) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	*ev = detect.Event{Kind: detect.KindHeartbeat}
	s := &h.scan
	s.Reset(line, mem)
	known := false
	s.Enter(jsonscan.Object, "the line")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		switch string(key) {
		case "trespass":
			known = version(s, HeartbeatVersion)
		case "time":
			ev.Time = s.Time("time", decode.Millis)
		default:
			s.Skip()
		}
	}
	s.End()
	switch {
	case !s.OK():
	case !known:
		s.Fail(decode.BadVersion, `the key "trespass" is not there`)
	case ev.Time == 0:
		s.Fail(decode.Missing, "time")
	}
	if !s.OK() {
		*ev = detect.Event{}
		return s.Err("heartbeat")
	}
	ev.LineID = xxhash.Sum64(line)
	return nil
}
