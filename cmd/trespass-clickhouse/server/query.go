//go:build linux && amd64

package server

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// query answers one statement.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		s.refuse(w, http.StatusMethodNotAllowed, badArgument("HTTP method %.20q; use POST, or GET to read", r.Method))
		return
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, badArgument("the URL's parameters: %v", err))
		return
	}
	if err := s.guard.checkLogin(r, q); err != nil {
		s.refuse(w, http.StatusForbidden, err)
		return
	}
	req, err := parseRequest(r, q)
	if err != nil {
		e := exceptionOf(err)
		s.refuse(w, httpStatus(e.Code), e)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.refuse(w, http.StatusServiceUnavailable, engine.NewException(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "too many requests at once; try again"))
		return
	}
	a := s.newReply(w, req)
	err = s.answer(r, req, a)
	if err != nil {
		a.fail(err)
	}
	s.record(req, a, err)
}

// answer reads the statement and runs it.
func (s *Server) answer(r *http.Request, req *request, a *reply) error {
	body, err := bodyReader(r, req.decompress)
	if err != nil {
		return err
	}
	st, data, err := readStatement(req.query, body)
	if err != nil {
		return err
	}
	for _, p := range req.params {
		if !slices.Contains(st.Identifiers, p.Name) {
			continue
		}
		if err := statement.RefuseParam(p.Value); err != nil {
			return err
		}
	}
	if st.Kind != statement.InsertData {
		req.format = or(st.Format, req.format)
	}
	if isHello(st.SQL, req.format, req.helloRevision) {
		block, err := s.about.hello(req.helloRevision)
		if err != nil {
			return err
		}
		a.format(req.format)
		_, err = a.Write(block)
		return err
	}
	var file *dataFile
	if st.Kind == statement.InsertData {
		if file, err = spill(data); err != nil {
			return err
		}
		defer file.Close()
	}
	// The connection notices that the client is gone only once the body is read.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return cannotRead(err)
	}
	return s.withConn(req, st.Kind, func(c *engine.Conn) error {
		stop := s.killWhenGone(r.Context(), req.tag)
		defer stop()
		if file != nil {
			return runPlain(c, st.FromFile(file.Path()), req, a)
		}
		if st.Kind == statement.Select && streams(req.format) {
			return s.runStream(c, st, req, a)
		}
		return runPlain(c, st.SQL, req, a)
	})
}

// runPlain runs a statement whose answer is small or cannot be cut into chunks.
func runPlain(c *engine.Conn, sql string, req *request, a *reply) error {
	out, counters, err := c.Exec(sql, req.format, req.params)
	if err != nil {
		return err
	}
	a.summary(counters)
	a.format(req.format)
	_, err = a.Write(out)
	return err
}

// killWhenGone stops the statement with the given tag when the client has closed the
// connection. The function it returns ends the watch and must be called.
func (s *Server) killWhenGone(ctx context.Context, tag string) (stop func()) {
	finished, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-finished:
			return
		case <-ctx.Done():
		}
		// Once is not enough: the engine finds a statement only after it has begun.
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for {
			if err := s.engine.Kill(tag); err != nil {
				s.log.Warn().Int("code", exceptionOf(err).Code).Msg("could not cancel the statement of a client that is gone")
			}
			select {
			case <-finished:
				return
			case <-again.C:
			}
		}
	}()
	return func() {
		close(finished)
		<-ended
	}
}

// record logs a request without its SQL or data.
func (s *Server) record(req *request, a *reply, err error) {
	event := s.log.Debug()
	if err != nil {
		e := exceptionOf(err)
		event = s.log.Info().Int("code", e.Code).Str("error", e.Name)
	}
	event.Str("query_id", req.id).Dur("took", time.Since(a.began)).Bool("started", a.started).Msg("request")
}
