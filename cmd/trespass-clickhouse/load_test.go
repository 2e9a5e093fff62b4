//go:build linux && amd64

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fails runs the program with arguments that must make it end, and returns its exit code
// and what it wrote to standard error.
func fails(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%q did not fail: %v\n%s", args, err, out)
	}
	return exit.ExitCode(), string(out)
}

// expect checks an exit code and that the text has all of the words.
func expect(t *testing.T, code int, text string, wantCode int, words ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d: %s", code, wantCode, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("no %q in: %s", word, text)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		word string
	}{
		{nil, "--data DIR is required"},
		{[]string{"--data", "d", "--listen", "0.0.0.0:1"}, "only loopback"},
		{[]string{"--data", "d", "--listen", "localhost"}, "host:port"},
		{[]string{"--data", "d", "--listen", "127.0.0.1:99999"}, "99999"},
		{[]string{"--data", "d", "--memory", "12"}, "MB or GB"},
		{[]string{"--data", "d", "--memory", "12MB"}, "300MB"},
		{[]string{"--data", "d", "--database", "default"}, "default"},
		{[]string{"--data", "d", "--database", "a;b"}, "a;b"},
		{[]string{"--data", "d", "--nosuch"}, "nosuch"},
		{[]string{"--data", "d", "more"}, "more"},
	} {
		code, text := fails(t, nil, c.args...)
		expect(t, code, text, 64, c.word)
	}
}

func TestHelp(t *testing.T) {
	out, err := exec.Command(program, "--help").CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, word := range []string{"trespass-clickhouse --data DIR", "Exit codes:", "-password-file", "-ready-file"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("no %q in the help:\n%s", word, out)
		}
	}
}

func TestMissingLibrary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	missing := filepath.Join(t.TempDir(), "libchdb.so")
	code, text := fails(t, nil, "--data", dir, "--lib", missing)
	expect(t, code, text, 78, missing, "does not exist", "make clickhouse", "deploy/dev/dev install clickhouse")
	code, text = fails(t, []string{"TRESPASS_LIBCHDB=" + missing}, "--data", dir)
	expect(t, code, text, 78, missing, "make clickhouse")
	code, text = fails(t, []string{"TRESPASS_LIBCHDB="}, "--data", dir)
	expect(t, code, text, 78, "make clickhouse", "--lib")
}

func TestCutOffLibrary(t *testing.T) {
	cut := filepath.Join(t.TempDir(), "libchdb.so")
	copyLibrary(t, cut, 10<<20)
	code, text := fails(t, nil, "--data", filepath.Join(t.TempDir(), "data"), "--lib", cut)
	expect(t, code, text, 78, "10485760 bytes", "cut off", "make clickhouse")
}

func TestTamperedLibrary(t *testing.T) {
	dir := t.TempDir()
	altered := filepath.Join(dir, "libchdb.so")
	copyLibrary(t, altered, -1)
	data := filepath.Join(t.TempDir(), "data")
	// The first start remembers the digest of the good file; altering must undo that.
	c, err := launch(data, "--lib", altered)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(altered)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(altered, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{0xcc}, before.Size()/2)
	if err := errors.Join(err, f.Close(), os.Chtimes(altered, before.ModTime(), before.ModTime())); err != nil {
		t.Fatal(err)
	}
	code, text := fails(t, nil, "--data", data, "--lib", altered)
	expect(t, code, text, 78, "SHA-256", "altered or damaged", "make clickhouse")
}

// copyLibrary copies the first n bytes of the library, or all of it.
func copyLibrary(t *testing.T, to string, n int64) {
	t.Helper()
	from, err := os.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if n < 0 {
		_, err = io.Copy(out, from)
	} else {
		_, err = io.CopyN(out, from, n)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryNotWritable(t *testing.T) {
	code, text := fails(t, nil, "--data", "/proc/self/data", "--lib", library)
	if code == 0 || !strings.Contains(text, "data directory") || !strings.Contains(text, "/proc/self/data") {
		t.Errorf("%d %s", code, text)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, text = fails(t, nil, "--data", filepath.Join(file, "data"), "--lib", library)
	expect(t, code, text, 2, "data directory", "not a directory")
}

func TestPasswordFile(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	code, text := fails(t, nil, "--data", filepath.Join(dir, "data"), "--lib", library, "--password-file", open)
	expect(t, code, text, 78, "can be read by others", "chmod 600 "+open)
	if strings.Contains(text, "secret") {
		t.Error("the password is shown")
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, text = fails(t, nil, "--data", filepath.Join(dir, "data"), "--lib", library, "--password-file", empty)
	expect(t, code, text, 78, "is empty")
	c := engine(t)
	info, err := os.Stat(filepath.Join(c.dir, "password"))
	if err != nil || info.Mode().Perm() != 0o600 || len(c.password) < 20 {
		t.Errorf("made password: mode %v, %d characters, %v", info.Mode(), len(c.password), err)
	}
	for _, name := range []string{"config.xml", "users.xml", "lock"} {
		if info, err := os.Stat(filepath.Join(c.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestSecondProcessOnTheDirectory(t *testing.T) {
	c := engine(t)
	code, text := fails(t, nil, "--data", c.dir, "--lib", library)
	expect(t, code, text, 2, "in use", fmt.Sprintf("process %d", c.cmd.Process.Pid), "http://"+c.addr)
	if got := c.sql(t, "SELECT 1"); got != "1\n" {
		t.Errorf("the first process suffered: %q", got)
	}
}

func TestForeignConfigIsIgnored(t *testing.T) {
	where := t.TempDir()
	foreign := "<clickhouse><max_server_memory_usage>777777777</max_server_memory_usage><user_files_path>/</user_files_path></clickhouse>"
	if err := os.WriteFile(filepath.Join(where, "config.xml"), []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(where)
	c := start(t, "--memory", "600MB")
	if got := c.sql(t, "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"); got != fmt.Sprintln(600<<20) {
		t.Errorf("memory limit %q", got)
	}
	c.refused(t, "SELECT groupArray(number) FROM numbers(200000000)", 241)
	if got := c.sql(t, "SELECT 1"); got != "1\n" {
		t.Errorf("after the limit: %q", got)
	}
}

func TestKillAndReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := startOn(t, dir)
	c.sql(t, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1")
	for n := range 50 {
		c.sql(t, fmt.Sprintf("INSERT INTO kept SETTINGS deduplicate_insert = 'disable' VALUES (%d)", n))
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.exited
	c.exited <- nil
	c = startOn(t, dir)
	if got := c.sql(t, "SELECT count(), sum(n) FROM kept"); got != "50\t1225\n" {
		t.Errorf("after kill -9: %q", got)
	}
	c.sql(t, "DROP TABLE kept SYNC")
}

func TestDropSyncOnAFreshDirectory(t *testing.T) {
	c := start(t)
	c.sql(t, "CREATE TABLE fresh (n UInt64) ENGINE = MergeTree ORDER BY n")
	c.sql(t, "INSERT INTO fresh VALUES (1)")
	done := make(chan answer, 1)
	go func() { done <- c.do(t, "POST", "", strings.NewReader("DROP TABLE fresh SYNC")) }()
	select {
	case a := <-done:
		if a.status != http.StatusOK {
			t.Error(a.body)
		}
	case <-time.After(8 * time.Second):
		t.Fatal("DROP … SYNC hangs")
	}
}

func TestReadyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready.json")
	c := start(t, "--ready-file", path)
	// The file is written before the line on standard output that start waits for.
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Addr string `json:"addr"`
		PID  int    `json:"pid"`
	}
	if err := json.Unmarshal(content, &got); err != nil || got.Addr != c.addr || got.PID != c.cmd.Process.Pid {
		t.Errorf("%s: %v; want %s and %d", content, err, c.addr, c.cmd.Process.Pid)
	}
}

func TestStopsWithItsParent(t *testing.T) {
	for name, one := range map[string]struct {
		args   func(parent *exec.Cmd) []string
		orphan func(c *child, parent *exec.Cmd) error
	}{
		"stdin closed": {
			func(*exec.Cmd) []string { return nil },
			func(c *child, _ *exec.Cmd) error { return c.stdin.Close() },
		},
		"parent killed": {
			func(parent *exec.Cmd) []string { return []string{"--parent-pid", fmt.Sprint(parent.Process.Pid)} },
			func(_ *child, parent *exec.Cmd) error { return parent.Process.Kill() },
		},
		"SIGINT": {
			func(*exec.Cmd) []string { return nil },
			func(c *child, _ *exec.Cmd) error { return c.cmd.Process.Signal(syscall.SIGINT) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := exec.Command("cat") // a process that lives until it is killed
			hold, err := parent.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- parent.Wait() }()
			defer func() {
				hold.Close()
				<-ended
			}()
			c := start(t, one.args(parent)...)
			if err := one.orphan(c, parent); err != nil {
				t.Fatal(err)
			}
			if err := c.wait(); err != nil {
				t.Errorf("exit: %v\n%s", err, c.log.String())
			}
			if _, err := os.Stat(filepath.Join(c.dir, "store", "status")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the engine was not closed: %v", err)
			}
		})
	}
}

func TestStopLetsRequestsFinish(t *testing.T) {
	c := start(t)
	body := make(chan string, 1)
	go func() { body <- c.do(t, "POST", "", strings.NewReader("SELECT 'ended', sleep(2)")).body }()
	eventually(t, 5*time.Second, "the request runs", func() bool {
		return c.sql(t, "SELECT count() FROM system.processes WHERE query LIKE '%sleep(2)%' AND query NOT LIKE '%processes%'") == "1\n"
	})
	if err := c.stop(); err != nil {
		t.Errorf("exit: %v\n%s", err, c.log.String())
	}
	if got := <-body; got != "ended\t0\n" {
		t.Errorf("the running request got %q", got)
	}
}

func TestStopEndsWhatDoesNotFinish(t *testing.T) {
	c := start(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r, err := http.NewRequest("POST", "http://"+c.addr+"/", strings.NewReader("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"))
		if err != nil {
			t.Error(err)
			return
		}
		r.SetBasicAuth("default", c.password)
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	eventually(t, 5*time.Second, "the request runs", func() bool {
		return c.sql(t, "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000)%' AND query NOT LIKE '%processes%'") == "1\n"
	})
	began := time.Now()
	if err := c.stop(); err != nil {
		t.Errorf("exit: %v\n%s", err, c.log.String())
	}
	<-ended
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestNothingPrivateIsLogged(t *testing.T) {
	c := start(t, "--verbose")
	c.sql(t, "CREATE TABLE private (s String) ENGINE = Memory")
	c.sql(t, "INSERT INTO private VALUES ('private-value')")
	c.refused(t, "SELECT 'private-value' FROM nope", 60)
	c.do(t, "POST", "?param_p=private-value", strings.NewReader("SELECT {p:UInt8}"))
	log := c.log.String()
	if strings.Contains(log, "private") || strings.Contains(log, c.password) {
		t.Errorf("log: %s", log)
	}
	if !strings.Contains(log, `"code":60`) {
		t.Errorf("no error code in the log: %s", log)
	}
}
