package main

import (
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"trespass.dev/trespass/sink/embedded"
)

// commands are what scripts can do beside those of testscript:
//
//	exits CODE PROGRAM ARGS...   the program must end with this code
//	broker TOPIC...              sets BROKER to a Kafka inside the test, with these topics
//	serve DIR                    sets SERVER to an engine over this directory, which runs until the end
//	produce TOPIC FILE           writes each line of a file to a topic of BROKER
//	tmpfs DIR SIZE               mounts a small disk, where the condition tmpfs holds
//	port NAME                    sets NAME to a free address of this machine
//	await URL REGEXP             waits until the answer matches
//	post URL STATUS REGEXP       sends an empty POST, which must get this status and answer
//	signal NAME                  sends HUP, INT or TERM to the programs in the background
//	ndjson FILE KEY...           each line of the file is an object with exactly these keys
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits": exits, "broker": startBroker, "serve": serve, "port": freePort, "produce": produce, "tmpfs": smallDisk, "await": awaitAnswer, "post": post, "signal": sendSignal, "ndjson": ndjsonKeys,
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func startBroker(ts *testscript.TestScript, neg bool, topics []string) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	if err != nil || neg {
		ts.Fatalf("broker: %v", err)
	}
	ts.Defer(cluster.Close)
	ts.Setenv("BROKER", cluster.ListenAddrs()[0])
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve DIR")
	}
	program := filepath.Join(strings.Split(ts.Getenv("PATH"), string(filepath.ListSeparator))[0], embedded.Program)
	engine, err := embedded.Start(context.Background(), embedded.Options{
		Dir: ts.MkAbs(args[0]), Program: program, Library: ts.Getenv("TRESPASS_LIBCHDB"),
	})
	ts.Check(err)
	ts.Defer(func() { _ = engine.Close() })
	ts.Setenv("SERVER", strings.Trim(strings.TrimPrefix(engine.HTTP(), "http://"), "/"))
}

func produce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: produce TOPIC FILE")
	}
	w := &kafka.Writer{Addr: kafka.TCP(ts.Getenv("BROKER")), Topic: args[0], RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	defer func() { _ = w.Close() }()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		ts.Check(w.WriteMessages(context.Background(), kafka.Message{Value: []byte(strings.TrimSpace(line))}))
	}
}

func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o700))
	ts.Check(mount(dir, args[1]))
	ts.Defer(func() { _ = exec.Command("umount", "--lazy", dir).Run() })
}

func mount(dir, size string) error {
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}

// condition knows tmpfs: whether a small disk can be mounted.
func condition(name string) (bool, error) {
	if name != "tmpfs" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	dir, err := os.MkdirTemp("", "trespass-tmpfs-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(dir) }()
	if mount(dir, "64k") != nil {
		return false, nil
	}
	return true, exec.Command("umount", dir).Run()
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], l.Addr().String())
}

func awaitAnswer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await URL REGEXP")
	}
	want, err := regexp.Compile(args[1])
	ts.Check(err)
	last := "no answer"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); <-tick.C {
		resp, err := http.Get(args[0])
		if err != nil {
			continue
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if last = string(text); err == nil && want.Match(text) {
			return
		}
	}
	ts.Fatalf("%s never gave %q; last:\n%.800s", args[0], args[1], last)
}

func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post URL STATUS REGEXP")
	}
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	resp, err := http.Post(args[0], "", nil)
	ts.Check(err)
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[1] || !want.Match(text) {
		ts.Fatalf("%s: %d %.800s, want %s %q", args[0], resp.StatusCode, text, args[1], args[2])
	}
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "INT": os.Interrupt, "TERM": syscall.SIGTERM}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal HUP|INT|TERM")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

func ndjsonKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ndjson FILE KEY...")
	}
	if err := sameKeys(ts.ReadFile(args[0]), args[1:]); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

// sameKeys checks that text is lines of objects that have exactly these keys.
func sameKeys(text string, keys []string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		got, err := topKeys(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		for _, k := range keys {
			if !got[k] {
				return fmt.Errorf("line %d has no %q: %s", i+1, k, line)
			}
			delete(got, k)
		}
		for k := range got {
			return fmt.Errorf("line %d has %q, which is not promised", i+1, k)
		}
	}
	return nil
}

func topKeys(line string) (map[string]bool, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for k := range object {
		keys[k] = true
	}
	return keys, nil
}
