package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// ErrNoProgram says that the engine's program is not on this machine.
var ErrNoProgram = errors.New("embedded engine: no program " + Program)

// Supported reports whether the engine is had for this kind of machine.
func Supported() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// find looks for the engine's program beside our own, then in PATH.
func find() (string, error) {
	if !Supported() {
		return "", fmt.Errorf("%w: the engine is had for Linux on x86-64 only; name a ClickHouse server instead, such as clickhouse://user@host:9000/trespass", ErrNoProgram)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), Program)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	if path, err := exec.LookPath(Program); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%w beside this program or in PATH: run make build, which makes both", ErrNoProgram)
}

// freeAddress picks a loopback port. The engine keeps it over its restarts, so
// that connections find it again.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func readReady(path string) (ready, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return ready{}, err
	}
	var r ready
	if err := json.Unmarshal(text, &r); err != nil || r.Addr == "" || r.PID <= 0 {
		return ready{}, fmt.Errorf("%s does not name an address and a process", path)
	}
	return r, nil
}

func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ping", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

// tail passes the child's log on and keeps its end for an error message.
type tail struct {
	to interface{ Write([]byte) (int, error) }
	mu sync.Mutex
	b  []byte
}

const tailSize = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.b = append(t.b, p...)
	if len(t.b) > tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	t.mu.Unlock()
	return t.to.Write(p)
}

// text gives the end of the log: the child's own words where a line is one of its
// JSON lines, the line as it is otherwise.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var said []string
	for _, l := range strings.Split(strings.TrimSpace(string(t.b)), "\n") {
		var own struct{ Level, Message, Error string }
		switch {
		case l == "":
		case json.Unmarshal([]byte(l), &own) != nil:
			said = append(said, l)
		case own.Error != "":
			said = append(said, own.Error)
		case own.Level == "error" || own.Level == "fatal":
			said = append(said, own.Message)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return ": " + strings.Join(said, "; ")
}
