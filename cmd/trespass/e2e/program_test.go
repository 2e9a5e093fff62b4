//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"trespass.dev/trespass/cmd/trespass/market"
)

// program is trespass run as a user runs it.
type program struct {
	config string
	data   string
	log    string
	cmd    *exec.Cmd
	ended  chan error
}

func newProgram(t *testing.T, k *topics) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{config: filepath.Join(dir, "trespass.yaml"), data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), market.Policy, 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`policy: policy.yaml
kafka:
  brokers: [%q]
  group: %s
  topics: {app: [%s], audit: [%s], facts: [%s]}
sink: {address: "embedded:data", library: %q, memory: 1000MB}
http: {listen: %q}
windows: {disorder: 1s, lateness: 1m, join: 3s, transaction: 2s, reopen: 10s, idle: 5m}
log: {format: json}
`, real.env["TRESPASS_KAFKA_BROKERS"], k.app, k.app, k.audit, k.facts, real.env["TRESPASS_LIBCHDB"], real.metrics)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill(syscall.SIGKILL) })
	return p
}

// start runs the program and waits until it is ready.
func (p *program) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(filepath.Join(real.bin, "trespass"), "run", "--config", p.config)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	if err := p.await(t.Context(), 90*time.Second); err != nil {
		t.Fatalf("trespass run: %v\n%s", err, p.tail())
	}
}

func (p *program) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := "no answer"
	for {
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("it ended: %v", err)
		case <-ctx.Done():
			return fmt.Errorf("not ready within %s: %s", limit, last)
		case <-tick.C:
		}
		resp, err := http.Get("http://" + real.metrics + "/-/ready")
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		last = string(text)
	}
}

// kill ends the program by a signal and waits for it.
func (p *program) kill(sig syscall.Signal) error {
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(sig)
	err := <-p.ended
	p.cmd = nil
	return err
}

// tail is the end of the program's log, for a failed test.
func (p *program) tail() []byte {
	text, _ := os.ReadFile(p.log)
	if i := len(text) - 6000; i > 0 {
		text = text[i:]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text
}
