package postgres

import "strings"

type verb uint8

const (
	verbNone verb = iota
	verbSelect
	verbSet
	verbReset
	verbDiscard
	verbBegin
	verbCommit
	verbRollback
	verbSavepoint
	verbInsert
	verbUpdate
	verbDelete
	verbCopy
	verbPrepare
	verbOther
)

// commands are the names of verbs, as pgaudit gives them.
var commands = [...]string{
	verbSelect: "SELECT", verbSet: "SET", verbReset: "RESET", verbDiscard: "DISCARD ALL", verbBegin: "BEGIN",
	verbCommit: "COMMIT", verbRollback: "ROLLBACK", verbSavepoint: "SAVEPOINT", verbInsert: "INSERT",
	verbUpdate: "UPDATE", verbDelete: "DELETE", verbCopy: "COPY", verbPrepare: "PREPARE", verbOther: "",
}

// verbOf knows the first word of a statement.
func verbOf(word string) verb {
	var upper [10]byte
	switch word {
	case "":
		return verbNone
	case "select", "SELECT": // nearly always
		return verbSelect
	}
	if len(word) > len(upper) {
		return verbOther
	}
	for i := range len(word) {
		c := word[i]
		if c-'a' < 26 {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	switch string(upper[:len(word)]) {
	case "SELECT":
		return verbSelect
	case "SET":
		return verbSet
	case "RESET":
		return verbReset
	case "DISCARD":
		return verbDiscard
	case "BEGIN", "START":
		return verbBegin
	case "COMMIT", "END":
		return verbCommit
	case "ROLLBACK", "ABORT":
		return verbRollback
	case "SAVEPOINT", "RELEASE":
		return verbSavepoint
	case "INSERT":
		return verbInsert
	case "UPDATE":
		return verbUpdate
	case "DELETE":
		return verbDelete
	case "COPY":
		return verbCopy
	case "PREPARE":
		return verbPrepare
	}
	return verbOther
}

// afterSet reads what follows SET: [SESSION | LOCAL] name {TO | =} value, ROLE name,
// SESSION AUTHORIZATION name.
func (w *walker) afterSet() {
	if w.does&bySet == 0 {
		return
	}
	lasts := true
	name := w.setting()
	switch {
	case strings.EqualFold(name, "local"):
		lasts = false
		name = w.setting()
	case strings.EqualFold(name, "session"):
		name = w.setting()
	}
	if strings.EqualFold(name, "authorization") {
		name = "role"
	}
	switch c := w.peek(); {
	case c == '=':
		w.at++
	case c|0x20 == 't':
		at := w.at
		if !strings.EqualFold(w.word(), "to") {
			w.at = at
		}
	}
	w.assign(name, w.constant(), lasts)
}

// setting reads the name of a setting, which may have dots and quotes.
func (w *walker) setting() string {
	w.peek()
	from := w.at
	for w.word(); w.at < len(w.sql) && w.sql[w.at] == '.'; w.word() {
		w.at++
	}
	return strings.Trim(w.sql[from:w.at], `"`)
}

// constant reads a string, a word or a number.
func (w *walker) constant() value {
	if text, ok := w.literal(); ok {
		return value{text: text, known: true}
	}
	quoted := w.peek() == '"'
	word := w.word()
	if word == "" {
		return value{}
	}
	return value{text: word, known: true, null: !quoted && strings.EqualFold(word, "default")}
}

// afterReset reads RESET ROLE, RESET SESSION AUTHORIZATION, RESET ALL. RESET ALL leaves
// the role as it is, as Postgres does, but not the claims.
func (w *walker) afterReset() {
	if w.does&byReset == 0 {
		return
	}
	switch name := w.word(); {
	case strings.EqualFold(name, "role"), strings.EqualFold(name, "session"), strings.EqualFold(name, "session_authorization"):
		w.resetRole()
	case strings.EqualFold(name, "all"):
		w.st.Command = "RESET ALL"
		w.settings().Session = true
		w.noClaims(w.set)
	}
}

// afterDiscard reads DISCARD ALL. The other forms free memory.
func (w *walker) afterDiscard() {
	if w.does&byDiscard != 0 && strings.EqualFold(w.word(), "all") {
		w.resetRole()
		w.noClaims(w.set)
	}
}

func (w *walker) resetRole() {
	s := w.settings()
	s.Reset, s.Session, s.Role, s.RoleHidden = true, true, "", false
}

// toSavepoint says whether a ROLLBACK whose word has been read goes back to a savepoint,
// which ends no transaction.
func (w *walker) toSavepoint() bool {
	next := w.word()
	if strings.EqualFold(next, "work") || strings.EqualFold(next, "transaction") {
		next = w.word()
	}
	return strings.EqualFold(next, "to")
}

// argument reads one argument of a call, with the comma after it. What is more than a
// constant or a parameter with a cast is not known.
func (w *walker) argument() (v value) {
	switch c := w.peek(); {
	case c == '$':
		v = w.parameter()
	case c == '\'' || c|0x20 == 'e':
		if text, ok := w.literal(); ok {
			v = value{text: text, known: true}
		}
	default:
		if word := w.word(); word != "" {
			v = value{text: word, known: true, null: strings.EqualFold(word, "null")}
		}
	}
	if rest := w.sql[w.at:]; strings.HasPrefix(rest, "::") {
		w.at += 2
		w.word()
	}
	switch w.peek() {
	case ',':
		w.at++
	case ')', 0:
	default:
		v = value{}
		w.at = w.comma()
	}
	return v
}

// parameter reads $n and gives its value.
func (w *walker) parameter() value {
	n := 0
	for w.at++; w.at < len(w.sql) && w.sql[w.at]-'0' < 10; w.at++ {
		n = min(n*10+int(w.sql[w.at]-'0'), 1<<20)
	}
	if n == 0 || n > len(w.st.Params) {
		return value{}
	}
	p := w.st.Params[n-1]
	return value{text: p.Value, null: p.Null, known: !p.Unknown}
}

// comma finds what ends this argument: a comma, behind which it stands, or the bracket.
func (w *walker) comma() int {
	from := w.at
	for depth := 0; w.at < len(w.sql); {
		switch w.peek() {
		case '\'':
			w.skipString()
		case '"':
			w.skipName()
		case '(':
			depth++
			w.at++
		case ')':
			if depth == 0 {
				return w.at
			}
			depth--
			w.at++
		case ',':
			w.at++
			if depth == 0 {
				return w.at
			}
		case '$':
			w.skipDollar()
		case 0: // the end, or a zero byte in the text
			w.at = min(w.at+1, len(w.sql))
		default:
			w.at++
		}
	}
	return max(from, w.at)
}

// closing gives the place behind the bracket that closes the call.
func (w *walker) closing() int {
	for w.at < len(w.sql) && w.sql[w.at] != ')' {
		w.at = w.comma()
	}
	return min(w.at+1, len(w.sql))
}

// falseWord knows how Postgres writes false.
func falseWord(s string) bool {
	return strings.EqualFold(s, "false") || strings.EqualFold(s, "f") || s == "0" || strings.EqualFold(s, "off") || strings.EqualFold(s, "no")
}
