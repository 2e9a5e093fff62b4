//go:build linux && amd64

package server

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// Server answers HTTP requests with one engine.
type Server struct {
	engine   *engine.Engine
	database string
	guard    guard
	scratch  string
	log      zerolog.Logger
	about    about
	sessions *sessions
	slots    chan struct{}

	http    http.Server
	stop    context.CancelFunc // cancels what still runs
	running context.Context
}

// New returns a server for an open engine. It asks the engine who it is, once.
func New(o Options) (*Server, error) {
	if o.Password == "" {
		return nil, errors.New("no password: any program on this machine could use the engine")
	}
	a, err := askAbout(o.Engine)
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its version: %w", err)
	}
	s := &Server{
		engine:   o.Engine,
		database: o.Database,
		guard:    guard{password: o.Password},
		scratch:  o.Scratch,
		log:      o.Log,
		about:    a,
		sessions: newSessions(),
		slots:    make(chan struct{}, maxConcurrent),
	}
	s.running, s.stop = context.WithCancel(context.Background())
	s.http = http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          stdlog.New(o.Log, "", 0),
		BaseContext:       func(net.Listener) context.Context { return s.running },
	}
	return s, nil
}

// Version is the engine's version, for example "26.5.1.1".
func (s *Server) Version() string { return s.about.version }

// Serve answers requests on l until Shutdown. It returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting, lets running requests finish while ctx lasts, then cancels
// the rest and waits for them as long again as the engine needs to notice, at most two
// seconds. It returns false if a request was still running: the engine must then not be
// closed, only left with the process.
func (s *Server) Shutdown(ctx context.Context) bool {
	err := s.http.Shutdown(ctx)
	s.stop()
	if err != nil {
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		err = s.http.Shutdown(last)
	}
	s.sessions.closeAll()
	return err == nil
}

func (s *Server) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.guard.checkOrigin(r); err != nil {
			s.refuse(w, http.StatusForbidden, err)
			return
		}
		switch r.URL.Path {
		case "/ping", "/replicas_status":
			w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
			fmt.Fprint(w, "Ok.\n")
		case "/":
			s.query(w, r)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, "There is no handle %s\n\nUse / or /ping.\n", strings.Map(printable, r.URL.Path))
		}
	})
}

// printable drops what could confuse a terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
