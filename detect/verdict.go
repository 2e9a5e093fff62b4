package detect

import "strconv"

// Words that stand in Relation beside the names of relations and roles.
const (
	relationService     = "service"
	relationUndeclared  = "undeclared"
	relationUnjustified = "unjustified"
	relationContested   = "contested"
	relationConflict    = "owner_conflict"
	relationState       = "public_state"
	relationColumnsOpen = "columns"
	relationGrace       = "grace"
)

// decide gives one record its verdict: the first line that holds.
//
//  1. an id that is not of its declared type, or no id at all: malformed
//  2. a service: privileged, inside or outside its declaration
//  3. nobody can tell who read: actor_unknown
//  4. the actor owns it: own
//  5. a declared relation holds and covers the columns: explained
//  6. it is public, with these columns: public
//  7. a declared role on its route, with the ticket that the policy demands: privileged
//  8. the same without the ticket: privileged, unjustified
//  9. 5 or 6 would hold but for the columns: foreign, with the columns outside
//  10. owners contested or in conflict, or a state or columns that no log tells: ambiguous
//  11. nobody can tell whose it is, and the actor is a user: owner_unknown
//  12. otherwise foreign
func (j *Judge) decide(i int) {
	r, n := &j.records[i], &j.notes[i]
	a := j.acc
	own, column := j.owners(i)
	j.tenantOf(r, n)
	set := func(v Verdict, relation, reason string) {
		r.Verdict, r.Relation, r.Reason = v, relation, reason
		j.plainClaim(r)
	}
	if reason := j.malformed(r); reason != "" {
		set(VerdictMalformed, "", reason)
	} else if a.Actor.Kind == ActorService {
		if j.declaredService(r) {
			set(VerdictPrivileged, relationService, "a declared service reads its tables")
		} else {
			j.traits |= traitVerdict
			set(VerdictPrivileged, relationUndeclared, "a service reads outside its declaration")
		}
	} else if a.Actor.Kind == ActorUnknown {
		if j.blind(r, n) {
			j.traits |= traitVerdict
		}
		set(VerdictActorUnknown, "", "no line at hand tells who read it")
	} else if own == ownYes {
		set(VerdictOwn, "", j.tables.ownReason(r.Table, column, false))
	} else if own == ownGrace {
		set(VerdictOwn, relationGrace, j.tables.ownReason(r.Table, column, true))
	} else {
		j.decideOther(i, own)
	}
	if j.facts.canary(r.Table, r.Name, r.ID, a.Time) && r.ID != "" && r.Verdict != VerdictOwn && r.Verdict != VerdictPrivileged {
		j.traits |= traitCanary
	}
	if n.statement && a.RouteKind == RouteUser && j.routed && a.Principal != "" && !j.policy.AuthenticatedRole(a.Principal) && j.unscoped(r.Table, false) {
		j.traits |= traitUnscoped
	}
}

// decideOther goes on from line 5 for a record that is not the actor's own.
func (j *Judge) decideOther(i int, own ownership) {
	r, n := &j.records[i], &j.notes[i]
	a := j.acc
	set := func(v Verdict, relation, reason string) {
		r.Verdict, r.Relation, r.Reason = v, relation, reason
		j.plainClaim(r)
	}
	held, ok, outside, unclear := j.explain(i, n.member)
	if ok {
		if held.grace {
			set(VerdictExplained, held.name+" "+relationGrace, "the relation "+held.name+" begins or ended within its grace")
			return
		}
		set(VerdictExplained, held.name, j.explanation(held.name))
		return
	}
	state := j.publicState(r)
	publicKnown, publicColumns := false, []string(nil)
	if state != No && r.Table != nil && r.Table.Public != nil {
		beyond, known := j.beyondPublic(r)
		publicKnown, publicColumns = known, beyond
		if state == Yes && known && len(beyond) == 0 {
			set(VerdictPublic, "", "the record is public, and so are these columns")
			return
		}
	}
	if role, holds := j.privilege(r); holds {
		if j.excused(r) {
			set(VerdictPrivileged, role, "the role "+role+" may read on this route")
			return
		}
		j.traits |= traitVerdict
		set(VerdictPrivileged, relationUnjustified, "the role "+role+" may read on this route, but no open ticket or reason covers this record")
		return
	}
	user := a.Actor.Kind == ActorUser
	unknown := j.ownersUnknown(r, n)
	if v, relation, reason := j.eachHasReason(r, n); unknown && v != VerdictNone {
		set(v, relation, reason)
		return
	}
	switch {
	case len(outside) > 0:
		r.Columns = outside
		j.foreign(i, "a relation explains the record, but not these columns")
	case state == Yes && len(publicColumns) > 0:
		r.Columns = publicColumns
		if user && unknown {
			set(VerdictOwnerUnknown, "", "these columns are not public, and nobody can tell whose record it is")
			return
		}
		j.foreign(i, "the record is public, but these columns are not")
	case own == ownConflict:
		set(VerdictAmbiguous, relationConflict, "a logged owner and the facts disagree, and the actor is one of them")
	case own == ownContested:
		set(VerdictAmbiguous, relationContested, "several people claim it, and the actor is one of them")
	case unclear != "":
		set(VerdictAmbiguous, relationColumnsOpen, "the relation "+unclear+" covers some columns, and the logs do not say which came back")
	case state == Yes && !publicKnown:
		set(VerdictAmbiguous, relationColumnsOpen, "the record is public in some columns, and the logs do not say which came back")
	case j.bound(i):
		j.foreign(i, "more rows came back than the actor owns or has a reason to read")
	case state == Unknown && (!publicKnown || len(publicColumns) == 0):
		set(VerdictAmbiguous, relationState, "the table can be public, and the logs do not tell the record's state")
	case user && unknown:
		set(VerdictOwnerUnknown, "", j.whyUnknown(r, n))
	case !user && r.Table == nil:
		set(VerdictOwnerUnknown, "", "the policy does not speak of this table")
	default:
		if state == Unknown {
			r.Columns = publicColumns // not public whatever the state
		}
		j.foreign(i, j.whyForeign(r, n))
	}
}

// foreign gives line 9 or 12, with its claim.
func (j *Judge) foreign(i int, reason string) {
	r := &j.records[i]
	r.Verdict, r.Relation, r.Reason = VerdictForeign, "", reason
	j.foreignClaim(i)
	j.traits |= traitVerdict
}

// explanation gives the reason of a relation.
func (j *Judge) explanation(name string) string {
	switch name {
	case relationMember:
		return "the actor is a member of the record's tenant"
	case relationShare:
		return "the record was shared with the actor"
	case relationTicket:
		return "an open support ticket covers the owner"
	}
	return "the relation " + name + " holds"
}

// whyForeign says in plain words why no reason was found.
func (j *Judge) whyForeign(r *AccessRecord, n *note) string {
	switch j.acc.Actor.Kind {
	case ActorAnonymous:
		return "nobody was logged in, and the table is private"
	case ActorOutsider:
		return "a secret key from outside the server owns nothing"
	}
	switch {
	case n.member == standingEnded:
		return "the actor's membership of the record's tenant ended before the read"
	case r.Tenant != "" && n.member == standingNever && !n.known:
		return "the record belongs to a tenant that the actor is no member of"
	}
	return "the actor is none of its owners, and no declared relation holds"
}

// whyUnknown says what was missing to know the owners.
func (j *Judge) whyUnknown(r *AccessRecord, n *note) string {
	switch {
	case r.Table == nil:
		return "the policy does not speak of this table"
	case len(r.Owners) > 0 && !n.known:
		return "its owner's account is deleted"
	case r.ID == "":
		return "the rows are counted, not named, and nobody can tell whose they are"
	}
	return "no fact and no line tells whose it is"
}

// malformed says which id is not of its declared type; empty if all are.
func (j *Judge) malformed(r *AccessRecord) string {
	var idType, ownerType IDType
	if r.Table != nil {
		idType, ownerType = r.Table.IDType, r.Table.OwnerType
		if r.Table.Mapping {
			ownerType = IDType{}
		}
	}
	if r.ID != "" && !idType.Valid(r.ID) {
		return "the record's id is not of its declared type"
	}
	for _, o := range r.Owners {
		if !ownerType.Valid(o.ID) {
			return "an owner's id is not of its declared type"
		}
	}
	act := &j.acc.Actor
	if act.Impersonating != "" {
		ownerType = IDType{} // agents may have ids of another kind
	}
	if act.Kind == ActorUser && !ownerType.Valid(act.User) {
		return "the actor's id is not of its declared type"
	}
	return ""
}

// tenantOf finds the record's tenant, facts first, and what the actor is to it.
func (j *Judge) tenantOf(r *AccessRecord, n *note) {
	if r.Table == nil || r.Table.Tenant == "" {
		return
	}
	at := j.acc.Time
	if r.ID != "" && j.facts.known[sortTenant] {
		if table, ok := j.facts.ids.find(r.Name); ok {
			if record, also := j.facts.number(r.ID); also {
				if tenant, _, said := j.facts.value(factKey{sortTenant, table, record, 0, 0}, at); said {
					r.Tenant, n.byFilter = tenant, false
				}
			}
		}
	}
	if r.Tenant == "" || j.acc.Actor.Kind != ActorUser {
		return
	}
	n.member, n.ended = j.facts.member(j.acc.Actor.User, r.Tenant, at)
	if n.member != standingHolds {
		for _, other := range j.facts.samePeople(j.person, at) {
			if s, ended := j.facts.member(j.facts.ids.name(other), r.Tenant, at); s > n.member {
				n.member, n.ended = s, ended
			}
		}
	}
	if n.byFilter && r.CameBack != Yes && n.member != standingHolds && n.member != standingGrace {
		r.Tenant, n.member = "", standingUnknown // asked for is not got
	}
}

// ownersUnknown says whether nothing tells whose the record is. A tenant that the actor
// is known to stand outside of tells enough; so does one that differs from the session's.
func (j *Judge) ownersUnknown(r *AccessRecord, n *note) bool {
	if n.known {
		return false
	}
	if r.Tenant == "" || r.Table == nil {
		return true
	}
	switch n.member {
	case standingNever, standingEnded:
		return false
	}
	mine := j.acc.Actor.Tenant
	return mine == "" || mine == r.Tenant
}

// bound compares the number of rows that came back with what the actor may read of the
// table, where the facts are complete. What is beyond is foreign, without ids.
func (j *Judge) bound(i int) bool {
	r, n := &j.records[i], &j.notes[i]
	a := j.acc
	if a.Actor.Kind != ActorUser || r.ID != "" || r.CameBack != Yes || n.rows <= 0 || n.known || r.Table == nil {
		return false
	}
	token := ""
	for k := range a.Requests {
		if t := a.Requests[k].ShareToken; t != "" {
			token = t
		}
	}
	allowed, ok := j.facts.allowance(r.Table, a.Actor.User, token, a.Time)
	if !ok || n.rows <= allowed {
		return false
	}
	n.bound = n.rows
	r.Count = n.rows - allowed
	return true
}

// count writes a number of things.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}
