//go:build linux && amd64

package server

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// session is an engine session kept between requests with the same session_id, for
// temporary tables and SET.
type session struct {
	conn   *engine.Conn
	fresh  bool // not used by any request yet
	busy   bool
	expire *time.Timer
}

// sessions are all kept sessions. A session is used by one request at a time, as on a
// server.
type sessions struct {
	mu     sync.Mutex
	byID   map[string]*session
	closed bool
}

func newSessions() *sessions { return &sessions{byID: make(map[string]*session)} }

// acquire returns the session, made if missing, for the caller alone until release.
func (s *sessions) acquire(e *engine.Engine, id string, mustExist bool) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[id]
	switch {
	case s.closed:
		return nil, engine.NewException(236, "ABORTED", "the listener is stopping")
	case ok && found.busy:
		return nil, engine.NewException(373, "SESSION_IS_LOCKED", "the session is used by another request; give each its own session_id")
	case ok:
		found.expire.Stop()
		found.busy = true
		return found, nil
	case mustExist:
		return nil, engine.NewException(372, "SESSION_NOT_FOUND", "no such session, or it timed out")
	case len(s.byID) >= maxSessions:
		return nil, engine.NewException(202, "TOO_MANY_SIMULTANEOUS_QUERIES", fmt.Sprintf("more than %d sessions", maxSessions))
	}
	conn, err := e.Connect()
	if err != nil {
		return nil, err
	}
	made := &session{conn: conn, fresh: true, busy: true}
	s.byID[id] = made
	return made, nil
}

// release gives the session back. It ends after timeout without use, or now when it is
// not fit for use any more.
func (s *sessions) release(id string, used *session, timeout time.Duration, fit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used.busy, used.fresh = false, false
	if !fit || s.closed {
		delete(s.byID, id)
		used.conn.Close()
		return
	}
	used.expire = time.AfterFunc(timeout, func() { s.end(id, used) })
}

func (s *sessions) end(id string, idle *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle.busy || s.byID[id] != idle {
		return // used again just when the time was up
	}
	delete(s.byID, id)
	idle.conn.Close()
}

// closeAll ends the idle sessions and makes busy ones end with their request.
func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, one := range s.byID {
		if !one.busy {
			one.expire.Stop()
			delete(s.byID, id)
			one.conn.Close()
		}
	}
}

// withConn runs f on an engine session prepared as the request asks.
func (s *Server) withConn(req *request, kind statement.Kind, f func(*engine.Conn) error) error {
	if req.sessionID == "" {
		c, err := s.engine.Connect()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := s.prepare(c, req, true, req.readonly); err != nil {
			return err
		}
		return f(c)
	}
	// readonly cannot be taken back on an engine session, and this one outlives the
	// request, so it is held here.
	if req.readonly != 0 && !kind.ReadOnly() {
		return engine.NewException(164, "READONLY", "Cannot execute query in readonly mode")
	}
	kept, err := s.sessions.acquire(s.engine, req.sessionID, req.sessionCheck)
	if err != nil {
		return err
	}
	fit := false
	defer func() { s.sessions.release(req.sessionID, kept, req.sessionTimeout, fit) }()
	before, err := settingsBefore(kept.conn, req.settings)
	if err != nil {
		return err
	}
	if err := s.prepare(kept.conn, req, kept.fresh, 0); err != nil {
		fit = restore(kept.conn, before) == nil
		return err
	}
	err = f(kept.conn)
	fit = restore(kept.conn, before) == nil
	return err
}

// prepare sets database and settings. Ours come last, so that they win.
func (s *Server) prepare(c *engine.Conn, req *request, fresh bool, readonly int) error {
	database := req.database
	if database == "" || database == "default" {
		// "default" is every server's database for clients that name none; the engine's
		// own of that name shows the file system and is not for use.
		database = s.database
	}
	if fresh || req.database != "" {
		if err := run(c, "USE "+engine.QuoteName(database)); err != nil {
			return err
		}
	}
	var set strings.Builder
	set.WriteString("SET ")
	for _, one := range req.settings {
		set.WriteString(one.name + " = " + engine.QuoteString(one.value) + ", ")
	}
	set.WriteString("async_insert = 0, log_comment = " + engine.QuoteString(req.tag))
	if readonly != 0 {
		fmt.Fprintf(&set, ", readonly = %d", readonly)
	}
	return run(c, set.String())
}

// settingsBefore returns the SET statement that takes the request's settings back.
func settingsBefore(c *engine.Conn, settings []setting) (string, error) {
	if len(settings) == 0 {
		return "", nil
	}
	names := make([]string, len(settings))
	for i, one := range settings {
		names[i] = engine.QuoteString(one.name)
	}
	out, _, err := c.Exec("SELECT name, value, changed FROM system.settings WHERE name IN ("+strings.Join(names, ", ")+")", "TabSeparated", nil)
	if err != nil {
		return "", err
	}
	var back []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 {
			continue
		}
		value := "DEFAULT"
		if fields[2] == "1" {
			value = engine.QuoteString(unescape(fields[1]))
		}
		back = append(back, fields[0]+" = "+value)
	}
	if len(back) == 0 {
		return "", nil
	}
	return "SET " + strings.Join(back, ", "), nil
}

func restore(c *engine.Conn, set string) error {
	if set == "" {
		return nil
	}
	return run(c, set)
}

func run(c *engine.Conn, sql string) error {
	_, _, err := c.Exec(sql, "TabSeparated", nil)
	return err
}
