package postgres

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// effects are the kinds of change that the text of a line may make. An audit line of
// Postgres 16 and older repeats a string of several statements for each of them, so only
// what the line's command can do is taken from it.
type effects uint8

const (
	bySet effects = 1 << iota
	byReset
	byDiscard
	byConfig // set_config
	byTransaction

	nothing    effects = 0
	everything effects = 1<<iota - 1
)

// effectsOf says what an audit line can do.
func effectsOf(st *detect.Statement) effects {
	if st.Class != "MISC" {
		if st.Class == "READ" && st.Object == "" {
			return byConfig
		}
		return nothing
	}
	switch st.Command {
	case "SET":
		return bySet
	case "RESET":
		return byReset
	case "DISCARD ALL":
		return byDiscard
	case "BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION":
		return byTransaction
	}
	return nothing
}

// walker walks the text of one statement once: over the comments, for ids of the
// request, and over SET, RESET, DISCARD and set_config, for what they change. What looks
// like either inside of a string or a quoted name is stepped over.
type walker struct {
	lexer
	st   *detect.Statement
	does effects
	json jsonscan.Scanner

	set      *detect.Settings // nil until something is set
	idRank   int              // of the header that gave set.RequestID
	commands int              // statements of the text
	reads    bool             // one of them does more than to change state
	prepares bool             // one of them is PREPARE
	list     int              // where a select list of nothing but set_config has come to; -1 outside
	configs  int              // calls of set_config in that list
}

// read fills what the text of st says, and makes a Setting of a statement that only
// changes state. It is called last, when all else of st is known.
func (w *walker) read(st *detect.Statement, mem *decode.Scratch, does effects) {
	w.lexer = lexer{sql: st.SQL, mem: mem}
	w.st, w.does, w.set, w.idRank, w.commands, w.reads, w.prepares, w.list = st, does, nil, 0, 0, false, false, -1
	w.walk()
	if w.prepares && w.commands == 1 {
		// At each EXECUTE the audit log writes this text again. Its comments are of the request
		// that prepared it, not of the one that runs it.
		st.RequestID, st.TraceID, st.Route = "", "", ""
	}
	if st.RequestID == "" || st.TraceID == "" {
		w.conventions(st.App)
	}
	if does == nothing {
		return
	}
	if st.SQL == "" && does&(bySet|byReset) != 0 && st.Kind == detect.StatementAudit && !st.Previous {
		w.settings().RoleHidden = true
	}
	st.Settings = w.set
	switch {
	case st.Kind == detect.StatementAudit && does != byConfig:
		w.normalise()
		st.Kind = detect.StatementSetting
	case w.commands > 0 && !w.reads && (st.Kind == detect.StatementText || st.Kind == detect.StatementAudit):
		st.Kind = detect.StatementSetting
	}
	if st.Settings != nil && (st.Kind == detect.StatementSetting || st.Kind == detect.StatementTwin) {
		// Claims, headers and cookies stand in them, and nobody needs them any more.
		st.SQL, st.Params, st.ParamsKnown = "", nil, false
	}
}

// normalise gives the commands of transactions one name each.
func (w *walker) normalise() {
	switch w.st.Command {
	case "START TRANSACTION":
		w.st.Command = "BEGIN"
	case "ROLLBACK":
		w.at = 0
		if w.commands == 1 && verbOf(w.leading()) == verbRollback && w.toSavepoint() {
			w.st.Command = "ROLLBACK TO"
		}
	}
}

// nextStop gives the place of the next byte from i on at which the walk must look closer,
// or len(sql): a quote of either kind, a slash, a dash, a dollar, a semicolon, or an
// underscore before a c, of set_config. It may give a few other bytes too.
func nextStop(sql string, i int) int {
	b := bytesOf(sql)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i : i+8])
		stop := zeros((w|ones*0x0a)^ones*'/') | // a single quote, a dash, a slash and, of no use, a percent sign
			zeros(w^ones*'"') | zeros(w^ones*'$') | zeros(w^ones*';')
		if under := zeros(w ^ ones*'_'); under != 0 {
			// What follows the last byte is not at hand.
			stop |= under & (zeros((w|ones*0x20)^ones*'c')>>8 | 1<<63)
		}
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)>>3
		}
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '\'', '"', '/', '-', '$', ';', '_':
			return i
		}
	}
	return i
}

func (w *walker) walk() {
	w.statement()
	for sql := w.sql; ; {
		at := nextStop(sql, w.at)
		if w.at = at; at >= len(sql) {
			break
		}
		switch sql[at] {
		case '\'':
			w.skipString()
		case '"':
			w.skipName()
		case '$':
			w.skipDollar()
		case '/', '-':
			if body, ok := w.comment(); ok {
				w.tags(body)
				w.overComment(at)
			}
		case '_':
			w.config()
		case ';':
			w.endList(at)
			w.at++
			w.statement()
		default:
			w.at++
		}
	}
	w.endList(len(w.sql))
}

// statement looks at the first word of the statement that begins here, without moving on
// unless it is one that is read whole.
func (w *walker) statement() {
	w.list = -1
	at := w.at
	verb := verbOf(w.leading())
	if verb == verbNone {
		if w.at < len(w.sql) && w.sql[w.at] != ';' {
			w.commands++
			w.reads = true
		}
		w.at = at
		return
	}
	if w.commands++; w.commands == 1 && w.st.Command == "" {
		w.st.Command = commands[verb]
	}
	switch verb {
	case verbSet:
		w.afterSet()
	case verbReset:
		w.afterReset()
	case verbDiscard:
		w.afterDiscard()
	case verbRollback:
		if w.does == everything && w.toSavepoint() && w.commands == 1 {
			w.st.Command = "ROLLBACK TO"
		}
	case verbSelect:
		// set_config, or pg_catalog.set_config
		if c := w.peek() | 0x20; c == 's' || c == 'p' {
			w.list, w.configs = w.at, 0
		} else {
			w.reads = true
		}
	case verbBegin, verbCommit, verbSavepoint:
	case verbPrepare:
		w.reads, w.prepares = true, true
	default:
		w.reads = true
	}
	w.at = at // the walk goes over it again, for comments
}

// config looks at a call of set_config, whose underscore is here.
func (w *walker) config() {
	const before, after = "set", "_config"
	from := w.at - len(before)
	if from < 0 || len(w.sql)-w.at < len(after) || w.sql[w.at+1]|0x20 != 'c' || !strings.EqualFold(w.sql[from:w.at+len(after)], before+after) ||
		from > 0 && wordByte(w.sql[from-1]) {
		w.at++
		return
	}
	w.at += len(after)
	if w.peek() != '(' {
		return
	}
	w.at++
	w.gap(from)
	name, value, local := w.argument(), w.argument(), w.argument()
	w.at = w.closing()
	if w.list >= 0 {
		w.list = w.at
		w.configs++
	}
	if w.does&byConfig != 0 && name.known {
		w.assign(name.text, value, local.known && !local.null && falseWord(local.text))
	}
}

// gap looks at what stands in a select list between the call of set_config before and
// the one that begins at to: anything but a comma, a schema and an alias is a read.
func (w *walker) gap(to int) {
	if w.list < 0 || to < w.list {
		return
	}
	if !blankList(w.sql[w.list:to]) {
		w.reads = true
	}
	w.list = to
}

// overComment goes on behind a comment, which began at from.
func (w *walker) overComment(from int) {
	if w.list >= 0 && from >= w.list {
		w.gap(from)
		w.list = w.at
	}
}

func (w *walker) endList(at int) {
	if w.list < 0 {
		return
	}
	if w.gap(at); w.configs == 0 {
		w.reads = true
	}
	w.list = -1
}

// blankList says whether s is no more than what joins calls in a select list.
func blankList(s string) bool {
	if s == "" || s == ", " {
		return true
	}
	s = strings.Trim(s, " \t\r\n,")
	s = strings.TrimSuffix(s, "pg_catalog.")
	s = strings.TrimRight(s, " \t\r\n,")
	if s == "" {
		return true
	}
	if len(s) > 3 && strings.EqualFold(s[:3], "as ") {
		s = strings.TrimLeft(s[3:], " ")
	}
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return !strings.EqualFold(s, "from")
}

// settings gives the settings of this statement.
func (w *walker) settings() *detect.Settings {
	if w.set == nil {
		w.set = w.mem.Settings()
	}
	return w.set
}
