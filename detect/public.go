package detect

import (
	"slices"
)

// publicState says whether the record is public as of the access: No also for a table
// that is never public.
func (j *Judge) publicState(r *AccessRecord) Tri {
	if r.Table == nil || r.Table.Public == nil {
		return No
	}
	answer := Yes
	for _, want := range r.Table.Public.When {
		switch j.stateIs(r, want) {
		case No:
			return No
		case Unknown:
			answer = Unknown
		}
	}
	return answer
}

// stateIs compares one state column, facts first, within the clocks' difference.
func (j *Judge) stateIs(r *AccessRecord, want Pair) Tri {
	f := j.facts
	if r.ID != "" && f.known[sortState] {
		table, ok := f.ids.find(r.Name)
		record, also := f.number(r.ID)
		column, named := f.ids.find(want.Name)
		if ok && also && named {
			k := factKey{sortState, table, record, column, 0}
			skew := int64(j.policy.Grace.ClockSkew)
			var space [4]uint32
			said := f.holding(space[:0], k, j.acc.Time-skew, j.acc.Time+skew)
			for _, s := range said {
				if f.ids.name(f.spans[s].value) == want.Value {
					return Yes
				}
			}
			if len(said) > 0 {
				return No
			}
		}
	}
	answer := Unknown
	for _, p := range r.State {
		if p.Name == want.Name {
			if p.Value != want.Value {
				return No
			}
			answer = Yes
		}
	}
	return answer
}

// beyondPublicState leaves of a list the columns that are not public, of a record whose
// state is and some of whose returned columns are not.
func (j *Judge) beyondPublicState(r *AccessRecord, list []string) []string {
	if j.publicState(r) != Yes {
		return list
	}
	private, _ := j.beyondPublic(r)
	if len(private) == 0 {
		return list // it is public, and needs no relation
	}
	return slices.DeleteFunc(list, func(c string) bool { return !slices.Contains(private, c) })
}

// beyondPublic gives the returned columns that are not public. The id and the columns
// that make the state are part of being public.
func (j *Judge) beyondPublic(r *AccessRecord) (out []string, known bool) {
	if len(r.Columns) == 0 {
		return nil, false
	}
	p := r.Table.Public
	for _, c := range r.Columns {
		if c == r.Table.ID || slices.Contains(p.Columns, c) || slices.ContainsFunc(p.When, func(w Pair) bool { return w.Name == c }) {
			continue
		}
		out = append(out, c)
	}
	return out, true
}
