package detect

import (
	"slices"
)

// settle joins the entries that speak of the same rows: counts and predicates of a table
// whose records an application line lists, and one statement that two lines tell.
func (j *Judge) settle() {
	for i := range j.records {
		r, n := &j.records[i], &j.notes[i]
		if r.ID != "" || n.rows == 0 || n.listed {
			continue
		}
		named, twin := 0, -1
		for k := range j.records {
			o, m := &j.records[k], &j.notes[k]
			if k == i || o.Name != r.Name || m.rows == 0 {
				continue
			}
			if o.ID != "" {
				if m.listed || n.unresolved && m.print == n.print && n.print != 0 {
					named++
				}
				continue
			}
			alike := n.print == m.print // two statements are two readings, and so are two numbers
			if !n.statement || !m.statement {
				alike = n.rows < 0 || m.rows < 0 || n.rows == m.rows
			}
			if twin < 0 && k > i && !m.listed && alike && (n.unresolved || m.unresolved || ownersEqual(n.predicate, m.predicate)) && r.Tenant == o.Tenant {
				twin = k
			}
		}
		switch {
		case named > 0:
			j.absorb(i)
		case twin >= 0:
			j.join(twin, i)
		}
	}
}

// absorb gives what a nameless entry knows to the records of its table that are named,
// and leaves of its rows those beyond them. A record that another statement names by its
// id may be of that one alone, and takes nothing.
func (j *Judge) absorb(i int) {
	r, n := &j.records[i], &j.notes[i]
	lists, gives, theirs := false, r.CameBack == Yes && !j.rivalled(i), int64(0)
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name != r.Name || o.ID == "" || !(m.listed || n.unresolved && m.print == n.print) {
			continue
		}
		for _, p := range n.predicate {
			if p.Column == "" && ownedByOthers(o.Table, m.logged, p.ID) {
				return // these are other rows
			}
			for _, l := range m.logged {
				if l.Column == p.Column && p.Column != "" && canonicalID(l.ID) != canonicalID(p.ID) {
					return
				}
			}
		}
	}
	mayBe := func(m *note) bool { return m.print == 0 || m.print == n.print || !n.statement } // not named by another statement
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name == r.Name && o.ID != "" && (m.listed || n.unresolved && m.print == n.print) && mayBe(m) {
			theirs++
		}
	}
	gives = gives && (n.rows < 0 || n.rows >= theirs) // of fewer rows nobody can tell which they are
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name != r.Name || o.ID == "" || !(m.listed || n.unresolved && m.print == n.print) {
			continue
		}
		lists = lists || m.listed
		if !mayBe(m) {
			continue
		}
		if gives {
			m.predicate = addOwners(m.predicate, n.predicate)
			if m.asked.each == 0 {
				m.asked.each = n.asked.each
			}
			o.CameBack = Yes
			if o.Tenant == "" {
				o.Tenant = r.Tenant
			}
		}
		m.statement = m.statement || n.statement
		for _, origin := range r.Origins {
			j.origin(o, origin)
		}
	}
	if n.rows < 0 || j.head != nil && j.head.Complete && lists && !n.told {
		n.rows = 0 // an access event says itself what came back: rows beyond it did not
	} else {
		n.rows = max(0, n.rows-theirs)
	}
}

// rivalled says whether another statement brought rows of the same table without naming
// them, and says otherwise whose they are: which of the two a listed record came by nobody
// can tell.
func (j *Judge) rivalled(i int) bool {
	r, n := &j.records[i], &j.notes[i]
	if !n.statement {
		return false
	}
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name == r.Name && o.ID == "" && m.statement && m.print != n.print && !(ownersEqual(n.predicate, m.predicate) && r.Tenant == o.Tenant && n.asked.each == m.asked.each) {
			return true
		}
	}
	return false
}

// ownedByOthers says whether a line names an owner in every owner column, and never this one.
func ownedByOthers(t *Table, logged []Owner, id string) bool {
	for _, c := range t.Owners {
		owner, ok := ownerOf(logged, c)
		if !ok || canonicalID(owner) == canonicalID(id) {
			return false
		}
	}
	return true
}

// join adds entry i to entry k of the same rows and empties i.
func (j *Judge) join(k, i int) {
	r, n := &j.records[i], &j.notes[i]
	o, m := &j.records[k], &j.notes[k]
	m.rows, m.told = max(m.rows, n.rows), m.told || n.told
	m.unresolved = m.unresolved && n.unresolved
	m.folded = m.folded && n.folded
	switch {
	case !m.statement:
		m.asked.each = n.asked.each
	case n.statement && m.asked.each != n.asked.each:
		m.asked.each = 0
	}
	m.statement = m.statement || n.statement
	m.predicate = addOwners(m.predicate, n.predicate)
	if r.CameBack == Yes {
		o.CameBack = Yes
	}
	o.Columns = j.union(o.Columns, r.Columns)
	if o.State == nil {
		o.State = r.State
	}
	for _, origin := range r.Origins {
		j.origin(o, origin)
	}
	n.rows = 0
}

func ownersEqual(a, b []Owner) bool {
	if len(a) != len(b) {
		return false
	}
	for _, o := range a {
		if !slices.Contains(b, o) {
			return false
		}
	}
	return true
}

// drop takes entries away.
func (j *Judge) drop(gone func(*AccessRecord, *note) bool) {
	kept := 0
	for i := range j.records {
		if gone(&j.records[i], &j.notes[i]) {
			continue
		}
		if kept != i {
			j.records[kept], j.notes[kept] = j.records[i], j.notes[i]
		}
		kept++
	}
	if kept == len(j.records) {
		return
	}
	j.records, j.notes = j.records[:kept], j.notes[:kept]
	clear(j.index)
	for i := searchFew; i < kept; i++ {
		if r := &j.records[i]; r.ID != "" {
			j.index[recordKey{r.Name, r.ID}] = i
		}
	}
}
