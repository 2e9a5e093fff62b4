package detect

import (
	"cmp"
	"slices"
	"strings"
)

// ownership is what the owners of a record are to the actor.
type ownership uint8

const (
	ownNot ownership = iota
	ownYes
	ownGrace     // just before or just after, within the window
	ownConflict  // a logged owner and a fact disagree, and the actor is one of them
	ownContested // several people claim the record, and the actor is one of them
)

// owners finds whose a record is as of the access, and what that is to the actor. The
// sources, strongest first: facts; owners logged by the component that read the row; an
// equality on an owner column, with rows known to have come back. Who read it successfully
// is never a source. A filter without outcome tells one thing only: what was asked for by
// the actor's own id can be nobody else's.
//
// It fills the record's Owners (facts first) and the note's known, complete and conflict,
// and gives the column by which the actor owns it.
func (j *Judge) owners(i int) (own ownership, column string) {
	r, n := &j.records[i], &j.notes[i]
	t := r.Table
	r.Owners = j.owned.Take(max(2, len(n.logged)+1))[:0]
	at := j.acc.Time
	user := j.acc.Actor.Kind == ActorUser

	conflictOwn := false
	named := 0 // owner columns known
	claim := func(id string) bool { return user && j.isActor(id) }

	if t != nil {
		info := j.tables.of(t)
		first := n.row
		for k, c := range t.Owners {
			fact, said, mine, grace := "", false, false, false
			if first != 0 {
				fact, said, mine, grace = j.columnOwner(first, info.columns[k], c, r, n, own != ownYes)
			}
			logged, other, has, twice := loggedOwners(n.logged, c)
			if !has {
				asked, filtered := ownerOf(n.predicate, c)
				switch {
				case filtered && (r.CameBack == Yes || said && claim(asked)):
					logged, has = asked, true // a row that came back has it, or none did
				case filtered && !said && claim(asked) && own != ownYes:
					own, column = ownYes, c // whatever may have come back is the actor's
				}
			}
			if said || has {
				named++
			}
			if asked, filtered := ownerOf(n.predicate, c); filtered && has && r.CameBack == Yes && canonicalID(asked) != canonicalID(logged) {
				n.conflict = true // the row was found under one owner, and logged with another
				j.addOwner(r, c, asked)
				j.addOwner(r, c, logged)
				conflictOwn = conflictOwn || mine || claim(asked) || claim(logged)
				continue
			}
			if twice {
				n.conflict = true
				j.addOwner(r, c, logged)
				j.addOwner(r, c, other)
				conflictOwn = conflictOwn || mine || claim(logged) || claim(other)
				continue
			}
			switch {
			case said && has && logged != fact && canonicalID(logged) != fact && !j.justChanged(first, info.columns[k], logged, at):
				n.conflict = true
				j.addOwner(r, c, logged)
				if mine || claim(logged) {
					conflictOwn = true
				}
			case mine && own != ownYes:
				own, column = ownYes, c
			case grace && own == ownNot:
				own, column = ownGrace, c
			case !said && has:
				j.addOwner(r, c, logged)
				if claim(logged) && own != ownYes {
					own, column = ownYes, c
				}
			}
		}
	}
	if inUnnamed := j.facts.unnamed && r.ID != ""; inUnnamed {
		if table, ok := j.facts.ids.find(r.Name); ok {
			if first := j.facts.rows.get(table, r.ID); first != 0 {
				_, said, mine, grace := j.columnOwner(first, 0, "", r, n, own != ownYes)
				if said && t != nil && len(t.Owners) <= 1 {
					named = len(t.Owners)
				}
				if mine {
					own, column = ownYes, ""
				} else if grace && own == ownNot {
					own = ownGrace
				}
			}
		}
	}
	// Owners that a line names without a column that the policy knows.
	loose := 0
	for k := range n.logged {
		o := &n.logged[k]
		if t != nil && o.Column != "" && slices.Contains(t.Owners, o.Column) {
			continue
		}
		if o.ID == "" {
			continue
		}
		loose++
		if named > 0 && named == ownerColumns(t) && !slices.ContainsFunc(r.Owners, func(k Owner) bool { return canonicalID(k.ID) == canonicalID(o.ID) }) {
			n.conflict = true
			conflictOwn = conflictOwn || claim(o.ID)
		}
		if claim(o.ID) && !n.conflict && own != ownYes {
			own, column = ownYes, o.Column
		}
		if !slices.ContainsFunc(r.Owners, func(k Owner) bool { return canonicalID(k.ID) == canonicalID(o.ID) }) {
			j.addOwner(r, o.Column, o.ID)
		}
	}
	more, against := 0, false
	if len(n.predicate) > 0 {
		own, more, against = j.ownersByChoice(r, n, named, own)
		conflictOwn = conflictOwn || against
	}
	if t != nil && t.Mapping {
		byMapping, c := j.mapped(r, n, at)
		switch {
		case byMapping == ownContested:
			own, column = ownContested, c
		case n.conflict && (own != ownNot || byMapping != ownNot):
			own, column = ownConflict, c
		case own == ownNot:
			own, column = byMapping, c
		}
	}
	columns := ownerColumns(t)
	n.complete = columns > 0 && (named+more >= columns || loose >= columns || n.complete)
	for _, o := range r.Owners {
		if o.ID != "" && !j.facts.deleted(o.ID, at) {
			n.known = true
			break
		}
	}
	switch {
	case n.contested && own == ownYes:
		own = ownContested
	case own == ownNot && conflictOwn:
		own = ownConflict
	}
	if len(r.Owners) > 1 && !slices.IsSortedFunc(r.Owners, compareOwners) {
		slices.SortFunc(r.Owners, compareOwners)
	}
	r.Owners = j.people.Keep(r.Owners)
	return own, column
}

func compareOwners(a, b Owner) int {
	return cmp.Or(strings.Compare(a.Column, b.Column), strings.Compare(a.ID, b.ID))
}

// keys gives each record the hashes by which the facts know its row.
func (j *Judge) keys() {
	if !j.facts.known[sortOwner] {
		return
	}
	for i := range j.records {
		if r := &j.records[i]; r.Table != nil && r.ID != "" {
			n := &j.notes[i]
			n.hash, n.check = j.facts.rows.hash(j.tables.of(r.Table).number, r.ID)
		}
	}
}

// lookUp finds what the facts say of the owners of the records of several accesses. Rows
// lie anywhere in memory: with nothing between the looks the processor waits for all of
// them at once.
func (j *Judge) lookUp(list []inquiry) {
	seen := uint32(0)
	for i := range list {
		for k := range list[i].notes {
			if n := &list[i].notes[k]; n.hash != 0 {
				seen += j.facts.rows.Peek(n.hash)
			}
		}
	}
	for i := range list {
		for k := range list[i].notes {
			if n := &list[i].notes[k]; n.hash != 0 {
				if n.row = j.facts.rows.Get(n.hash, n.check); n.row != 0 {
					seen += j.facts.spans[n.row-1].value
				}
			}
		}
	}
	j.touched = seen
}

// addOwner adds one owner to a record, without repeats. An empty id is NULL: nobody.
func (j *Judge) addOwner(r *AccessRecord, column, id string) {
	if id == "" {
		return
	}
	addCanonical(r, column, canonicalID(id))
}

// addCanonical is addOwner for an id of the facts, which keep the one spelling.
func addCanonical(r *AccessRecord, column, id string) {
	if o := (Owner{Column: column, ID: id}); id != "" && !slices.Contains(r.Owners, o) {
		r.Owners = append(r.Owners, o)
	}
}

// ownerColumns says how many owners a full account of a row names. A row of a table
// that the policy does not speak of has owners that nobody can count.
func ownerColumns(t *Table) int {
	if t == nil {
		return 0
	}
	return len(t.Owners)
}

// ownerOf finds the first owner that a list gives for a column.
func ownerOf(list []Owner, column string) (id string, ok bool) {
	for i := range list {
		if list[i].Column == column {
			return list[i].ID, true
		}
	}
	return "", false
}

// loggedOwners finds the first owner that lines give for a column, and another if they
// contradict each other.
func loggedOwners(list []Owner, column string) (first, other string, has, twice bool) {
	said := "" // the first that is somebody
	for i := range list {
		o := &list[i]
		if o.Column != column {
			continue
		}
		if !has {
			first, has = o.ID, true
		}
		switch {
		case o.ID == "" || o.ID == said:
		case said == "":
			said = o.ID
		case canonicalID(o.ID) != canonicalID(said):
			return first, o.ID, true, true
		}
	}
	return first, "", has, false
}

// isActor says whether an id is the actor's, or of the same person.
func (j *Judge) isActor(id string) bool {
	user := j.acc.Actor.User
	if id == user && id != "" {
		return true
	}
	if id == "" || user == "" {
		return false
	}
	a, b := canonicalID(id), canonicalID(user)
	return a == b || j.facts.same(a, b, j.acc.Time)
}

// factOwners appends the spans that say who owns a record: receipts for a finding.
func (j *Judge) factOwners(buf []uint32, t *Table, name, id string) []uint32 {
	if t == nil || !j.facts.known[sortOwner] {
		return buf
	}
	table, ok := j.facts.ids.find(name)
	record, also := j.facts.number(id)
	if !ok || !also {
		return buf
	}
	for _, c := range t.Owners {
		if column, known := j.facts.ids.find(c); known {
			buf = j.facts.holding(buf, factKey{sortOwner, table, record, column, 0}, j.acc.Time, j.acc.Time)
		}
	}
	return buf
}

// columnOwner gives what the facts say of one owner column as of the access, adds it to
// the record's owners, and says whether it is the actor now or, with near, within the window
// of grace.
func (j *Judge) columnOwner(first, column uint32, c string, r *AccessRecord, n *note, near bool) (owner string, said, mine, grace bool) {
	at := j.acc.Time
	var space [4]uint32
	for _, s := range j.facts.within(space[:0], first, column, at, at) {
		value := j.facts.spans[s].value
		if said && owner != j.facts.ids.name(value) {
			n.contested = true
		}
		owner, said = j.facts.ids.name(value), true
		addCanonical(r, c, owner)
		mine = mine || j.isPerson(value)
	}
	if mine || !near || j.acc.Actor.Kind != ActorUser {
		return owner, said, mine, false
	}
	window := int64(j.policy.Grace.Transfer)
	for _, s := range j.facts.within(space[:0], first, column, at-window, at+window) {
		if j.isPerson(j.facts.spans[s].value) {
			return owner, said, false, true
		}
	}
	return owner, said, false, false
}

// isPerson says whether the number of an id is the actor's, who is a user, or of the same
// person. Numbers of canonical ids differ where the ids do, so that most are told without
// a look at the id.
func (j *Judge) isPerson(value uint32) bool {
	if value == 0 || j.acc.Actor.Kind != ActorUser {
		return false
	}
	return value == j.person || j.facts.known[sortSame] && j.facts.same(j.facts.ids.name(value), canonicalID(j.acc.Actor.User), j.acc.Time)
}

// justChanged says whether a logged owner is the one of just before or just after.
func (j *Judge) justChanged(first, column uint32, logged string, at int64) bool {
	value, ok := j.facts.number(logged)
	window := int64(j.policy.Grace.Transfer)
	if !ok {
		return false
	}
	var space [4]uint32
	return slices.ContainsFunc(j.facts.within(space[:0], first, column, at-window, at+window), func(s uint32) bool {
		return j.facts.spans[s].value == value
	})
}

// mapped finds the people behind an external id, such as a Stripe customer: the record's
// own id, or the id in its owner column. Several people contest it unless they are
// declared one person.
func (j *Judge) mapped(r *AccessRecord, n *note, at int64) (ownership, string) {
	var space [4]uint32
	window := int64(j.policy.Grace.Mapping)
	people := j.facts.mappedUsers(space[:0], r.ID, at, at)
	near := j.facts.mappedUsers(nil, r.ID, at-window, at+window)
	itself := len(people) > 0 // the record is the external thing: all its owners are those mapped
	var external []string
	for _, o := range r.Owners {
		more := j.facts.mappedUsers(nil, o.ID, at, at)
		if len(more) == 0 {
			continue
		}
		external = append(external, o.ID)
		for _, u := range more {
			if !slices.Contains(people, u) {
				people = append(people, u)
			}
		}
		near = append(near, j.facts.mappedUsers(nil, o.ID, at-window, at+window)...)
	}
	r.Owners = slices.DeleteFunc(r.Owners, func(o Owner) bool { return slices.Contains(external, o.ID) })
	if len(people) == 0 {
		for _, u := range near {
			if u == j.person && u != 0 {
				return ownGrace, mappingColumn
			}
		}
		return ownNot, ""
	}
	n.complete = itself || len(r.Table.Owners) == 1
	had := len(r.Owners)
	mine, others := false, false
	for _, u := range people {
		name := j.facts.ids.name(u)
		j.addOwner(r, mappingColumn, name)
		if j.isActor(name) {
			mine = true
		} else {
			others = true
		}
	}
	told, agrees := false, false
	for _, o := range r.Owners[:had] {
		if !itself && o.Column != "" && o.Column != stripeMetadata {
			continue // an owner of its own, such as the seller beside the customer
		}
		told = true
		agrees = agrees || slices.ContainsFunc(people, func(u uint32) bool { return j.facts.same(j.facts.ids.name(u), o.ID, at) })
	}
	n.conflict = n.conflict || told && !agrees
	switch {
	case mine && others:
		return ownContested, mappingColumn
	case mine:
		return ownYes, mappingColumn
	}
	for _, u := range near {
		if u == j.person && u != 0 {
			return ownGrace, mappingColumn
		}
	}
	return ownNot, ""
}

// mappingColumn stands for the column of an owner that a mapping fact names.
const mappingColumn = "mapping"
