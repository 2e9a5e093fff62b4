//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// root is the module's folder as seen from this package.
const root = "../../.."

// parts are the real servers, started once for all tests and stopped at the end.
type parts struct {
	env     map[string]string
	bin     string
	metrics string // host:port on which trespass serves, and Prometheus looks
	alerts  *alerts
}

var real parts

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	stop, err := real.start()
	defer stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

// start builds the programs and starts the parts. stop undoes it all, also after
// an error.
func (p *parts) start() (stop func(), err error) {
	stop = func() {}
	dir, err := os.MkdirTemp("", "trespass-e2e")
	if err != nil {
		return stop, err
	}
	var undo []func()
	stop = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	undo = append(undo, func() { _ = os.RemoveAll(dir) })
	p.bin = filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", p.bin+"/", "./cmd/trespass", "./cmd/trespass-clickhouse")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return stop, fmt.Errorf("build: %w\n%s", err, out)
	}
	if p.alerts, err = listenForAlerts(); err != nil {
		return stop, err
	}
	undo = append(undo, p.alerts.close)
	if p.metrics, err = freeAddress(); err != nil {
		return stop, err
	}
	configs, err := p.configs(dir)
	if err != nil {
		return stop, err
	}
	names := []string{"clickhouse", "kafka", "postgres", "prometheus", "alertmanager"}
	dev := func(args ...string) error {
		cmd := exec.Command("deploy/dev/dev", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), configs...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("deploy/dev/dev %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := dev(append([]string{"install"}, names...)...); err != nil {
		return stop, err
	}
	// A Prometheus of an earlier run looks at another port.
	if err := dev("reset", "prometheus", "alertmanager"); err != nil {
		return stop, err
	}
	undo = append(undo, func() {
		if err := dev("stop"); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
	})
	if err := dev("start", "kafka", "postgres", "prometheus", "alertmanager"); err != nil {
		return stop, err
	}
	out, err := exec.Command(filepath.Join(root, "deploy/dev/dev"), "env").Output()
	if err != nil {
		return stop, fmt.Errorf("deploy/dev/dev env: %w", err)
	}
	p.env = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		p.env[name] = strings.Trim(value, `'"`)
	}
	return stop, nil
}

// configs writes a Prometheus configuration that looks often and an Alertmanager
// configuration that calls this test. The rules are the shipped ones.
func (p *parts) configs(dir string) ([]string, error) {
	rules, err := filepath.Abs(filepath.Join(root, "deploy/prometheus/rules.yaml"))
	if err != nil {
		return nil, err
	}
	port := os.Getenv("TRESPASS_ALERTMANAGER_PORT")
	if port == "" {
		port = "29093"
	}
	files := map[string]string{
		"prometheus.yaml": fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:%s"]}]}]}
scrape_configs: [{job_name: trespass, static_configs: [{targets: ["%s"]}]}]
`, rules, port, p.metrics),
		"alertmanager.yaml": fmt.Sprintf(`
route: {receiver: test, group_by: [alertname, rule], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: test, webhook_configs: [{url: "http://%s/"}]}]
`, p.alerts.address),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	return []string{
		"TRESPASS_PROMETHEUS_CONFIG=" + filepath.Join(dir, "prometheus.yaml"),
		"TRESPASS_ALERTMANAGER_CONFIG=" + filepath.Join(dir, "alertmanager.yaml"),
	}, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// alerts receives what Alertmanager sends.
type alerts struct {
	address string
	server  *http.Server
	mu      sync.Mutex
	firing  map[string]time.Time // alertname/rule -> first call
	changed chan struct{}
}

func listenForAlerts() (*alerts, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &alerts{address: l.Addr().String(), firing: map[string]time.Time{}, changed: make(chan struct{}, 1)}
	a.server = &http.Server{Handler: http.HandlerFunc(a.take), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = a.server.Serve(l) }()
	return a, nil
}

func (a *alerts) close() { _ = a.server.Close() }

func (a *alerts) take(_ http.ResponseWriter, r *http.Request) {
	var call struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	if json.NewDecoder(r.Body).Decode(&call) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, each := range call.Alerts {
		name := each.Labels["alertname"] + "/" + each.Labels["rule"]
		if _, known := a.firing[name]; !known && each.Status == "firing" {
			a.firing[name] = time.Now()
		}
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// wait gives the time at which an alert first reached us.
func (a *alerts) wait(ctx context.Context, name string) (time.Time, error) {
	for {
		a.mu.Lock()
		at, ok := a.firing[name]
		a.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("no alert %s: %w", name, ctx.Err())
		case <-a.changed:
		}
	}
}
