// Package query says what the text of one SQL statement reads: which tables, by
// which equalities, under what shape. It guards the parser by bytes and by depth
// of parentheses, and keeps one plan per normalised text.
package query

// Plan is what one statement's text says. A Plan is shared and never changed.
type Plan struct {
	Verb        Verb
	Tables      []Table
	Functions   []string // functions called in FROM or as the only output, canonical names
	Aggregate   bool     // returns only aggregates: no row of a table comes back
	Folded      bool     // PostgREST's shape: the result is folded into one row
	Explain     bool
	ForeignKey  bool // the check that Postgres makes for a foreign key
	Catalog     bool // reads nothing but the catalog, or no table at all
	Multi       bool // several statements in one text
	Door        *Door
	Fingerprint uint64 // of the normalised text
}

// Verb is what a statement does.
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

// Table is one relation that a statement reads or writes.
type Table struct {
	Name     string // canonical: unquoted where plain, no "public." in front
	Write    bool
	Returns  bool     // its rows, or some of their columns, come back to the client
	Columns  []string // columns that come back; empty with Star or when not told
	Star     bool
	Filters  []Filter // equalities that hold for each row that comes back
	Subquery bool     // only inside a predicate
}

// Filter is column = value, or column = any of the values.
type Filter struct {
	Column string
	Values []Value
}

// Value is where a filter's value stands. Exactly one of the two is set.
type Value struct {
	Param   int  // $n, from 1
	Literal int  // nth constant of the text, from 1
	Array   bool // the parameter or literal is a Postgres array: any of its elements
}

// Door is a change of who may read a table.
type Door struct {
	Table  string
	Change string // row_security_off, no_force, policy_created, policy_altered, policy_dropped, grant, definer_function
	Role   string // grantee, or role of the policy
	Always bool   // the policy's expression is always true
}
