package realbroker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

// A member that is there before the broker, the first join of a fresh broker,
// which has no coordinator yet, and a broker that is killed.
func TestFreshBrokerAndItsDeath(t *testing.T) {
	own := kafkatest.NewOwn(t)
	s, err := kafka.New(kafka.Config{Brokers: own.Addresses, Group: "fresh", Topics: []string{"app"}, WatchInterval: 300 * time.Millisecond,
		SessionTimeout: 6 * time.Second, Heartbeat: 500 * time.Millisecond, MaxWait: 100 * time.Millisecond}, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	r := &kafkatest.Recorder{}
	m := kafkatest.Run(t, s, r)
	m.AwaitState(t, patience, "the broker to be missed", func(s kafka.State) bool {
		return !s.Ready && strings.Contains(s.Reason, "connection refused")
	})

	own.Start(t)
	own.CreateTopic(t, "app", 1)
	own.Produce(t, "app", 0, 0, numbered(0, 10)...)
	seen := r.Wait(t, patience, "the first records", reads("app/0", 10))
	g := seen.Generations[len(seen.Generations)-1]
	if err := g.Commit(t.Context(), kafka.Offset{Topic: "app", Offset: 10, Metadata: "ten"}); err != nil {
		t.Fatal(err)
	}

	own.Kill(t)
	m.AwaitState(t, patience, "the death to be seen", func(s kafka.State) bool { return !s.Ready })
	own.Start(t)
	own.Produce(t, "app", 0, 0, numbered(10, 20)...)
	seen = r.Wait(t, patience, "the records after the death", reads("app/0", 20))
	wantValues(t, seen.Records["app/0"], numbered(0, 20)) // nothing lost, and nothing twice thanks to the commit
	m.AwaitState(t, patience, "the recovery", active)
	g = r.Wait(t, patience, "a generation", func(kafkatest.Seen) bool { return true }).Generations[len(seen.Generations)-1]
	if err := g.Commit(t.Context(), kafka.Offset{Topic: "app", Offset: 20}); err != nil {
		t.Errorf("commit after the recovery: %v", err)
	}
}

const zombieTopic = "TRESPASS_TEST_ZOMBIE"

// zombie is the program of a child process: it reads ten records, commits five,
// says so, and then tries to commit six, seven and so on, until it cannot.
func zombie(topic string) error {
	s, err := kafka.New(kafka.Config{Brokers: broker.Addresses, Group: topic, Topics: []string{topic},
		SessionTimeout: 6 * time.Second, Heartbeat: 500 * time.Millisecond}, zerolog.Nop())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	generations := make(chan *kafka.Generation, 10)
	read := make(chan struct{}, 1)
	r := &kafkatest.Recorder{OnRecords: func(_ context.Context, b *kafka.Batch) error {
		if b.Next == 10 {
			read <- struct{}{}
		}
		return nil
	}, OnBegin: func(g *kafka.Generation) { generations <- g }}
	go func() { _ = s.Run(ctx, r) }()
	g := <-generations
	<-read
	if err := g.Commit(ctx, kafka.Offset{Topic: topic, Offset: 5}); err != nil {
		return err
	}
	fmt.Println("committed")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil { // stopped while it waits here
		return err
	}
	err = g.Commit(ctx, kafka.Offset{Topic: topic, Offset: 6})
	if !errors.Is(err, kafka.ErrFenced) {
		return fmt.Errorf("the commit after the stop: %w, want ErrFenced", err)
	}
	fmt.Println("fenced")
	return nil
}

// A process that is stopped for longer than its session wakes up and finds that
// it must not commit any more.
func TestStoppedProcessCannotOverwrite(t *testing.T) {
	topic := kafkatest.FreshName(t)
	broker.CreateTopic(t, topic, 1)
	broker.Produce(t, topic, 0, 0, numbered(0, 10)...)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), zombieTopic+"="+topic, "TRESPASS_TEST_KAFKA="+strings.Join(broker.Addresses, ","))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	lines := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child said %q, want %q", lines.Text(), want)
		}
	}
	expect("committed")
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}

	r := &kafkatest.Recorder{}
	kafkatest.Run(t, source(t, topic, topic), r)
	name := kafkatest.Name(topic, 0)
	seen := r.Wait(t, patience, "the take-over", reads(name, 5))
	wantValues(t, seen.Records[name], numbered(5, 10))
	if err := seen.Generations[0].Commit(t.Context(), kafka.Offset{Topic: topic, Offset: 9}); err != nil {
		t.Fatal(err)
	}

	if _, err := io.WriteString(in, "go\n"); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	expect("fenced")
	if offset, _ := broker.Committed(t, topic, topic, 0); offset != 9 {
		t.Errorf("the committed offset is %d, want 9", offset)
	}
}
