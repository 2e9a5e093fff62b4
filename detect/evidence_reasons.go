package detect

import (
	"slices"

	"trespass.dev/trespass/detect/query"
)

// reasons are why the rows that a condition of several alternatives lets through may be
// read: one row for this, another for that. Of no single row can it be said which.
type reasons uint8

const (
	reasonOwn reasons = 1 << iota
	reasonMember
	reasonPublic
)

// reasonsOf says why the actor may read the rows of each alternative, such as those of
// seller_id = $1 OR status = 'published'; 0 if one of them gives no reason.
func (j *Judge) reasonsOf(s *StatementLine, table *Table, t *query.Table, c *query.Choice) reasons {
	all := reasons(0)
	for _, filters := range c.Alternatives {
		one := j.reasonOf(s, table, filters, t.Filters)
		if one == 0 {
			return 0
		}
		all |= one
	}
	return all
}

// reasonOf gives the first reason that one alternative, with what holds for all rows, tells.
func (j *Judge) reasonOf(s *StatementLine, table *Table, here, always []query.Filter) reasons {
	user := j.acc.Actor.Kind == ActorUser
	for _, filters := range [...][]query.Filter{here, always} {
		for i := range filters {
			f := &filters[i]
			tenant := table.Tenant != "" && f.Column == table.Tenant
			if !user || !tenant && !slices.Contains(table.Owners, f.Column) {
				continue
			}
			value, ok := s.single(f)
			if ok && !tenant && j.isActor(value) {
				return reasonOwn
			}
			if ok && tenant {
				if m, _ := j.facts.member(j.acc.Actor.User, value, j.acc.Time); m == standingHolds {
					return reasonMember
				}
			}
		}
	}
	if table.Public == nil {
		return 0
	}
	for _, want := range table.Public.When {
		says := func(f query.Filter) bool {
			value, ok := s.single(&f)
			return f.Column == want.Name && ok && value == want.Value
		}
		if !slices.ContainsFunc(here, says) && !slices.ContainsFunc(always, says) {
			return 0
		}
	}
	return reasonPublic
}

// eachHasReason gives the verdict of rows each of which has one of several reasons: that of
// the weakest. All columns must be within it, because nobody can tell which row has which.
func (j *Judge) eachHasReason(r *AccessRecord, n *note) (Verdict, string, string) {
	each := n.asked.each
	if each == 0 {
		return VerdictNone, "", ""
	}
	if limit := relationColumns(r.Table, relationMember); each&reasonMember != 0 && len(limit) > 0 {
		if out, known := columnsBeyond(r, limit); !known || len(out) > 0 {
			return VerdictNone, "", ""
		}
	}
	if each&reasonPublic != 0 {
		if out, known := j.beyondPublic(r); !known || len(out) > 0 {
			return VerdictNone, "", ""
		}
		return VerdictPublic, "", "each row is public, with these columns, or the actor has a reason of another kind"
	}
	if each&reasonMember != 0 {
		return VerdictExplained, relationMember, "each row is the actor's own, or of a tenant that the actor is a member of"
	}
	return VerdictOwn, "", "each row is the actor's own, by one id or another"
}
