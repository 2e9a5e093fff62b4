package main

import (
	"errors"
	"strings"
	"testing"

	"trespass.dev/trespass/cmd/trespass/report"
	"trespass.dev/trespass/detect"
)

// TestScanTellsOfAFailingRule: a scan whose rule panics ends as one that could not
// finish, whatever it found, and names the rule once.
func TestScanTellsOfAFailingRule(t *testing.T) {
	floor := detect.Info
	s := &scan{report: report.New(), floor: &floor}
	f := &detect.Failure{Rule: "foreign_read", Cause: "index out of range", Stack: "goroutine 1", Origins: []detect.Origin{{Source: "app.ndjson", Partition: -1, Offset: 7}}}
	s.failure(f)
	s.failure(f)
	err := s.verdict()
	var e *exitError
	if err == nil || errors.As(err, &e) || exitCode(err, new(strings.Builder)) != exitFailed {
		t.Fatalf("verdict: %v", err)
	}
	if n := strings.Count(err.Error(), "foreign_read failed"); n != 1 || !strings.Contains(err.Error(), "app.ndjson:7") {
		t.Errorf("told %d times: %v", n, err)
	}
}
