package detect

import (
	"slices"
	"strings"

	"trespass.dev/trespass/detect/query"
)

// statement takes what one statement names of each table whose rows it gives back.
func (j *Judge) statement(s *StatementLine) {
	p := s.Plan
	if p == nil {
		if s.Undecided != "" {
			j.traits |= traitUndecided
		}
		return
	}
	if p.Explain || p.ForeignKey || p.Catalog || p.Aggregate || s.Failed || s.SQLState != "" {
		return
	}
	if bodiless(s.Method) {
		return // the gateway's settings say so: it runs the statement and sends no row
	}
	one := s.one()
	given := 0
	for i := range p.Tables {
		if t := &p.Tables[i]; t.Returns && !t.Subquery && (one == nil || t == one) {
			given++
		}
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		if !t.Returns || t.Subquery || one != nil && t != one {
			continue
		}
		j.given(s, t, given > 1)
	}
	for _, name := range p.Functions {
		if table := j.policy.Table(name); table != nil && !table.Shared {
			j.nameless(s, table, name, nil)
		} else if table == nil && p.Folded {
			j.nameless(s, nil, name, nil)
		}
	}
}

// one gives the table that a line is about, where it stands for one of several statements
// in its text: each has a line of its own, which counts its rows and names its relation.
// nil means that the line does not tell.
func (s *StatementLine) one() *query.Table {
	if !s.Plan.Multi || s.Object == "" {
		return nil
	}
	object := CanonicalTable(s.Object)
	if t := s.Plan.Table(object); t != nil {
		return t
	}
	if i := strings.LastIndexByte(object, '.'); i >= 0 {
		return s.Plan.Table(object[i+1:]) // found through the search path
	}
	return nil
}

// came says what a statement's own line tells of whether want rows of a table came back,
// and how many rows did in all; -1 unknown. t is nil for a function.
func (s *StatementLine) came(t *query.Table, want int) (Tri, int64) {
	if s.Rows < 0 || s.Plan.Folded || s.Rows == 0 && s.Plan.Uncounted {
		return Unknown, -1 // pgaudit writes 0 for what it does not count
	}
	if s.Rows == 0 {
		return No, 0
	}
	whose := s.Plan.Multi && len(s.Plan.Tables) > 1 && s.one() == nil
	if int64(want) > s.Rows || t != nil && t.Optional || whose {
		return Unknown, s.Rows
	}
	return Yes, s.Rows
}

// given takes one table of a statement.
func (j *Judge) given(s *StatementLine, t *query.Table, joined bool) {
	table := j.policy.Table(t.Name)
	if table != nil && table.Shared {
		return
	}
	if table == nil {
		if came, _ := s.came(t, 1); came != No {
			j.nameless(s, nil, t.Name, t)
		}
		return
	}
	ids, unresolved := j.ids[:0], false
	for i := range t.Filters {
		if f := &t.Filters[i]; f.Column == table.ID && table.ID != "" {
			values, ok := s.values(ids[len(ids):], f)
			unresolved = unresolved || !ok
			if len(ids) == 0 {
				ids = values
			}
		}
	}
	j.ids = ids[:0]
	came, rows := s.came(t, len(ids))
	if came == No {
		return
	}
	if came == Yes {
		// A malformed id that brought rows back was no filter: the rows are others.
		ids = slices.DeleteFunc(ids, func(id string) bool { return !table.IDType.Valid(id) })
	}
	if len(ids) == 0 {
		i := j.nameless(s, table, t.Name, t)
		n := &j.notes[i]
		n.unresolved = unresolved
		if !joined && !n.folded {
			n.rows = rows
		}
		return
	}
	for _, id := range ids {
		i := j.record(table, t.Name, id)
		j.fromStatement(i, s, t, came)
	}
}

// nameless takes rows of a table that a statement gives back without naming them.
func (j *Judge) nameless(s *StatementLine, table *Table, name string, t *query.Table) int {
	i := j.record(table, name, "")
	came, _ := s.came(t, 1)
	j.fromStatement(i, s, t, came)
	return i
}

// fromStatement adds what a statement says to a record.
func (j *Judge) fromStatement(i int, s *StatementLine, t *query.Table, came Tri) {
	r, n := &j.records[i], &j.notes[i]
	first := !n.statement
	n.statement = true
	n.seenBy(s.Shared)
	n.folded = s.Plan.Folded
	n.print = s.Plan.Fingerprint
	if r.CameBack != Yes {
		r.CameBack = came
	}
	j.origin(r, s.Origin)
	for _, o := range s.SettingsFrom {
		j.origin(r, o)
	}
	if t == nil {
		return
	}
	n.shown(j, t)
	if r.Table == nil {
		return
	}
	var a asked
	for k := range t.Filters {
		f := &t.Filters[k]
		value, ok := s.single(f)
		if !ok {
			continue
		}
		a.add(j, r.Table, f.Column, value)
	}
	for k := range t.Choices {
		a.choose(s, r.Table, &t.Choices[k])
		if a.each == 0 && len(a.owners) == 0 {
			a.each = j.reasonsOf(s, r.Table, t, &t.Choices[k])
		}
	}
	n.heard(a, first, came == Yes)
}

// values appends the values of a filter to a list, and says whether all of them were
// logged.
func (s *StatementLine) values(values []string, f *query.Filter) (_ []string, ok bool) {
	ok = true
	for _, v := range f.Values {
		text, known := s.value(v)
		switch {
		case !known:
			ok = false
		case v.Array:
			elements, whole := query.ArrayElements(nil, text)
			values, ok = append(values, elements...), ok && whole
		default:
			values = append(values, text)
		}
	}
	return values, ok
}

// single gives the value of a filter that has exactly one, however often it is said.
func (s *StatementLine) single(f *query.Filter) (string, bool) {
	if len(f.Values) == 1 && !f.Values[0].Array {
		return s.value(f.Values[0])
	}
	values, ok := s.values(nil, f)
	if !ok || len(values) == 0 {
		return "", false
	}
	for _, v := range values[1:] {
		if canonicalID(v) != canonicalID(values[0]) {
			return "", false
		}
	}
	return values[0], true
}

// value resolves one value through the parameters or the constants of the text.
func (s *StatementLine) value(v query.Value) (string, bool) {
	if v.Param > 0 {
		if !s.ParamsKnown || v.Param > len(s.Params) {
			return "", false
		}
		p := &s.Params[v.Param-1]
		return p.Value, !p.Unknown && !p.Null
	}
	if v.Literal < 1 || v.Literal > len(s.Literals) {
		return "", false
	}
	return s.Literals[v.Literal-1], true
}

// doors marks statements that change who may read.
func (j *Judge) doors() {
	for i := range j.acc.Statements {
		if s := &j.acc.Statements[i]; s.reads() && s.Plan != nil && len(s.Plan.Doors) > 0 && !s.Failed && s.SQLState == "" {
			j.traits |= traitDoor
		}
	}
}
