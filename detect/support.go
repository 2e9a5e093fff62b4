package detect

// supports tries an open support ticket: on a table that declares the relation, for an
// agent named by the ticket or holding a staff role; and wherever an agent acts as the
// owner, since impersonation is support by another name.
func (j *Judge) supports(r *AccessRecord, try func(tie) bool) bool {
	act := &j.acc.Actor
	if act.Kind != ActorUser || !j.facts.known[sortTicket] {
		return false
	}
	if declared(r.Table, relationTicket) == nil && act.Impersonating == "" {
		return false
	}
	for _, o := range r.Owners {
		if declared(r.Table, relationTicket) == nil && canonicalID(act.Impersonating) != o.ID {
			continue
		}
		if j.justified(o.ID) && try(tie{name: relationTicket, columns: relationColumns(r.Table, relationTicket)}) {
			return true
		}
	}
	return false
}

// justified says whether an open ticket lets the agent read a person's rows: the one that
// the request names, or, if it names none, any that links the two. A ticket that names no
// agent takes a staff role.
func (j *Judge) justified(owner string) bool {
	a := j.acc
	agent := a.Actor.User
	open, named := j.facts.ticketOpen(j.justification(), agent, owner, a.Time)
	return open && (named || j.staff())
}

// justification gives the ticket or reason that the request carries.
func (j *Judge) justification() string {
	for i := range j.acc.Requests {
		if reason := j.acc.Requests[i].Justification; reason != "" {
			return reason
		}
	}
	return ""
}

// staff says whether the actor holds a role of some admin route.
func (j *Judge) staff() bool {
	for i := range j.policy.Routes {
		if r := &j.policy.Routes[i]; r.Kind == RouteAdmin {
			if _, ok := j.roleIn(r.Roles); ok {
				return true
			}
		}
	}
	return false
}

// roleIn finds a role of the list that the actor holds as of the access. Where facts speak
// of the actor and the role they decide; else what the session says of itself.
func (j *Judge) roleIn(roles []string) (string, bool) {
	act := &j.acc.Actor
	for _, role := range roles {
		held, known := j.facts.role(act.User, role, j.acc.Time)
		if held || !known && act.AppRole == role {
			return role, true
		}
	}
	return "", false
}
