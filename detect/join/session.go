package join

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"trespass.dev/trespass/detect"
)

// A session of the database outlives its transactions, and a pooler gives it to one
// client after another. What holds for all of it, SET ROLE without LOCAL for one, is
// kept here in the order of the session's own line numbers, as far back as
// Windows.Session. Where Postgres does not log transaction ids, so are the BEGIN and
// COMMIT that tell its transactions apart.

// mark is one line that changes a session.
type mark struct {
	seq    int64 // session line number; 0 unknown
	time   int64
	line   uint64
	part   int32
	kind   markKind
	data   string // statement, encoded, whose settings are the session's
	origin detect.Origin
}

type markKind uint8

const (
	markSetting markKind = iota
	markBegin
	markEnd
)

// ahead orders marks as the session wrote them; where lines are not numbered, by time,
// and within a millisecond by their order in the partition.
func (m *mark) ahead(o *mark) int {
	if m.seq != 0 && o.seq != 0 {
		return cmp.Or(cmp.Compare(m.seq, o.seq), cmp.Compare(m.line, o.line))
	}
	return cmp.Or(cmp.Compare(m.time, o.time), cmp.Compare(m.part, o.part), cmp.Compare(m.origin.Offset, o.origin.Offset), cmp.Compare(m.line, o.line))
}

// precedes tells whether a mark was there before a statement ran.
func (m *mark) precedes(at moment) bool {
	switch {
	case m.seq != 0 && at.seq != 0:
		return m.seq <= at.seq
	case m.time == at.time && m.part == at.part:
		return m.origin.Offset <= at.offset
	}
	return m.time <= at.time
}

// moment is when a statement ran, as its session counts.
type moment struct {
	seq, time, offset int64
	part              int32
}

func (n *node) moment() moment { return moment{n.seq, n.time, n.offset, n.part} }

type session struct{ marks []mark }

// sessions holds the marks of all sessions that changed lately.
type sessions struct {
	byName map[string]*session
	count  int
	swept  int64 // clock of the last sweep
}

// marksKept bounds the marks of one session and of all; older ones are let go, and
// the state of what still looks for them is unknown.
const (
	marksKept    = 1 << 10
	allMarksKept = 1 << 18
)

func (s *sessions) init() { s.byName, s.swept = map[string]*session{}, never }

// add puts a mark in its place. Its name must live on.
func (s *sessions) add(name string, m mark) {
	at := s.byName[name]
	if at == nil {
		at = &session{}
		s.byName[name] = at
	}
	i, _ := slices.BinarySearchFunc(at.marks, m, func(x, y mark) int { return x.ahead(&y) })
	if i < len(at.marks) && at.marks[i].line == m.line && at.marks[i].time == m.time {
		// The same line again: the least receipt stands.
		if compareOrigins(m.origin, at.marks[i].origin) < 0 {
			at.marks[i].origin = m.origin
		}
		return
	}
	if len(at.marks) >= marksKept || s.count >= allMarksKept {
		if len(at.marks) == 0 || i == 0 {
			return
		}
		copy(at.marks, at.marks[1:i])
		at.marks[i-1] = m
		return
	}
	at.marks = slices.Insert(at.marks, i, m)
	s.count++
}

// forget lets go of the marks before a time.
func (s *sessions) forget(before int64) {
	for name, at := range s.byName {
		n := len(at.marks)
		at.marks = slices.DeleteFunc(at.marks, func(m mark) bool { return m.time < before })
		s.count -= n - len(at.marks)
		if len(at.marks) == 0 {
			delete(s.byName, name)
		}
	}
}

// forgetSessions sweeps now and then: a mark is of no use once nothing that is still
// to be decided can look so far back.
func (d *Detector) forgetSessions() {
	if d.sessions.count == 0 || d.clock == never || d.clock == forever {
		return
	}
	reach := d.w.session + d.w.orphan + d.w.txn
	if d.sessions.swept != never && d.clock-d.sessions.swept < reach/4 {
		return
	}
	d.sessions.swept = d.clock
	d.sessions.forget(d.clock - reach)
}

// before gives the marks that precede a statement, the last first, as far back as
// reach.
func (s *sessions) before(name string, when moment, reach int64, yield func(*mark) bool) {
	at := s.byName[name]
	if at == nil {
		return
	}
	for i := len(at.marks) - 1; i >= 0; i-- {
		m := &at.marks[i]
		if m.time < when.time-reach-reach {
			return
		}
		if m.time < when.time-reach || !m.precedes(when) {
			continue
		}
		if !yield(m) {
			return
		}
	}
}

// boundary tells whether a statement begins or ends a transaction.
func boundary(s *detect.Statement) (markKind, bool) {
	text := s.Command
	if text == "" || s.Kind != detect.StatementAudit {
		text = s.SQL
	}
	text = strings.TrimLeft(text, " \t\r\n")
	end := strings.IndexAny(text, " \t\r\n;")
	word, rest := text, ""
	if end >= 0 {
		word, rest = text[:end], text[end:]
	}
	if semicolon := strings.IndexByte(rest, ';'); semicolon >= 0 && strings.TrimRight(rest[semicolon:], "; \t\r\n") != "" {
		return 0, false // several statements in one text
	}
	switch {
	case strings.EqualFold(word, "begin"), strings.EqualFold(word, "start"):
		return markBegin, true
	case strings.EqualFold(word, "commit"), strings.EqualFold(word, "end"), strings.EqualFold(word, "abort"):
		return markEnd, true
	case strings.EqualFold(word, "rollback"):
		rest = strings.TrimLeft(rest, " \t\r\n")
		to := len(rest) >= 2 && strings.EqualFold(rest[:2], "to")
		return markEnd, !to
	}
	return 0, false
}

// noTxn tells whether a line names no transaction. Postgres writes "3/0" for a line
// that it logs between transactions, such as the duration of what just ended.
func noTxn(txn string) bool { return txn == "" || strings.HasSuffix(txn, "/0") }

// transactionOf names the transaction of a statement that carries no id, by the BEGIN
// before it in its session; without one it is a transaction of its own.
func (d *Detector) transactionOf(name string, n *node) string {
	var b [24]byte
	found := append(b[:0], '#')
	if n.seq != 0 {
		found = strconv.AppendInt(found, n.seq, 10)
	} else {
		found = append(found, '=')
		found = strconv.AppendUint(found, n.line, 16)
	}
	d.sessions.before(name, n.moment(), d.w.txn, func(m *mark) bool {
		switch m.kind {
		case markEnd:
			return false
		case markBegin:
			found = append(found[:0], "begin "...)
			if m.seq != 0 {
				found = strconv.AppendInt(found, m.seq, 10)
			} else {
				found = strconv.AppendInt(found, m.time, 10)
				found = strconv.AppendUint(append(found, ' '), m.line, 16)
			}
			return false
		}
		return true
	})
	return d.arena.Keep(found)
}
