package detect

import (
	"slices"

	"trespass.dev/trespass/detect/query"
)

// choose takes a condition of alternatives that holds for every row that came back, such
// as buyer_id = $1 OR seller_id = $1. Who owns a row in each alternative, by whatever
// column, owns each of the rows; whose the rows are by different people in different
// alternatives, nobody can tell. Such an owner is noted without a column.
func (a *asked) choose(s *StatementLine, t *Table, c *query.Choice) {
	if len(t.Owners) == 0 {
		return
	}
	var common []string
	for i, filters := range c.Alternatives {
		var here []string
		for k := range filters {
			f := &filters[k]
			if !slices.Contains(t.Owners, f.Column) {
				continue
			}
			if value, ok := s.single(f); ok && value != "" {
				here = append(here, canonicalID(value))
			}
		}
		if i == 0 {
			common = here
		} else {
			common = slices.DeleteFunc(common, func(id string) bool { return !slices.Contains(here, id) })
		}
		if len(common) == 0 {
			return
		}
	}
	for _, id := range common {
		a.owners = addOwners(a.owners, []Owner{{ID: id}})
	}
}

// ownersByChoice takes the owners that a filter fixes without saying by which column, of
// rows whose owner columns are known in part: named of them, by stronger sources. With an
// outcome they are owners. Without, what was asked for by the actor's own id can be
// nobody else's. more is how many of the columns left they fill.
func (j *Judge) ownersByChoice(r *AccessRecord, n *note, named int, own ownership) (_ ownership, more int, against bool) {
	for _, p := range n.predicate {
		if p.Column != "" {
			continue
		}
		mine := j.acc.Actor.Kind == ActorUser && j.isActor(p.ID)
		known := slices.ContainsFunc(r.Owners, func(o Owner) bool { return canonicalID(o.ID) == canonicalID(p.ID) })
		full := named > 0 && named == ownerColumns(r.Table)
		switch {
		case known: // and counted by its column
		case full && (r.CameBack == Yes || mine):
			n.conflict = true // the stronger sources name others in every column
			against = against || mine
			j.addOwner(r, "", p.ID)
		case r.CameBack == Yes:
			j.addOwner(r, "", p.ID)
			more++
			if mine && own != ownYes {
				own = ownYes
			}
		case mine && own != ownYes:
			own = ownYes
		}
	}
	return own, more, against
}
