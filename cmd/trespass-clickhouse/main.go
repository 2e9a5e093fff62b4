//go:build linux && amd64

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/server"
)

// Exit codes.
const (
	exitOK     = 0
	exitCould  = 2
	exitUsage  = 64
	exitConfig = 78
)

// drainTime bounds how long running requests may go on after a stop was asked for.
const drainTime = 10 * time.Second

func main() {
	c, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(exitOK)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "trespass-clickhouse: %v\n", err)
		os.Exit(exitUsage)
	}
	level := zerolog.InfoLevel
	if c.verbose {
		level = zerolog.DebugLevel
	}
	log := zerolog.New(os.Stderr).Level(level).With().Timestamp().Logger()
	if err := run(c, log); err != nil {
		log.Error().Err(err).Msg("trespass-clickhouse could not run")
		os.Exit(exitCode(err))
	}
}

// exitCode tells what a person has to mend from what may work another time.
func exitCode(err error) int {
	if errors.Is(err, errPassword) || errors.Is(err, engine.ErrLibrary) || errors.Is(err, engine.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return exitConfig
	}
	return exitCould
}

// run opens the directory and answers requests until it is told to stop.
func run(c config, log zerolog.Logger) error {
	if err := confine(c, log); err != nil {
		return err
	}
	stopped, stop := stopper(log)
	if c.stopWithStdin {
		watchStdin(stop)
	}
	if c.parentPID != 0 {
		if err := watchParent(c.parentPID, stop); err != nil {
			return err
		}
	}
	lock, err := engine.Acquire(c.data)
	if err != nil {
		return err
	}
	defer lock.Release()
	library, err := locateLibrary(c.library)
	if err != nil {
		return err
	}
	password, err := readPassword(c.passwordFile)
	if err != nil {
		return err
	}
	// Before the engine: a port that is taken should not cost its start.
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	defer listener.Close()
	began := time.Now()
	e, err := engine.Open(engine.Options{
		Dir: c.data, Library: library, Pin: engine.PinnedLibrary(), CPU: engine.HostCPU(),
		Database: c.database, MemoryBytes: c.memoryBytes,
	})
	if err != nil {
		return err
	}
	// The engine has put its own handlers in; ours for stopping come after it.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { stop((<-signals).String()) }()
	s, err := server.New(server.Options{
		Engine: e, Database: c.database, Password: password,
		Scratch: filepath.Join(c.data, "scratch"), Log: log,
	})
	if err != nil {
		e.Close()
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	addr := listener.Addr().String()
	log.Info().Str("addr", addr).Str("engine", s.Version()).Str("data", c.data).Dur("took", time.Since(began)).Msg("answering")
	if err := announce(c, lock, addr); err != nil {
		return err
	}
	select {
	case err = <-served:
	case <-stopped:
	}
	return errors.Join(err, shutDown(s, e, log))
}

// announce tells everybody who waits where requests are answered.
func announce(c config, lock *engine.Lock, addr string) error {
	if err := lock.Announce(addr); err != nil {
		return err
	}
	if c.readyFile != "" {
		if err := writeReady(c.readyFile, ready{Addr: addr, PID: os.Getpid()}); err != nil {
			return err
		}
	}
	_, err := fmt.Printf("listening http://%s\n", addr)
	return err
}

// stopper returns a channel that is closed by the first call of stop.
func stopper(log zerolog.Logger) (stopped <-chan struct{}, stop func(reason string)) {
	done := make(chan struct{})
	var once sync.Once
	return done, func(reason string) {
		once.Do(func() {
			log.Info().Str("reason", reason).Msg("stopping")
			close(done)
		})
	}
}

// shutDown lets requests finish, then stops the engine. An engine with a statement that
// cannot be stopped is left to the end of the process: its data is safe at any moment.
func shutDown(s *server.Server, e *engine.Engine, log zerolog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if !s.Shutdown(ctx) {
		log.Warn().Msg("a request did not end in time; leaving it")
		return nil
	}
	e.Close()
	log.Info().Msg("stopped")
	return nil
}
