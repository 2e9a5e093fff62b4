package service

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"trespass.dev/trespass/sink/clickhouse"
)

// sinkTrouble is how long the sink may fail before the service calls itself not
// ready.
const sinkTrouble = 15 * time.Second

const sinkWell = "takes rows"

// Trouble hears of the sink's troubles before there is a service, and keeps its
// metrics. It implements contract.Trouble.
type Trouble struct {
	metrics *metrics
	log     zerolog.Logger

	mu     sync.Mutex
	err    string
	since  time.Time
	logged time.Time
	reload error // why the last reload was refused
}

// NewTrouble registers the service's metrics.
func NewTrouble(reg prometheus.Registerer, log zerolog.Logger, build Build) *Trouble {
	return &Trouble{metrics: newMetrics(reg, build), log: log}
}

// Retrying implements contract.Trouble. The same trouble is logged once a minute.
func (t *Trouble) Retrying(err error, since time.Time) {
	t.metrics.insertTries.WithLabelValues("error").Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	text := clickhouse.Brief(err)
	if t.err == "" || time.Since(t.logged) > time.Minute {
		t.log.Warn().Str("error", text).Time("since", since).Msg("the sink does not take rows; input waits and nothing is lost")
		t.logged = time.Now()
	}
	t.err, t.since = text, since
}

// Recovered implements contract.Trouble.
func (t *Trouble) Recovered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log.Info().Dur("after", time.Since(t.since)).Msg("the sink takes rows again")
	t.err = ""
}

// Inserted implements contract.Trouble.
func (t *Trouble) Inserted(table string, rows int, took time.Duration) {
	t.metrics.insertTries.WithLabelValues("ok").Inc()
	t.metrics.inserted.WithLabelValues(table).Add(float64(rows))
	t.metrics.stage(stageWrite, took)
	t.metrics.lastInsert.SetToCurrentTime()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = ""
}

// Refused implements contract.Trouble.
func (t *Trouble) Refused(table, reason string) {
	t.metrics.rowsRefused.WithLabelValues(table).Inc()
	t.log.Error().Str("table", table).Str("reason", reason).Msg("a row can never fit its table; it is in quarantine")
}

// Sink says how the sink is. A short trouble does not make it unready.
func (t *Trouble) Sink() (ready bool, reason string) {
	why, failing := t.Failing()
	if !failing {
		return true, sinkWell
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.since) < sinkTrouble, why
}

// Failing says whether the last write, or the last try to connect, failed, and why.
func (t *Trouble) Failing() (why string, failing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == "" {
		return "", false
	}
	return "retrying since " + t.since.UTC().Format(time.RFC3339) + ": " + t.err, true
}

// Reloaded records the outcome of a reload of the policy.
func (t *Trouble) Reloaded(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reload = err
	if err != nil {
		t.metrics.reloadOK.Set(0)
		return
	}
	t.metrics.reloadOK.Set(1)
	t.metrics.reloadAt.SetToCurrentTime()
}

// policy says which policy is in force. One that was refused does not make the
// service unready: the old one does its work.
func (t *Trouble) policy() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reload != nil {
		return "in force, but the last reload was refused; see the log"
	}
	return "in force"
}
