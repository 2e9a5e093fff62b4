//go:build linux && amd64

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The tests run the program as users do: built once, without cgo and without the race
// detector, and started as a child with the real library. Most share one child.
var (
	program string
	library string
	shared  struct {
		once  sync.Once
		dir   string
		child *child
		err   error
	}
)

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "trespass-clickhouse-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "trespass-clickhouse")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	if library, err = filepath.Abs("../../.dev/clickhouse/libchdb.so"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if named := os.Getenv("TRESPASS_LIBCHDB"); named != "" {
		library = named
	}
	if _, err := os.Stat(library); err != nil {
		fmt.Fprintf(os.Stderr, "the tests need the ClickHouse engine library: %v\ninstall it with: make clickhouse (or deploy/dev/dev install clickhouse)\n", err)
		return 1
	}
	shared.dir = filepath.Join(dir, "shared")
	defer func() {
		if shared.child != nil {
			if err := shared.child.stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	return m.Run()
}

// child is one running program.
type child struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	log      *logBuffer
	dir      string
	addr     string
	password string
	exited   chan error
}

// launch starts the program on dir and waits until it answers or ends.
func launch(dir string, args ...string) (*child, error) {
	c := &child{dir: dir, log: new(logBuffer), exited: make(chan error, 1)}
	c.cmd = exec.Command(program, append([]string{"--data", dir, "--lib", library, "--stop-with-stdin"}, args...)...)
	c.cmd.Stderr = c.log
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	go func() { c.exited <- c.cmd.Wait() }()
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening http://")
	if !ok {
		err := <-c.exited
		return nil, fmt.Errorf("the program ended: %w (reading its line: %v)\n%s", err, readErr, c.log.String())
	}
	c.addr = addr
	password, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		return nil, err
	}
	c.password = strings.TrimSpace(string(password))
	return c, nil
}

// stop asks the program to end and waits for it.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.wait()
}

func (c *child) wait() error {
	select {
	case err := <-c.exited:
		c.exited <- err
		return err
	case <-time.After(30 * time.Second):
		c.cmd.Process.Kill()
		return fmt.Errorf("the program did not end in 30 s\n%s", c.log.String())
	}
}

// start runs a program for one test.
func start(t testing.TB, args ...string) *child {
	t.Helper()
	return startOn(t, filepath.Join(t.TempDir(), "data"), args...)
}

func startOn(t testing.TB, dir string, args ...string) *child {
	t.Helper()
	c, err := launch(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case err := <-c.exited:
			c.exited <- err
		default:
			if err := c.stop(); err != nil {
				t.Errorf("stopping: %v\n%s", err, c.log.String())
			}
		}
	})
	return c
}

// engine returns the program that tests share. Tests make tables of their own names.
func engine(t testing.TB) *child {
	t.Helper()
	shared.once.Do(func() { shared.child, shared.err = launch(shared.dir) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.child
}

// answer is one HTTP response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the password and returns the answer.
func (c *child) do(t testing.TB, method, query string, body io.Reader, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+c.addr+"/"+query, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("default", c.password)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return send(t, r)
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content)}
}

// sql runs a statement that must work and returns its answer.
func (c *child) sql(t testing.TB, text string) string {
	t.Helper()
	a := c.do(t, "POST", "", strings.NewReader(text))
	if a.status != http.StatusOK || strings.Contains(a.body, "__exception__") {
		t.Fatalf("%.200s: %d %s", text, a.status, a.body)
	}
	return a.body
}

// insert sends data for an INSERT whose SQL is in the URL, and must work.
func (c *child) insert(t testing.TB, sql string, data []byte) {
	t.Helper()
	if a := c.do(t, "POST", "?query="+url.QueryEscape(sql), bytes.NewReader(data)); a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", sql, a.status, a.body)
	}
}

// refused runs a statement that must fail with the given ClickHouse code.
func (c *child) refused(t testing.TB, text string, code int) {
	t.Helper()
	a := c.do(t, "POST", "", strings.NewReader(text))
	if want := fmt.Sprintf("Code: %d.", code); a.status == http.StatusOK || !strings.HasPrefix(a.body, want) {
		t.Errorf("%.200s: want %s, got %d %.300s", text, want, a.status, a.body)
	}
}

// options are clickhouse-go's for this program.
func (c *child) options() *clickhouse.Options {
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{c.addr},
		Auth:     clickhouse.Auth{Database: "trespass", Username: "default", Password: c.password},
	}
}

// connect opens a clickhouse-go connection.
func (c *child) connect(t testing.TB, change ...func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	o := c.options()
	for _, f := range change {
		f(o)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// eventually waits until ok says yes.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", within, what)
		case <-again.C:
		}
	}
}

// logBuffer keeps what a program writes to standard error.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
