package detect

// cause gives the root-cause label of a read and the evidence for it: the first line of
// the table that holds.
func (s *scene) cause(h *hit) (Cause, string) {
	a := s.a
	foreign := func(has func(*AccessRecord, *note) bool) bool { return s.some(h.recs, has) }
	gateway := s.gatewayRole()
	switch {
	case s.hit != nil && s.private() && s.hit.Cache.PerUser != Yes && !(s.filled != nil && s.fillerIsActor()):
		return CauseCachedResponse, "the response came from a shared cache on a private route"
	case s.traits&traitPreview != 0:
		return CausePreview, "the deployment is of environment " + plain(a.Env) + " and the database is production's"
	case s.traits&traitSecret != 0:
		return CauseSecretKey, "the request carried a secret key from a browser or from outside the declared servers"
	case a.Actor.Conflict != "":
		return CauseMixedSessions, "the session is of one user and the claims of the same request are of " + plain(a.Actor.Conflict)
	case s.table != nil && s.table.Mapping && foreign(func(r *AccessRecord, _ *note) bool { return r.Verdict == VerdictForeign }) && a.Actor.Kind == ActorUser:
		return CauseStripeMapping, "the record was reached through a customer id that is not the actor's"
	}
	if text, ok := s.staleRelation(h); ok {
		return CauseStale, text
	}
	if text, ok := s.drift(); ok {
		return CausePolicyDrift, text
	}
	switch {
	case s.askedMalformed():
		return CauseMalformedID, "the id asked for was malformed, and records came back"
	case a.Bypass == Yes && s.routed && a.RouteKind == RouteUser:
		return CauseServiceRole, "the role " + s.roleName() + " bypasses row security, on a user's route"
	case s.unscopedStatement(false):
		return CauseMissingScope, "the statement names no owner and no tenant, and its role is not held by row security"
	case s.definer():
		return CauseMissingScope, "the rows came through a function that runs with its owner's rights"
	}
	if gateway {
		security, _, told := s.facts.catalog(s.name, "row_security", a.Time)
		switch {
		case told && security == "off":
			return CauseMissingRLS, "row security of the table is off"
		case told: // for whoever asked: then it is no use to look for what is not missing
			return CauseOverbroadPolicy, "row security of the table is on, and let the rows through"
		case a.Actor.Kind == ActorAnonymous:
			return CauseMissingRLS, "the gateway gave rows to somebody who was not logged in"
		}
		return CauseOverbroadPolicy, "the gateway asked as a logged-in user, and row security is not known to be off"
	}
	return CauseUnknown, "the database role of the request would settle it: log it, or the audit log under the same request id"
}

func (s *scene) roleName() string {
	if s.a.Principal == "" {
		return "of the request"
	}
	return plain(s.a.Principal)
}

// gatewayRole says whether the database was asked as anon or authenticated, so that its
// row security alone decides.
func (s *scene) gatewayRole() bool {
	if p := s.a.Principal; p != "" {
		return s.policy.AnonymousRole(p) || s.policy.AuthenticatedRole(p)
	}
	for i := range s.a.Requests {
		if r := &s.a.Requests[i]; r.rank() == 1 && len(r.Counts) > 0 && r.SecretKey != Yes {
			return true
		}
	}
	return false
}

// staleRelation finds what once explained the read and had ended: a membership, a share,
// a relation, a role, ownership itself, the session or its token.
func (s *scene) staleRelation(h *hit) (string, bool) {
	a := s.a
	for _, i := range h.recs {
		r, n := &s.records[i], &s.notes[i]
		if n.member == standingEnded {
			return "the actor's membership ended " + since(a.Time-n.ended) + " before the read", true
		}
		if end, ok := s.shareEnd(r); ok {
			return "a share of the record ended " + since(a.Time-end) + " before the read", true
		}
		if text, ok := s.formerly(r); ok {
			return text, true
		}
	}
	switch {
	case s.traits&traitExpired != 0:
		return "the token had expired", true
	case s.traits&traitEnded != 0:
		return "the session had ended", true
	}
	return "", false
}

// shareEnd gives when a share of the record with the actor, or its link, ended.
func (s *scene) shareEnd(r *AccessRecord) (int64, bool) {
	f := s.facts
	table, ok := f.ids.find(r.Name)
	record, also := f.number(r.ID)
	if !ok || !also || record == 0 {
		return 0, false
	}
	if s.person != 0 {
		if end, held := f.lastEnd(factKey{sortShare, table, record, s.person, 0}, s.a.Time); held {
			return end, true
		}
	}
	for i := range s.a.Requests {
		if token, known := f.ids.find(s.a.Requests[i].ShareToken); known && token != 0 {
			if end, held := f.lastEnd(factKey{sortLink, table, record, token, 0}, s.a.Time); held {
				return end, true
			}
		}
	}
	return 0, false
}

// drift finds a change of the table's row security, policies or grants within the window
// before the read, as the catalog facts tell it. Whether the table was read by strangers
// before the change is a question for the stored findings.
func (s *scene) drift() (string, bool) {
	window := int64(s.policy.Grace.PolicyDrift)
	for _, property := range [...]string{"row_security", "policy", "grant"} {
		if value, from, ok := s.facts.catalog(s.name, property, s.a.Time); ok && from != 0 && from > s.a.Time-window && !(property == "row_security" && value == "on") {
			return "the table's " + property + " became " + plain(value) + " " + since(s.a.Time-from) + " before the read", true
		}
	}
	return "", false
}

// definer says whether the rows came through a function known to run with its owner's
// rights.
func (s *scene) definer() bool {
	for i := range s.a.Statements {
		st := &s.a.Statements[i]
		if st.Plan == nil {
			continue
		}
		for _, name := range st.Plan.Functions {
			if value, _, ok := s.facts.catalog(name, "security", s.a.Time); ok && value == "definer" {
				return true
			}
		}
	}
	return false
}
