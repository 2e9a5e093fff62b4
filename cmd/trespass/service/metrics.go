package service

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/detect/query"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink/contract"
)

// metrics are all that the service counts. Labels come from closed lists, never
// from what a log line says. Every series that can be known beforehand exists at
// zero from the start: a counter that is born at one does not fire an alert.
type metrics struct {
	refused     *prometheus.CounterVec
	undecided   *prometheus.CounterVec
	events      *prometheus.CounterVec
	reads       *prometheus.CounterVec
	findings    *prometheus.CounterVec
	inserted    *prometheus.CounterVec
	insertTries *prometheus.CounterVec
	rowsRefused *prometheus.CounterVec
	gaps        *prometheus.CounterVec
	state       *prometheus.GaugeVec
	evictions   *prometheus.CounterVec
	late        prometheus.Counter
	duplicates  prometheus.Counter
	accesses    prometheus.Counter
	processed   *prometheus.CounterVec
	ruleErrors  *prometheus.CounterVec
	skipped     *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	clamped     prometheus.Counter
	lastEvent   *prometheus.GaugeVec
	lastBeat    *prometheus.GaugeVec
	factsAt     prometheus.Gauge
	lastInsert  prometheus.Gauge
	latency     prometheus.Histogram
	stages      *prometheus.HistogramVec
	loaded      prometheus.Gauge
	reloadOK    prometheus.Gauge
	reloadAt    prometheus.Gauge

	verdicts map[detect.Verdict]prometheus.Counter
	counted  graded
}

// kindNames are the values of the label kind.
var kindNames = map[detect.Kind]string{
	detect.KindNone: "none", detect.KindRequest: "request", detect.KindStatement: "statement",
	detect.KindFact: "fact", detect.KindHeartbeat: "heartbeat",
}

// newMetrics registers all metrics of the service.
func newMetrics(reg prometheus.Registerer, build Build) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "trespass", Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "trespass", Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "trespass", Name: name, Help: help}, labels)
		reg.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{
			Namespace: "trespass", Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}
	}
	m := &metrics{
		events:      counter("events_received_total", "Log lines decoded, by topic and kind of event.", "source", "kind"),
		processed:   counter("events_processed_total", "Log lines taken in for judging, by topic. Those received and not yet processed wait in memory.", "source"),
		refused:     counter("events_quarantined_total", "Records that could not be decoded, by reason. They are stored in the table quarantine.", "reason"),
		undecided:   counter("events_undecided_total", "Events that were read and could not be judged, by reason. A coverage gap.", "reason"),
		reads:       counter("reads_total", "Records that came back and got a verdict, by verdict.", "verdict"),
		findings:    counter("findings_total", "Findings, by rule and severity. A finding counts again when a revision changes its severity.", "rule", "severity"),
		inserted:    counter("rows_inserted_total", "Rows that the sink has acknowledged.", "table"),
		insertTries: counter("insert_batches_total", "Writes to the sink.", "result"),
		rowsRefused: counter("rows_refused_total", "Rows that can never fit their table. They are stored in the table quarantine.", "table"),
		gaps:        counter("data_gap_records_total", "Records that Kafka deleted before they were read."),
		state:       gauges("state_entries", "What is held in memory, by kind.", "kind"),
		skipped:     counter("statements_not_judged_total", "Statements that are no read of a client, by reason.", "reason"),
		dropped:     counter("events_dropped_total", "Records passed over on purpose, by topic and reason: empty are null, blank, or silent and without a time.", "source", "reason"),
		ruleErrors:  counter("rule_errors_total", "Failures of a rule, or of the verdicts of a whole access, for a bug of Trespass. The lines are in the table quarantine.", "rule"),
		evictions:   counter("state_evictions_total", "What was let go because memory was full, by kind: lines decided before their partner could come, accesses that late facts can no longer change, responses in shared caches that a later hit can no longer be judged by. Each is a possible miss.", "kind"),
		lastEvent:   gauges("last_event_processed_timestamp_seconds", "Event time of the newest line read, by topic. 0 before the first.", "source"),
		lastBeat:    gauges("heartbeat_last_seen_timestamp_seconds", "Time of the newest heartbeat read, by topic. 0 before the first.", "source"),
		factsAt:     gauge("facts_loaded_timestamp_seconds", "When the facts had been read up to where they ended at the start. 0 without facts."),
		lastInsert:  gauge("last_insert_success_timestamp_seconds", "When the sink last acknowledged a write."),
		loaded:      gauge("rules_loaded", "Rules in force."),
		reloadOK:    gauge("config_last_reload_successful", "Whether the last reload of the policy was taken."),
		reloadAt:    gauge("config_last_reload_success_timestamp_seconds", "When a policy was last taken."),
	}
	count := func(name, help string) prometheus.Counter { return counter(name, help).WithLabelValues() }
	m.late = count("events_late_total", "Lines that came too late to be joined. They are judged by themselves.")
	m.duplicates = count("events_duplicate_total", "Lines that were delivered more than once.")
	m.clamped = count("events_clamped_total", "Events dated later than Kafka took them; their time was put back to that.")
	m.accesses = count("accesses_total", "Accesses judged.")
	m.latency = prometheus.NewHistogram(histogram("detection_latency_seconds", "From the time of the read to its finding being safe in the sink.", []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900}))
	m.stages = prometheus.NewHistogramVec(histogram("stage_duration_seconds", "Time that one batch took in a stage.", []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5}), []string{"stage"})
	reg.MustRegister(m.latency, m.stages)

	info := gauges("build_info", "Constant 1, with the build.", "version", "revision", "goversion")
	info.WithLabelValues(build.Version, build.Revision, build.Go).Set(1)

	for _, r := range decode.Reasons() {
		m.refused.WithLabelValues(string(r))
	}
	for _, r := range []string{reasonGap, reasonBadBatch, reasonFailed, reasonRecreated} {
		m.refused.WithLabelValues(r)
	}
	m.verdicts = map[detect.Verdict]prometheus.Counter{}
	for _, v := range detect.Verdicts() {
		m.verdicts[v] = m.reads.WithLabelValues(v.String())
	}
	m.ruleErrors.WithLabelValues(detect.FailedVerdicts)
	for _, r := range detect.Rules() {
		m.ruleErrors.WithLabelValues(r.Name)
		for _, s := range detect.Severities() {
			m.findings.WithLabelValues(r.Name, s.String())
		}
	}
	for _, t := range tables {
		m.inserted.WithLabelValues(t)
		m.rowsRefused.WithLabelValues(t)
	}
	for _, r := range []string{"ok", "error"} {
		m.insertTries.WithLabelValues(r)
	}
	for _, k := range []string{evictedLines, evictedAccesses, evictedFills} {
		m.evictions.WithLabelValues(k)
	}
	for _, s := range []string{stageDecode, stageJudge, stageWrite} {
		m.stages.WithLabelValues(s)
	}
	m.gaps.WithLabelValues()
	for _, r := range query.Reasons() {
		m.undecided.WithLabelValues(r)
	}
	for _, r := range roleLost {
		m.undecided.WithLabelValues(r)
	}
	for _, r := range join.Skips() {
		m.skipped.WithLabelValues(r.String())
	}
	m.idle()
	m.loaded.Set(float64(len(detect.Rules())))
	m.reloadOK.Set(1)
	m.reloadAt.SetToCurrentTime()
	return m
}

// roleLost are the reasons for an undecided event beyond those of the SQL.
var roleLost = []string{reasonState, reasonOwner, reasonActor, reasonMixed}

const (
	reasonState = "role_unknown"   // the effective role of a statement cannot be told
	reasonOwner = "owner_unknown"  // a record came back, and nobody can say whose it is
	reasonActor = "actor_unknown"  // a record came back, and nobody can say who read it
	reasonMixed = "mixed_requests" // the statements of a transaction name several requests, so it belongs to none
)

// tables are the names that a sink writes to.
var tables = []string{"findings", "reads", "quarantine", "facts"}

// Build is what build_info says.
type Build struct{ Version, Revision, Go string }

// Reasons of quarantine that are no decoder's.
const (
	reasonGap       = "data_gap"
	reasonBadBatch  = "bad_batch"
	reasonRecreated = "topic_recreated"
	reasonFailed    = "judging_failed"
)

// Stages that are timed.
const (
	stageDecode = "decode"
	stageJudge  = "judge"
	stageWrite  = "write"
)

// Kinds of state that may be evicted.
const (
	evictedLines    = "lines"
	evictedAccesses = "accesses"
	evictedFills    = "cache_fills"
)

// sources begins the series of each topic.
func (m *metrics) sources(topics []string) {
	for _, t := range topics {
		m.lastEvent.WithLabelValues(t)
		m.lastBeat.WithLabelValues(t)
		m.processed.WithLabelValues(t)
		m.received(t)
	}
}

// received are the counters of what decoding one topic gives. They are looked up once,
// because they count every line.
type received struct {
	kinds   [detect.KindHeartbeat + 1]prometheus.Counter
	empty   prometheus.Counter
	clamped prometheus.Counter
}

func (m *metrics) received(topic string) *received {
	r := &received{empty: m.dropped.WithLabelValues(topic, "empty"), clamped: m.clamped}
	for k, name := range kindNames {
		r.kinds[k] = m.events.WithLabelValues(topic, name)
	}
	return r
}

func (r *received) count(b *ingest.Batch) {
	for i := range b.Events {
		r.kinds[b.Events[i].Kind].Inc()
	}
	r.empty.Add(float64(b.Skipped))
	r.clamped.Add(float64(b.Clamped))
}

func (m *metrics) stage(name string, took time.Duration) {
	m.stages.WithLabelValues(name).Observe(took.Seconds())
}

// eventTimes says how far a topic is, in nanoseconds; 0 where nothing came.
func (m *metrics) eventTimes(topic string, newest, beat int64) {
	if newest > 0 {
		m.lastEvent.WithLabelValues(topic).Set(float64(newest) / 1e9)
	}
	if beat > 0 {
		m.lastBeat.WithLabelValues(topic).Set(float64(beat) / 1e9)
	}
}

func (m *metrics) factsRead() { m.factsAt.SetToCurrentTime() }

// idle says that nothing is in memory, as before the first record and when another
// member holds the partitions.
func (m *metrics) idle() {
	for _, k := range []string{"lines", "bytes", "sessions", "plans"} {
		m.state.WithLabelValues(k).Set(0)
	}
}

func (m *metrics) quarantined(reason string) { m.refused.WithLabelValues(reason).Inc() }

// failed counts a failure of judging and the rows that say so.
func (m *metrics) failed(f *detect.Failure) {
	m.ruleErrors.WithLabelValues(f.Rule).Inc()
	m.refused.WithLabelValues(reasonFailed).Add(float64(len(f.Origins)))
}

// lost counts records that nobody can read, and the one row that says so.
func (m *metrics) lost(l *lost) {
	m.quarantined(l.row.Reason)
	if l.row.Reason == reasonGap {
		m.gaps.WithLabelValues().Add(float64(l.records))
	}
}

func (m *metrics) read(r *detect.Read) { m.verdicts[r.Verdict].Add(float64(max(r.Count, 1))) }

// found counts a finding once, and again for each revision that grades it anew.
func (m *metrics) found(f *detect.Finding) {
	if m.counted.fresh(f) && !f.Resolved {
		m.findings.WithLabelValues(f.Rule, f.Severity.String()).Inc()
	}
}

// graded remembers how findings were counted, for at least the last gradedMost of
// them. Revisions follow within minutes.
type graded struct{ now, before map[detect.FindingID]grade }

type grade struct {
	rule     string
	severity detect.Severity
}

const gradedMost = 20_000

func (g *graded) fresh(f *detect.Finding) bool {
	is := grade{f.Rule, f.Severity}
	if was, ok := g.now[f.ID]; ok && was == is {
		return false
	}
	if was, ok := g.before[f.ID]; ok && was == is {
		return false
	}
	if g.now == nil || len(g.now) >= gradedMost {
		g.before, g.now = g.now, make(map[detect.FindingID]grade)
	}
	g.now[f.ID] = is
	return true
}

func (m *metrics) stored(b *contract.Batch, now time.Time) {
	for i := range b.Findings {
		m.latency.Observe(now.Sub(time.Unix(0, b.Findings[i].Time)).Seconds())
	}
}

// judged takes over what a detector has counted since last, and remembers it there.
func (m *metrics) judged(d *join.Detector, last *join.Stats) {
	now := d.Stats()
	m.accesses.Add(float64(now.Accesses - last.Accesses))
	m.late.Add(float64(now.Apart - last.Apart))
	m.duplicates.Add(float64(now.Duplicates - last.Duplicates))
	m.evictions.WithLabelValues(evictedLines).Add(float64(now.Evicted - last.Evicted))
	m.evictions.WithLabelValues(evictedAccesses).Add(float64(now.Forgotten - last.Forgotten))
	m.evictions.WithLabelValues(evictedFills).Add(float64(now.FillsLost - last.FillsLost))
	for reason, n := range now.Undecided {
		m.undecided.WithLabelValues(reason).Add(float64(n - last.Undecided[reason]))
	}
	m.undecided.WithLabelValues(reasonState).Add(float64(now.StateLost - last.StateLost))
	m.undecided.WithLabelValues(reasonOwner).Add(float64(now.Verdicts[detect.VerdictOwnerUnknown] - last.Verdicts[detect.VerdictOwnerUnknown]))
	m.undecided.WithLabelValues(reasonActor).Add(float64(now.Verdicts[detect.VerdictActorUnknown] - last.Verdicts[detect.VerdictActorUnknown]))
	m.undecided.WithLabelValues(reasonMixed).Add(float64(now.Mixed - last.Mixed))
	for _, r := range join.Skips() {
		m.skipped.WithLabelValues(r.String()).Add(float64(now.Skipped[r] - last.Skipped[r]))
	}
	m.state.WithLabelValues("lines").Set(float64(now.Pending))
	m.state.WithLabelValues("bytes").Set(float64(now.PendingSize))
	m.state.WithLabelValues("sessions").Set(float64(now.Sessions))
	m.state.WithLabelValues("plans").Set(float64(now.Plans))
	*last = now
}

// kafkaCollector shows the source's own counters when it is scraped.
type kafkaCollector struct {
	source   *kafka.Source
	standing *standing
	lag      *prometheus.Desc
	age      *prometheus.Desc
	read     *prometheus.Desc
	errs     *prometheus.Desc
	offset   *prometheus.Desc
	commit   *prometheus.Desc
	fenced   *prometheus.Desc
}

func newKafkaCollector(source *kafka.Source, standing *standing) *kafkaCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("trespass_"+name, help, labels, nil)
	}
	return &kafkaCollector{
		source: source, standing: standing,
		lag:    desc("kafka_consumer_lag_messages", "Records that are in the partition and not yet read. 0 where another member holds it.", "topic", "partition"),
		age:    desc("kafka_consumer_lag_seconds", "Age of the newest line judged, by event time, while others wait behind it. 0 when none does.", "topic", "partition"),
		read:   desc("kafka_records_total", "Records read.", "topic", "partition"),
		errs:   desc("kafka_fetch_errors_total", "Fetches that failed.", "topic", "partition"),
		offset: desc("kafka_committed_offset", "Offset that the group has stored.", "topic", "partition"),
		commit: desc("kafka_commits_total", "Commits of offsets.", "result"),
		fenced: desc("kafka_generations_lost_total", "Times that another member took the partitions while this one still worked."),
	}
}

// Describe implements prometheus.Collector.
func (c *kafkaCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lag, c.age, c.read, c.errs, c.offset, c.commit, c.fenced} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *kafkaCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.source.Stats()
	now := time.Now()
	for i := range s.Partitions {
		p := &s.Partitions[i]
		labels := []string{p.Topic, strconv.Itoa(int(p.Partition))}
		lag := p.Lag
		if !p.Assigned { // it is what it was when the partition was held last
			lag = 0
		}
		ch <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, float64(lag), labels...)
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, c.standing.seconds(p, now), labels...)
		ch <- prometheus.MustNewConstMetric(c.read, prometheus.CounterValue, float64(p.Records), labels...)
		ch <- prometheus.MustNewConstMetric(c.errs, prometheus.CounterValue, float64(p.FetchErrors), labels...)
		ch <- prometheus.MustNewConstMetric(c.offset, prometheus.GaugeValue, float64(p.Committed), labels...)
	}
	ch <- prometheus.MustNewConstMetric(c.commit, prometheus.CounterValue, float64(s.Commits), "ok")
	ch <- prometheus.MustNewConstMetric(c.commit, prometheus.CounterValue, float64(s.CommitErrors), "error")
	ch <- prometheus.MustNewConstMetric(c.fenced, prometheus.CounterValue, float64(s.Fenced))
}
