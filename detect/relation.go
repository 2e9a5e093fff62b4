package detect

import "slices"

// Names of the relations that the code itself knows; a policy may declare others, which
// facts of kind relation then prove.
const (
	relationMember = "member"
	relationShare  = "share_link"
	relationTicket = "support_ticket"
)

// tie is a declared relation that holds between the actor and a record.
type tie struct {
	name  string
	grace bool
	// columns that it covers; empty means all
	columns []string
}

// explain looks for declared relations that hold as of the access and between them cover
// every returned column; what is public needs no relation. outside are the columns beyond
// those that otherwise hold; unclear is one that covers some columns while the log does
// not say which came back.
func (j *Judge) explain(i int, member standing) (held tie, ok bool, outside []string, unclear string) {
	r := &j.records[i]
	try := func(t tie) bool {
		out, known := columnsBeyond(r, t.columns)
		switch {
		case len(t.columns) == 0 || known && len(out) == 0:
			held = t
			return true
		case !known:
			unclear = t.name
			return false
		}
		if outside == nil {
			outside = j.beyondPublicState(r, out)
		} else {
			outside = slices.DeleteFunc(outside, func(c string) bool { return !slices.Contains(out, c) })
		}
		held = t
		return len(outside) == 0
	}
	if member == standingHolds || member == standingGrace {
		t := tie{name: relationMember, grace: member == standingGrace, columns: relationColumns(r.Table, relationMember)}
		if try(t) {
			return held, true, nil, ""
		}
	}
	if r.ID != "" {
		if j.shared(r, try) || j.related(r, try) {
			return held, true, nil, ""
		}
	}
	if j.supports(r, try) {
		return held, true, nil, ""
	}
	return tie{}, false, outside, unclear
}

// relationColumns gives the columns that a table declares for a relation.
func relationColumns(t *Table, name string) []string {
	if r := declared(t, name); r != nil {
		return r.Columns
	}
	return nil
}

// declared finds a relation that a table declares.
func declared(t *Table, name string) *TableRelation {
	if t == nil {
		return nil
	}
	for i := range t.Relations {
		if t.Relations[i].Name == name {
			return &t.Relations[i]
		}
	}
	return nil
}

// columnsBeyond gives the returned columns that are not covered. The record's id is
// always covered. known is false when the log does not say which columns came back.
func columnsBeyond(r *AccessRecord, covered []string) (out []string, known bool) {
	if len(r.Columns) == 0 {
		return nil, false
	}
	for _, c := range r.Columns {
		if !slices.Contains(covered, c) && (r.Table == nil || c != r.Table.ID) {
			out = append(out, c)
		}
	}
	return out, true
}

// both joins two limits on columns: what both cover. An empty limit is none.
func both(a, b []string) []string {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	var out []string
	for _, c := range a {
		if slices.Contains(b, c) {
			out = append(out, c)
		}
	}
	if out == nil {
		out = []string{""} // they cover no column in common
	}
	return out
}

// shared tries the shares of a record with the actor, or with the link token presented.
func (j *Judge) shared(r *AccessRecord, try func(tie) bool) bool {
	f := j.facts
	if !f.known[sortShare] && !f.known[sortLink] {
		return false
	}
	table, ok := f.ids.find(r.Name)
	record, also := f.number(r.ID)
	if !ok || !also {
		return false
	}
	at := j.acc.Time
	limit := relationColumns(r.Table, relationShare)
	tryKey := func(k factKey) bool {
		lo, hi := at, at
		for _, grace := range [...]bool{false, true} {
			if grace {
				lo, hi = at-int64(j.policy.Grace.MemberAfter), at+int64(j.policy.Grace.MemberBefore)
			}
			var space [4]uint32
			for _, s := range f.holding(space[:0], k, lo, hi) {
				if try(tie{name: relationShare, grace: grace, columns: both(limit, f.columns[s])}) {
					return true
				}
			}
		}
		return false
	}
	if j.person != 0 && tryKey(factKey{sortShare, table, record, j.person, 0}) {
		return true
	}
	for _, other := range f.samePeople(j.person, at) {
		if tryKey(factKey{sortShare, table, record, other, 0}) {
			return true
		}
	}
	for i := range j.acc.Requests {
		if token, known := f.ids.find(j.acc.Requests[i].ShareToken); known && token != 0 && tryKey(factKey{sortLink, table, record, token, 0}) {
			return true
		}
	}
	return false
}

// related tries the relations of the owner's own that the table declares.
func (j *Judge) related(r *AccessRecord, try func(tie) bool) bool {
	f := j.facts
	if r.Table == nil || j.person == 0 || !f.known[sortRelation] {
		return false
	}
	table, ok := f.ids.find(r.Name)
	record, also := f.number(r.ID)
	if !ok || !also {
		return false
	}
	if j.relatedAs(r, j.person, table, record, try) {
		return true
	}
	for _, other := range f.samePeople(j.person, j.acc.Time) {
		if j.relatedAs(r, other, table, record, try) {
			return true
		}
	}
	return false
}

// relatedAs tries them for one id of the actor.
func (j *Judge) relatedAs(r *AccessRecord, person, table, record uint32, try func(tie) bool) bool {
	f, at := j.facts, j.acc.Time
	for i := range r.Table.Relations {
		relation := &r.Table.Relations[i]
		name, known := f.ids.find(relation.Name)
		if !known {
			continue
		}
		k := factKey{sortRelation, table, record, person, name}
		var space [4]uint32
		for _, s := range f.holding(space[:0], k, at, at) {
			if try(tie{name: relation.Name, columns: both(relation.Columns, f.columns[s])}) {
				return true
			}
		}
		if len(f.holding(space[:0], k, at-int64(j.policy.Grace.MemberAfter), at+int64(j.policy.Grace.MemberBefore))) > 0 &&
			try(tie{name: relation.Name, grace: true, columns: relation.Columns}) {
			return true
		}
	}
	return false
}
