package service

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"trespass.dev/trespass/detect"
)

// TestFailureIsOnRecord: what a rule could not judge is counted by the rule, its lines
// are to be stored in quarantine, and it is logged with the stack, not more than once a
// minute.
func TestFailureIsOnRecord(t *testing.T) {
	var log bytes.Buffer
	metrics := newMetrics(prometheus.NewRegistry(), Build{})
	task := &task{
		s:      &Service{o: Options{Log: zerolog.New(&log)}, metrics: metrics},
		rules:  marketRules(t),
		failed: map[string]time.Time{},
	}
	task.delivery.init()
	f := &detect.Failure{Rule: "foreign_read", Cause: "index out of range", Stack: "goroutine 1", Origins: []detect.Origin{
		{Source: "app", Partition: 1, Offset: 7}, {Source: "audit", Offset: 9},
	}}
	now := time.Now()
	for i := range 3 {
		task.fail(f, now.Add(time.Duration(i)*30*time.Second))
	}
	if n := value(t, metrics.ruleErrors.WithLabelValues("foreign_read")); n != 3 {
		t.Errorf("rule_errors_total is %v, want 3", n)
	}
	if n := value(t, metrics.refused.WithLabelValues("judging_failed")); n != 6 {
		t.Errorf("events_quarantined_total is %v, want 6", n)
	}
	rows := task.delivery.pending.Quarantined
	if len(rows) != 6 || rows[0].Origin.String() != "app/1@7" || rows[0].Reason != "judging_failed" || rows[0].Detail != "foreign_read failed: index out of range" {
		t.Errorf("quarantined: %+v", rows)
	}
	if n := strings.Count(log.String(), "could not be judged"); n != 2 || !strings.Contains(log.String(), "goroutine 1") || !strings.Contains(log.String(), "app/1@7") {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}
