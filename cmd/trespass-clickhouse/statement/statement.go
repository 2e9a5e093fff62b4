package statement

import "strings"

// Kind says what a statement does, as far as the listener has to know.
type Kind uint8

// The kinds.
const (
	Select     Kind = iota // SELECT, WITH: returns rows, can be streamed
	Show                   // SHOW, DESCRIBE, EXISTS, EXPLAIN, CHECK: returns a few rows
	InsertData             // INSERT with data behind it
	Insert                 // INSERT … SELECT
	Session                // SET, USE: changes the session only
	Change                 // everything else
)

// ReadOnly says whether a statement of this kind leaves the stored data as it was.
func (k Kind) ReadOnly() bool { return k == Select || k == Show || k == Session }

// Statement is one statement that may be run.
type Statement struct {
	Kind Kind
	// SQL is the text to run, without the semicolon. For InsertData it has to be
	// completed with FromFile.
	SQL string
	// Query is SQL without a FORMAT clause at its end, for use as a subquery.
	Query string
	// Format is the name in the FORMAT clause, or empty.
	Format string
	// Data is the offset in the parsed text at which the data of InsertData begins.
	Data int
	// Identifiers are the parameters of type Identifier, whose values have to pass
	// RefuseParam.
	Identifiers []string

	settings string // InsertData: the SETTINGS clause
}

// FromFile returns the INSERT with its data taken from the file at path, which must be
// one of ours. Only meaningful for InsertData.
func (s Statement) FromFile(path string) string {
	var b strings.Builder
	b.WriteString(s.SQL)
	b.WriteString(" FROM INFILE '" + path + "'")
	if s.settings != "" {
		b.WriteString(" " + s.settings)
	}
	b.WriteString(" FORMAT " + s.Format)
	return b.String()
}

// Parse reads one statement from text and refuses everything that must not reach the
// engine. Data of an INSERT is not looked at. Errors are of type *Error.
func Parse(text []byte) (Statement, error) {
	p := &parser{lex: lexer{text: text}}
	if err := p.advance(); err != nil {
		return Statement{}, err
	}
	if p.tok.kind == tokenEnd {
		return Statement{}, syntaxError("empty query")
	}
	if p.isWord("INSERT") {
		return p.insert()
	}
	return p.other()
}

// kinds lists the words a statement can begin with. What is not here never reaches the
// engine: ATTACH … FROM moves any directory of the machine into the store, BACKUP and
// RESTORE write and read files, DETACH, GRANT and the like are not for clients.
func kindOf(word string) (Kind, bool) {
	switch strings.ToUpper(word) {
	case "SELECT", "WITH", "(", "FROM":
		return Select, true
	case "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK":
		return Show, true
	case "SET", "USE":
		return Session, true
	case "CREATE", "REPLACE", "ALTER", "DROP", "TRUNCATE", "RENAME", "EXCHANGE", "OPTIMIZE", "DELETE", "UPDATE", "KILL", "SYSTEM":
		return Change, true
	}
	return Change, false
}
