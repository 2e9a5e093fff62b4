//go:build linux && amd64

package engine

// Stream is a running statement whose output is taken chunk by chunk, so that memory does
// not grow with the result. It belongs to its connection and must be closed.
type Stream struct {
	conn   *Conn
	handle resultHandle
	chunk  resultHandle
	ended  bool

	counters Counters
}

// Next blocks until the next chunk is there and returns it, or nil at the end. The bytes
// are the library's and valid only until the next call of Next or Close. After an error
// the stream is at its end.
func (s *Stream) Next() ([]byte, error) {
	s.drop()
	for !s.ended {
		s.chunk = s.conn.symbols.streamFetch(s.conn.handle, s.handle)
		if err := s.conn.failure(s.chunk); err != nil {
			s.ended = true
			return nil, err
		}
		if now := s.conn.counters(s.chunk); now != (Counters{}) {
			s.counters = now
		}
		if content := s.conn.content(s.chunk); len(content) > 0 {
			return content, nil
		}
		// A chunk with rows but no bytes is not the end: a format may keep bytes back.
		s.ended = s.conn.symbols.resultRowsRead(s.chunk) == 0
		s.drop()
	}
	return nil, nil
}

// Close cancels what still runs and frees the statement. It may be called twice.
func (s *Stream) Close() {
	s.drop()
	if s.handle == 0 {
		return
	}
	if !s.ended {
		s.conn.symbols.streamCancel(s.conn.handle, s.handle)
	}
	s.conn.destroy(s.handle)
	s.handle = 0
	s.ended = true
}

func (s *Stream) drop() {
	s.conn.destroy(s.chunk)
	s.chunk = 0
}

// Counters are the figures up to the chunk that Next returned last.
func (s *Stream) Counters() Counters { return s.counters }
