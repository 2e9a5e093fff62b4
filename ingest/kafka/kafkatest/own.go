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
	port     int
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
	o := &Own{Broker: At(fmt.Sprintf("127.0.0.1:%d", port)), dir: dir, dev: dev, port: port,
		env: append(os.Environ(), "TRESPASS_DEV_DIR="+dir, "TRESPASS_KAFKA_PORT="+strconv.Itoa(port))}
	t.Cleanup(func() {
		if out, err := o.call("stop"); err != nil {
			t.Errorf("stopping the test's own broker: %v\n%s", err, out)
		}
	})
	return o
}

// Secure makes the broker, when it starts, listen for TLS as well: with a login at the
// first address, with a client certificate at the second.
func (o *Own) Secure(t testing.TB, ca *Authority, user, password string) (login, certificate string) {
	t.Helper()
	dir := t.TempDir()
	_, cert, key := ca.Issue(t)
	var both []byte
	for _, file := range []string{key, cert} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, content...)
	}
	authority, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"broker.pem": both, "ca.pem": authority} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.env = append(o.env, "TRESPASS_KAFKA_PEM="+dir, "TRESPASS_KAFKA_LOGIN="+user+":"+password)
	return fmt.Sprintf("127.0.0.1:%d", o.port+20), fmt.Sprintf("127.0.0.1:%d", o.port+21)
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

// freePort finds a port that is free, as are the one ten above it, where the
// controller listens, and those for TLS.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		free := true
		for _, above := range []int{10, 20, 21} {
			other, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+above))
			if free = free && err == nil; err == nil {
				other.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no free pair of ports found")
	return 0
}
