package postgres

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// entry is one record of a Postgres log, whatever carried it. What the record does not
// carry is empty.
type entry struct {
	time     int64
	lineID   uint64
	session  []byte // hex.hex
	line     int64
	txn      []byte
	login    []byte
	database []byte
	app      []byte
	host     []byte // where the client is; "[local]" for a socket
	pid      []byte
	backend  []byte // backend_type

	severity  []byte // localised, except in jsonlog
	state     []byte // SQLSTATE
	message   []byte
	width     int // of the message: as many quotes of it as stand for one; 0 for 1
	detail    []byte
	statement []byte // text of the statement that failed
}

// reader makes events of entries. Every decoder of this package holds one.
type reader struct {
	format string
	clock  clock
	json   jsonscan.Scanner
	walk   walker
}

// event fills ev from e. Every entry of a client's session becomes a statement, also one
// that says nothing, because a gap in the line numbers of a session is a lost line.
func (r *reader) event(e *entry, mem *decode.Scratch, ev *detect.Event) error {
	*ev = detect.Event{Time: e.time, LineID: e.lineID, Origin: ev.Origin}
	client := len(e.backend) == 0 || string(e.backend) == "client backend"
	session := sessionOf(e, mem)
	if !client || len(session) == 0 {
		return nil
	}
	st := mem.Statement()
	st.Session = decode.String(session)
	st.Txn = decode.String(e.txn)
	st.Line = e.line
	st.Login = decode.String(known(e.login))
	st.Database = decode.String(known(e.database))
	st.App = decode.String(known(e.app))
	st.Client = true
	st.Rows = -1
	if string(e.state) != "00000" { // which jsonlog leaves out
		st.SQLState = decode.String(e.state)
	}
	if err := r.body(e, mem, st); err != nil {
		return err
	}
	ev.Kind, ev.Statement = detect.KindStatement, st
	return nil
}

// known empties what the text log writes for a name that is not known yet.
func known(name []byte) []byte {
	if string(name) == "[unknown]" {
		return nil
	}
	return name
}

// sessionOf names the session: by its id, else by host and process, which is unique as
// long as the process lives.
func sessionOf(e *entry, mem *decode.Scratch) []byte {
	if len(e.session) > 0 || len(e.pid) == 0 || len(e.host) == 0 {
		if len(e.session) > 0 {
			return e.session
		}
		return e.pid
	}
	b := mem.Bytes(len(e.host) + 1 + len(e.pid))
	n := copy(b, e.host)
	b[n] = ':'
	copy(b[n+1:], e.pid)
	return b
}

// entryID names an entry by its session and the number of its line there, so that it has
// one id in csvlog and in jsonlog. The time keeps two servers apart that started a
// session in the same second with the same process number.
func entryID(session []byte, line, time int64, record []byte) uint64 {
	var b [48]byte
	if len(session) == 0 || line == 0 || len(session) > len(b)-16 {
		return xxhash.Sum64(record)
	}
	n := copy(b[:], session)
	binary.LittleEndian.PutUint64(b[n:], uint64(line))
	binary.LittleEndian.PutUint64(b[n+8:], uint64(time))
	return xxhash.Sum64(b[:n+16])
}
