package kafkatest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Own is a real broker that belongs to one test, with its own empty data.
type Own struct {
	*Broker
	dir, dev string
	env      []string
}

// NewOwn prepares a broker and does not start it. It is stopped at the end of
// the test.
func NewOwn(t testing.TB) *Own {
	t.Helper()
	dev, err := devScript()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(dev, "install", "kafka").CombinedOutput(); err != nil {
		t.Fatalf("`%s install kafka`: %v\n%s", dev, err, out)
	}
	shared := os.Getenv("TRESPASS_DEV_DIR")
	if shared == "" {
		shared = filepath.Join(filepath.Dir(dev), "..", "..", ".dev")
	}
	jars, err := filepath.Abs(filepath.Join(shared, "kafka", "jars"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "kafka"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(jars, filepath.Join(dir, "kafka", "jars")); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	o := &Own{Broker: At(fmt.Sprintf("127.0.0.1:%d", port)), dir: dir, dev: dev,
		env: append(os.Environ(), "TRESPASS_DEV_DIR="+dir, "TRESPASS_KAFKA_PORT="+strconv.Itoa(port))}
	t.Cleanup(func() {
		if out, err := o.call("stop"); err != nil {
			t.Errorf("stopping the test's own broker: %v\n%s", err, out)
		}
	})
	return o
}

// Start starts the broker and waits until it answers.
func (o *Own) Start(t testing.TB) {
	t.Helper()
	if out, err := o.call("start"); err != nil {
		t.Fatalf("starting the test's own broker: %v\n%s", err, out)
	}
}

// Kill kills the broker the hard way.
func (o *Own) Kill(t testing.TB) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(o.dir, "run", "kafka-1.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), " ")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		t.Fatalf("the broker's process id: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("killing the broker: %v", err)
	}
}

func (o *Own) call(verb string) (string, error) {
	cmd := exec.Command(o.dev, verb, "kafka")
	cmd.Env = o.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// freePort finds a port that is free, as is the one ten above it, where the
// controller listens.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+10))
		l.Close()
		if err == nil {
			second.Close()
			return port
		}
	}
	t.Fatal("no free pair of ports found")
	return 0
}
