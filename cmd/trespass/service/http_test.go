package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trespass.dev/trespass/cmd/trespass/market"
	"trespass.dev/trespass/detect"
)

// serve runs the HTTP side over a registry and gives its address.
func serve(t *testing.T, registry *prometheus.Registry, ready func() (bool, map[string]string), reload func() error) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listen, registry, ready, reload) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listen.Addr().String()
}

func get(t *testing.T, method, url string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// TestHealth: healthy always, ready with a reason for each part, and nothing but GET.
func TestHealth(t *testing.T) {
	isReady := true
	url := serve(t, prometheus.NewRegistry(), func() (bool, map[string]string) {
		return isReady, map[string]string{"kafka": "reading", "sink": "takes rows"}
	}, nil)
	if status, _, body := get(t, "GET", url+"/-/healthy"); status != 200 || body != "trespass is running\n" {
		t.Errorf("healthy: %d %q", status, body)
	}
	for _, want := range []bool{true, false} {
		isReady = want
		status, header, body := get(t, "GET", url+"/-/ready")
		var got struct {
			Ready bool
			Parts map[string]string
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if (status == 200) != want || status != 200 && status != 503 || got.Ready != want || got.Parts["kafka"] != "reading" || header.Get("Content-Type") != "application/json" {
			t.Errorf("ready %v: %d %s", want, status, body)
		}
	}
	if status, _, _ := get(t, "GET", url+"/-/reload"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /-/reload: %d", status)
	}
	for _, path := range []string{"/metrics", "/-/healthy", "/-/ready"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
			if status, _, _ := get(t, method, url+path); status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
	for _, path := range []string{"/", "/-/quit", "/debug/pprof/", "/config"} {
		if status, _, _ := get(t, "GET", url+path); status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, status)
		}
	}
}

// TestReloadOverHTTP: a POST reloads where that is on, and never for a page of another site.
func TestReloadOverHTTP(t *testing.T) {
	calls, wrong := 0, error(nil)
	ready := func() (bool, map[string]string) { return true, nil }
	off := serve(t, prometheus.NewRegistry(), ready, nil)
	on := serve(t, prometheus.NewRegistry(), ready, func() error { calls++; return wrong })
	if status, _, body := get(t, "POST", off+"/-/reload"); status != http.StatusForbidden || !strings.Contains(body, "http.reload") {
		t.Errorf("off: %d %q", status, body)
	}
	if status, _, body := get(t, "POST", on+"/-/reload"); status != 200 || body != "policy taken\n" || calls != 1 {
		t.Errorf("on: %d %q after %d calls", status, body, calls)
	}
	wrong = errors.New("policy.yaml:2:3: unknown key")
	if status, _, body := get(t, "POST", on+"/-/reload"); status != http.StatusUnprocessableEntity || body != "the old policy stays in force: policy.yaml:2:3: unknown key\n" {
		t.Errorf("wrong policy: %d %q", status, body)
	}
	wrong = ErrNotOpen
	if status, _, body := get(t, "POST", on+"/-/reload"); status != http.StatusServiceUnavailable || body != ErrNotOpen.Error()+"\n" {
		t.Errorf("not open yet: %d %q", status, body)
	}
	calls = 0
	req, err := http.NewRequestWithContext(t.Context(), "POST", on+"/-/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || calls != 0 {
		t.Errorf("from a page of another site: %d, %d calls", resp.StatusCode, calls)
	}
}

// TestServeFails: an error of the listener is an error of Serve, not a silent end.
func TestServeFails(t *testing.T) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listen.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := Serve(ctx, listen, prometheus.NewRegistry(), nil, nil); err == nil || !strings.Contains(err.Error(), listen.Addr().String()) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}

// series gives the names with labels of a scrape.
func series(scrape string) []string {
	var names []string
	for line := range strings.Lines(scrape) {
		if !strings.HasPrefix(line, "#") && strings.HasPrefix(line, "trespass_") {
			names = append(names, line[:strings.LastIndexByte(line, ' ')])
		}
	}
	return names
}

// TestMetrics scrapes a service before the first line, after honest traffic and after
// hostile lines: every series that can be known is there at zero from the start, none is
// born later, and promtool has nothing to say.
func TestMetrics(t *testing.T) {
	b, rules, sink := newBroker(t), marketRules(t), newRecorder()
	s := startService(t, b, rules, sink)
	url := serve(t, s.registry, s.Ready, nil)
	await(t, "readiness", func() bool { ready, _ := s.Ready(); return ready })
	_, _, before := get(t, "GET", url+"/metrics")
	for _, r := range detect.Rules() {
		for _, severity := range detect.Severities() {
			if want := fmt.Sprintf("trespass_findings_total{rule=%q,severity=%q} 0\n", r.Name, severity); !strings.Contains(before, want) {
				t.Errorf("before the first line there is no %s", want)
			}
		}
	}
	for _, v := range detect.Verdicts() {
		if want := fmt.Sprintf("trespass_reads_total{verdict=%q} 0\n", v); !strings.Contains(before, want) {
			t.Errorf("before the first line there is no %s", want)
		}
	}
	for _, want := range []string{
		`events_received_total{kind="request",source="app"} 0`, `events_processed_total{source="audit"} 0`, `events_quarantined_total{reason="cut"} 0`, `events_quarantined_total{reason="data_gap"} 0`,
		`events_undecided_total{reason="owner_unknown"} 0`, `events_undecided_total{reason="sql_too_large"} 0`, `events_dropped_total{reason="empty",source="facts"} 0`,
		`rows_inserted_total{table="findings"} 0`, `insert_batches_total{result="error"} 0`, `state_evictions_total{kind="lines"} 0`, `state_evictions_total{kind="accesses"} 0`, `state_evictions_total{kind="cache_fills"} 0`, `rule_errors_total{rule="foreign_read"} 0`, `rule_errors_total{rule="verdicts"} 0`, `data_gap_records_total 0`,
		`last_event_processed_timestamp_seconds{source="app"} 0`, `config_last_reload_successful 1`, `state_entries{kind="lines"} 0`,
		`kafka_consumer_lag_messages{partition="1",topic="audit"} 0`, `kafka_consumer_lag_seconds{partition="1",topic="audit"} 0`, `stage_duration_seconds_count{stage="decode"} 0`,
		`events_quarantined_total{reason="topic_recreated"} 0`, `events_quarantined_total{reason="judging_failed"} 0`, `kafka_commits_total{result="error"} 0`,
	} {
		if !strings.Contains(before, "trespass_"+want+"\n") {
			t.Errorf("before the first line there is no trespass_%s", want)
		}
	}

	lines := marketTraffic(11, 60)
	b.feed(t, sink, lines)
	sink.awaitOutcome(t, decide(t, rules, lines))
	var hostile []string
	for i := range 300 {
		hostile = append(hostile,
			fmt.Sprintf(`{"trespass":"access/1","time":%q,"event_id":"h%d","request_id":"h%d","env":"env%d","service":"s%d","route":"/r%d","method":"M%d","status":%d,"actor":{"kind":"user","user_id":"u%d"},"records":[{"table":"t%d","id":"%d"}]}`,
				time.Now().UTC().Format(time.RFC3339), i, i, i, i, i, i, 100+i, i, i, i),
			fmt.Sprintf(`{"trespass":"fact/1","fact":"kind%d"}`, i), fmt.Sprintf(`{"level":%d,"x%d":"\u001b[2J"}`, i, i), fmt.Sprintf("\x00%d\xff", i))
	}
	b.Produce(t, "app", 0, 0, hostile...)
	b.Produce(t, "audit", 1, 0, hostile...)
	for at := range map[place]bool{{"app", 0}: true, {"audit", 1}: true} {
		b.Produce(t, at.topic, int(at.partition), 0, string(market.Heartbeat(time.Now())))
	}
	await(t, "the hostile lines to be read", func() bool {
		recent := float64(time.Now().Add(-10 * time.Minute).Unix())
		return value(t, s.metrics.lastBeat.WithLabelValues("app")) > recent && value(t, s.metrics.lastBeat.WithLabelValues("audit")) > recent
	})
	if n := value(t, s.metrics.refused.WithLabelValues("unknown")); n == 0 {
		t.Error("no hostile line is in quarantine as unknown")
	}
	_, _, after := get(t, "GET", url+"/metrics")
	if old, now := series(before), series(after); !slices.Equal(old, now) {
		for _, n := range now {
			if !slices.Contains(old, n) {
				t.Errorf("born after the start: %s", n)
			}
		}
	}
	if !regexp.MustCompile(`trespass_findings_total\{rule="foreign_read",severity="high"\} [1-9]`).MatchString(after) {
		t.Error("no foreign read is counted")
	}
	if !regexp.MustCompile(`trespass_last_event_processed_timestamp_seconds\{source="audit"\} 1\.`).MatchString(after) {
		t.Error("audit has no last event")
	}
	promtool(t, before)
	promtool(t, after)
}

// promtool checks a scrape by Prometheus' own conventions.
func promtool(t *testing.T, scrape string) {
	t.Helper()
	program := os.Getenv("TRESPASS_PROMTOOL")
	if program == "" {
		program, _ = filepath.Abs("../../../.dev/bin/promtool")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("promtool is missing (%v): run deploy/dev/dev install prometheus", err)
	}
	check := exec.CommandContext(t.Context(), program, "check", "metrics")
	check.Stdin = strings.NewReader(scrape)
	var said bytes.Buffer
	check.Stdout, check.Stderr = &said, &said
	if err := check.Run(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, said.String())
	}
}
