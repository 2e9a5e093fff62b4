// Package query says what the text of one SQL statement reads: which tables, by
// which equalities, under what shape. It guards the parser by bytes and by depth
// of parentheses, and keeps one plan per normalised text.
package query

// Plan is what one statement's text says. A Plan is shared and never changed. It
// never depends on the constants of the text, only on where they stand.
type Plan struct {
	Verb        Verb
	Tables      []Table  // one for each name, in the order of the text
	Functions   []string // functions called in FROM or as the only output, canonical names; common built-in ones left out
	Aggregate   bool     // returns only aggregates: no row of a table comes back
	Folded      bool     // the rows are folded into one (PostgREST, json_agg), so that their count says nothing
	Uncounted   bool     // gives rows without any being counted: a cursor is declared, a table copied out
	Explain     bool
	ForeignKey  bool // the check that Postgres makes for a foreign key
	Catalog     bool // reads nothing but the catalog, or no table at all
	Prepares    bool // PREPARE: it reads nothing itself; the audit log writes this text again at each EXECUTE
	Multi       bool // several statements in one text; the plan is of all of them
	Doors       []Door
	Fingerprint uint64 // of the normalised text; the same in every process
}

// Table gives the plan's entry for a canonical name, or nil.
func (p *Plan) Table(name string) *Table {
	for i := range p.Tables {
		if p.Tables[i].Name == name {
			return &p.Tables[i]
		}
	}
	return nil
}

// Verb is what a statement does. A SELECT over a writing WITH clause has the verb
// of that clause. A text of several statements has the verb of its first that is
// neither SET nor transaction control.
type Verb uint8

const (
	VerbOther Verb = iota
	VerbSelect
	VerbInsert
	VerbUpdate
	VerbDelete
	VerbCopy
	VerbFetch
	VerbSet
	VerbTransaction
	VerbDDL
)

var verbNames = [...]string{"other", "select", "insert", "update", "delete", "copy", "fetch", "set", "transaction", "ddl"}

// String gives the lower-case name.
func (v Verb) String() string { return verbNames[v] }

// Table is one relation that a statement reads or writes. A relation that the text
// names several times has one entry: what comes back is then taken together, and
// a filter must hold in each place that comes back.
type Table struct {
	Name     string // canonical, see Canonical
	Write    bool
	Returns  bool     // its rows, or some of their columns, come back to the client
	Columns  []string // columns that come back; empty with Star or when not told
	Star     bool
	Filters  []Filter // equalities that hold for each row that comes back
	Choices  []Choice // of each, one alternative holds for each row that comes back
	Tested   []string // columns that a predicate names, in whatever way; tells a scoped statement from an unscoped one
	Subquery bool     // only inside a predicate
	Optional bool     // a row of the result may hold no row of it: the far side of an outer join, a subquery among the outputs, one side of a UNION
}

// Filter is column = value, or column = any of the values. A column that a join
// names without its table is given to every table that it may belong to; the
// database accepts the statement only if one of them has it.
type Filter struct {
	Column string
	Values []Value
}

// Choice is a condition of several alternatives, as OR makes, or UNION: all filters of
// at least one of them hold.
type Choice struct{ Alternatives [][]Filter }

// Value is where a filter's value stands. Exactly one of the first two is set.
type Value struct {
	Param   int  // $n, from 1
	Literal int  // nth constant of the text, from 1
	Array   bool // the parameter or literal is a Postgres array: any of its elements
}

// Door is a change of who may read a table.
type Door struct {
	Table  string // canonical; "schema.*" for all tables of a schema ("*" for public, and for a change of a role); the function of definer_function
	Change string // row_security_off, no_force, policy_created, policy_altered, policy_dropped, grant, definer_function, role_bypasses, role_granted
	Role   string // grantee, role of the policy, or the role that was changed; "public" for everybody; empty where none is named
	Always bool   // the policy's expression is always true

	Granted string // of role_granted: the role that the grantee may act as
}
