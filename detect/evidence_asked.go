package detect

import (
	"slices"

	"trespass.dev/trespass/detect/query"
)

// asked is what the filters of a statement say of each row that it gave: whose it is, of
// which tenant, in which state.
type asked struct {
	owners []Owner
	tenant string
	state  []Pair
	each   reasons // reasons of which each row has one
}

// add takes one equality.
func (a *asked) add(j *Judge, t *Table, column, value string) {
	switch {
	case slices.Contains(t.Owners, column):
		if o := (Owner{Column: column, ID: value}); !slices.Contains(a.owners, o) {
			if a.owners == nil {
				a.owners = j.owned.Take(1)[:0]
			}
			a.owners = append(a.owners, o)
		}
	case column == t.Tenant && column != "":
		if a.tenant == "" {
			a.tenant = value
		}
	case t.Public != nil && slices.ContainsFunc(t.Public.When, func(p Pair) bool { return p.Name == column }):
		a.state = append(slices.Clip(a.state), Pair{Name: column, Value: value})
	}
}

// heard joins what one more statement says of a record. What was asked for is true of the
// record if that statement gave it. Where no statement is known to have given it, it came
// by one of them, and only what all of them asked for is true.
func (n *note) heard(a asked, first, gave bool) {
	switch {
	case first || gave && !n.gave:
		n.asked, n.gave = a, gave
	case n.gave && !gave:
	case gave:
		n.asked.owners = addOwners(n.asked.owners, a.owners)
		if n.asked.tenant == "" {
			n.asked.tenant = a.tenant
		}
		n.asked.state = append(slices.Clip(n.asked.state), a.state...)
		if n.asked.each == 0 {
			n.asked.each = a.each
		}
	default:
		n.asked.owners = inBoth(n.asked.owners, a.owners)
		if n.asked.tenant != a.tenant {
			n.asked.tenant = ""
		}
		n.asked.state = inBoth(n.asked.state, a.state)
		if n.asked.each != a.each {
			n.asked.each = 0
		}
	}
}

// inBoth gives what two lists have in common.
func inBoth[T comparable](a, b []T) []T {
	var out []T
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// shown joins the columns that one more statement gives of a record.
func (n *note) shown(j *Judge, t *query.Table) {
	switch {
	case t.Star || len(t.Columns) == 0:
		n.open = true
	case n.columns == nil:
		n.columns = t.Columns
	case !slices.Equal(n.columns, t.Columns):
		n.columns = j.union(n.columns, t.Columns)
	}
}

// applyAsked gives each record what its statements asked for, and gave.
func (j *Judge) applyAsked() {
	for i := range j.records {
		r, n := &j.records[i], &j.notes[i]
		if r.Columns == nil && !n.open {
			r.Columns = n.columns // where no line of the application says what the answer held
		}
		if len(n.asked.owners) > 0 {
			n.predicate = addOwners(n.predicate, n.asked.owners)
		}
		if n.asked.tenant != "" && r.Tenant == "" {
			r.Tenant, n.byFilter = n.asked.tenant, true
		}
		if len(n.asked.state) > 0 {
			r.State = append(slices.Clip(r.State), n.asked.state...)
		}
	}
}
