package detect

import (
	"slices"
)

// declaredService says whether a service may read this table: by its route, as a job, or
// by a permit for the time being.
func (j *Judge) declaredService(r *AccessRecord) bool {
	a := j.acc
	allowed := func(tables []string) bool { return len(tables) == 0 || slices.Contains(tables, r.Name) }
	if j.route != nil && j.route.Kind == RouteService && allowed(j.route.Tables) {
		return true
	}
	if job := j.job(); job != nil && allowed(job.Tables) {
		return true
	}
	if j.facts.permit(r.Name, a.Principal, a.Time) {
		return true
	}
	return j.route != nil && j.facts.permit(r.Name, j.route.Match, a.Time)
}

// privilege says whether a declared role lets the actor read: on an admin route, or
// while acting as somebody else.
func (j *Judge) privilege(_ *AccessRecord) (role string, ok bool) {
	a := j.acc
	if a.Actor.Kind != ActorUser {
		return "", false
	}
	if j.route != nil && j.route.Kind == RouteAdmin {
		return j.roleIn(j.route.Roles)
	}
	if a.Actor.Impersonating != "" {
		for i := range j.policy.Routes {
			if r := &j.policy.Routes[i]; r.Kind == RouteAdmin {
				if role, ok = j.roleIn(r.Roles); ok {
					return role, true
				}
			}
		}
	}
	return "", false
}

// excused says whether a privileged read has the ticket or reason that the policy demands.
// A ticket must be open and cover an owner of the record, or the person acted as, where the
// record is of that person's tenant. Where a ticket feed is known, a
// reason that is no ticket of it excuses nothing; where none is, any reason does.
func (j *Judge) excused(r *AccessRecord) bool {
	if !j.ticketDemanded(r) {
		return true
	}
	for _, o := range r.Owners {
		if j.justified(o.ID) {
			return true
		}
	}
	if person := j.acc.Actor.Impersonating; person != "" && r.Tenant != "" {
		if m, _ := j.facts.member(person, r.Tenant, j.acc.Time); m == standingHolds && j.justified(person) {
			return true // the tenant's rows are what that person sees
		}
	}
	return !j.facts.known[sortTicket] && j.justification() != ""
}

// ticketDemanded says whether the policy demands a ticket of a privileged read: on its
// route, or, where an agent acts as somebody, on any admin route or for this table.
func (j *Judge) ticketDemanded(r *AccessRecord) bool {
	if j.route != nil && j.route.Kind == RouteAdmin {
		return j.route.Ticket
	}
	if declared(r.Table, relationTicket) != nil {
		return true
	}
	return slices.ContainsFunc(j.policy.Routes, func(r Route) bool { return r.Kind == RouteAdmin && r.Ticket })
}
