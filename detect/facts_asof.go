package detect

import "slices"

// standing is what the facts say of a relation that begins and ends.
type standing uint8

const (
	standingUnknown standing = iota // the facts speak of neither side
	standingNever                   // they speak of a side, and never of the two together up to now
	standingEnded                   // it held and ended
	standingGrace                   // it begins or ended within the window of grace
	standingHolds
)

// number gives the number of an id, and ok false if no fact names it.
func (f *Facts) number(id string) (uint32, bool) { return f.ids.find(canonicalID(id)) }

// numberOf gives the number of an id that is not empty, if any fact of a sort was said:
// most logs have facts of few sorts.
func (f *Facts) numberOf(sort factSort, id string) (uint32, bool) {
	if !f.known[sort] {
		return 0, false
	}
	n, ok := f.number(id)
	return n, ok && n != 0
}

// member says whether a user belongs to a tenant. ended is when the last membership
// ended, if it did.
func (f *Facts) member(user, tenant string, at int64) (s standing, ended int64) {
	u, knowUser := f.number(user)
	t, knowTenant := f.number(tenant)
	if knowUser && knowTenant && u != 0 && t != 0 {
		g := &f.policy.Grace
		k := factKey{sortMember, u, t, 0, 0}
		if f.holds(k, at, at) {
			return standingHolds, 0
		}
		if f.holds(k, at-int64(g.MemberAfter), at+int64(g.MemberBefore)) {
			return standingGrace, 0
		}
		if end, ok := f.lastEnd(k, at); ok {
			return standingEnded, end
		}
	}
	if f.belongs(user) || knowTenant && len(f.lists[factKey{sortTenant, 0, t, 0, 0}]) > 0 {
		return standingNever, 0
	}
	return standingUnknown, 0
}

// belongs says whether the facts speak of any membership of a user.
func (f *Facts) belongs(user string) bool {
	u, ok := f.number(user)
	return ok && u != 0 && len(f.lists[factKey{sortMember, u, 0, 0, 0}]) > 0
}

// lastEnd gives when the latest span of a key that began by at came to its end.
func (f *Facts) lastEnd(k factKey, at int64) (end int64, ok bool) {
	for i := f.first(k); i != 0; i = f.spans[i-1].next {
		if s := &f.spans[i-1]; !s.gone && s.column == k.c && s.from <= at && s.to <= at {
			if !ok || s.to > end {
				end, ok = s.to, true
			}
		}
	}
	return end, ok
}

// account gives the state of a user's account, and since when.
func (f *Facts) account(user string, at int64) (state string, since int64, ok bool) {
	if !f.known[sortAccount] {
		return "", 0, false
	}
	u, known := f.number(user)
	if !known || u == 0 {
		return "", 0, false
	}
	return f.value(factKey{sortAccount, u, 0, 0, 0}, at)
}

// deleted says whether a user's account is deleted.
func (f *Facts) deleted(user string, at int64) bool {
	state, _, ok := f.account(user, at)
	return ok && state == "deleted"
}

// sessionEnd says when a session ended, if it did by at: by itself, or with all sessions
// of its user whose token was issued before.
func (f *Facts) sessionEnd(session, user string, issued, at int64) (ended int64, ok bool) {
	if s, known := f.numberOf(sortSession, session); known {
		if state, from, held := f.value(factKey{sortSession, s, 0, 0, 0}, at); held && state != "active" {
			return from, true
		}
		if end, held := f.lastEnd(factKey{sortSession, s, 0, 0, 0}, at); held {
			if state, _, _ := f.value(factKey{sortSession, s, 0, 0, 0}, end-1); state == "active" {
				return end, true
			}
		}
	}
	if issued == 0 {
		return 0, false
	}
	if u, known := f.numberOf(sortSessionsOf, user); known {
		if state, from, held := f.value(factKey{sortSessionsOf, u, 0, 0, 0}, at); held && state != "active" && issued < from {
			return from, true
		}
	}
	return 0, false
}

// same says whether two ids are one person.
func (f *Facts) same(a, b string, at int64) bool {
	if a == b {
		return true
	}
	if !f.known[sortSame] {
		return false
	}
	x, ok := f.number(a)
	y, also := f.number(b)
	return ok && also && f.holds(factKey{sortSame, x, y, 0, 0}, at, at)
}

// role says what the facts know of a user's role: known is false if they never spoke of
// it, held whether it holds.
func (f *Facts) role(user, role string, at int64) (held, known bool) {
	if !f.known[sortRole] || role == "" {
		return false, false
	}
	u, ok := f.number(user)
	r, also := f.ids.find(role)
	if !ok || !also || u == 0 {
		return false, false
	}
	k := factKey{sortRole, u, r, 0, 0}
	return f.holds(k, at, at), f.first(k) != 0
}

// ticketOpen says whether a ticket covers a person for an agent, and whether it names the
// agent: one without an agent covers any. The empty ticket means whichever is open.
func (f *Facts) ticketOpen(ticket, agent, user string, at int64) (open, named bool) {
	if !f.known[sortTicket] || agent == "" {
		return false, false
	}
	u, ok := f.number(user)
	if !ok || u == 0 {
		return false, false
	}
	covers := func(holder uint32) bool {
		for _, t := range f.lists[factKey{sortTicket, holder, u, 0, 0}] {
			if ticket != "" && f.ids.name(t) != ticket {
				continue
			}
			if state, _, held := f.value(factKey{sortTicket, t, holder, u, 0}, at); held && (state == "" || state == "open") {
				return true
			}
		}
		return false
	}
	if a, known := f.number(agent); known && a != 0 && covers(a) {
		return true, true
	}
	return covers(0), false
}

// permit says whether a principal may read a table for the time being.
func (f *Facts) permit(table, principal string, at int64) bool {
	if !f.known[sortPermit] || principal == "" {
		return false
	}
	t, ok := f.ids.find(table)
	p, also := f.ids.find(principal)
	return ok && also && f.holds(factKey{sortPermit, t, p, 0, 0}, at, at)
}

// complete says whether the owner facts of a table are complete.
func (f *Facts) complete(table string, at int64) bool {
	t, ok := f.ids.find(table)
	return ok && f.holds(factKey{sortComplete, t, 0, 0, 0}, at, at)
}

// canary says whether a record was planted: by the policy or by a fact.
func (f *Facts) canary(t *Table, table, record string, at int64) bool {
	if t != nil && slices.Contains(t.Canaries, record) {
		return true
	}
	if !f.known[sortCanary] {
		return false
	}
	n, ok := f.ids.find(table)
	r, also := f.number(record)
	return ok && also && r != 0 && f.holds(factKey{sortCanary, n, r, 0, 0}, at, at)
}

// catalog gives what the catalog says of a table, such as row_security: off, and since
// when. since is 0 if it was always so.
func (f *Facts) catalog(table, property string, at int64) (value string, since int64, ok bool) {
	if !f.known[sortCatalog] {
		return "", 0, false
	}
	t, known := f.ids.find(table)
	p, also := f.ids.find(property)
	if !known || !also {
		return "", 0, false
	}
	return f.value(factKey{sortCatalog, t, p, 0, 0}, at)
}

// mappedUsers appends the users to whom an external id, such as a Stripe customer,
// belongs within lo..hi.
func (f *Facts) mappedUsers(buf []uint32, external string, lo, hi int64) []uint32 {
	if !f.known[sortMapping] {
		return buf
	}
	e, ok := f.number(external)
	if !ok || e == 0 {
		return buf
	}
	for _, u := range f.lists[factKey{sortMapping, e, 0, 0, 0}] {
		if !slices.Contains(buf, u) && f.holds(factKey{sortMapping, e, u, 0, 0}, lo, hi) {
			buf = append(buf, u)
		}
	}
	return buf
}

// allowance counts the records of a table that a user may read by ownership, tenant,
// share, relation or public state. ok is false when the facts cannot tell: the owners
// of the table are not complete, or it can be public and no state is known.
func (f *Facts) allowance(t *Table, user, token string, at int64) (n int64, ok bool) {
	if t == nil || !f.complete(t.Name, at) {
		return 0, false
	}
	if t.Public != nil && (len(t.Public.When) == 0 || !f.known[sortState]) {
		return 0, false
	}
	if t.Tenant != "" && !f.known[sortTenant] {
		return 0, false
	}
	table, _ := f.ids.find(t.Name)
	u, _ := f.number(user)
	seen := make(map[uint32]struct{})
	add := func(k factKey, holds func(record uint32) bool) {
		for _, record := range f.lists[k] {
			if _, have := seen[record]; !have && holds(record) {
				seen[record] = struct{}{}
			}
		}
	}
	g := &f.policy.Grace
	lo, hi := at-int64(g.Transfer), at+int64(g.Transfer)
	person := func(u uint32) {
		if u == 0 {
			return
		}
		add(factKey{sortOwner, table, u, 0, 0}, func(record uint32) bool {
			for _, column := range append([]string{""}, t.Owners...) {
				if c, known := f.ids.find(column); known && f.valueHolds(factKey{sortOwner, table, record, c, 0}, u, lo, hi) {
					return true
				}
			}
			return false
		})
		add(factKey{sortShare, table, u, 0, 0}, func(record uint32) bool { return f.holds(factKey{sortShare, table, record, u, 0}, lo, hi) })
		for _, relation := range t.Relations {
			name, known := f.ids.find(relation.Name)
			add(factKey{sortRelation, table, u, 0, 0}, func(record uint32) bool {
				return known && f.holds(factKey{sortRelation, table, record, u, name}, lo, hi)
			})
		}
		for _, tenant := range f.lists[factKey{sortMember, u, 0, 0, 0}] {
			if f.holds(factKey{sortMember, u, tenant, 0, 0}, at-int64(g.MemberAfter), at+int64(g.MemberBefore)) {
				add(factKey{sortTenant, table, tenant, 0, 0}, func(record uint32) bool {
					return f.valueHolds(factKey{sortTenant, table, record, 0, 0}, tenant, lo, hi)
				})
			}
		}
	}
	person(u)
	for _, other := range f.samePeople(u, at) {
		person(other)
	}
	if link, known := f.ids.find(token); known && link != 0 {
		add(factKey{sortLink, table, link, 0, 0}, func(record uint32) bool { return f.holds(factKey{sortLink, table, record, link, 0}, lo, hi) })
	}
	if t.Public != nil {
		first := t.Public.When[0]
		column, _ := f.ids.find(first.Name)
		value, _ := f.ids.find(first.Value)
		add(factKey{sortState, table, column, value, 0}, func(record uint32) bool {
			return f.valueHolds(factKey{sortState, table, record, column, 0}, value, lo, hi)
		})
	}
	return int64(len(seen)), true
}

// valueHolds says whether a key has a value within lo..hi.
func (f *Facts) valueHolds(k factKey, value uint32, lo, hi int64) bool {
	var space [4]uint32
	for _, i := range f.holding(space[:0], k, lo, hi) {
		if f.spans[i].value == value {
			return true
		}
	}
	return false
}

// samePeople lists the other ids of a person. Few people have any.
func (f *Facts) samePeople(u uint32, at int64) []uint32 {
	if u == 0 || !f.known[sortSame] {
		return nil
	}
	var others []uint32
	for _, other := range f.lists[factKey{sortSame, u, 0, 0, 0}] {
		if f.holds(factKey{sortSame, u, other, 0, 0}, at, at) {
			others = append(others, other)
		}
	}
	return others
}
