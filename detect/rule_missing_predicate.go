package detect

func missingPredicate() Rule {
	return Rule{
		Name:      "missing_predicate",
		Signature: "S12",
		Family:    FamilyHygiene,
		About:     "A statement on a user's path reads a private table without naming an owner or a tenant, by a role that no row security holds.",
		Needs:     "the statement's text and its role",
		Blind:     "views and functions hide the predicate; a check made after the read looks like none",
		Next:      "Add the owner or tenant to the statement.",
		check: func(s *scene) (hit, bool) {
			if s.traits&traitBypass != 0 {
				return hit{}, false // service_role_user_path says so
			}
			if len(s.recs) == 0 || !s.routed || s.a.RouteKind != RouteUser || s.a.Actor.Kind != ActorUser || !s.unscopedStatement(false) {
				return hit{}, false
			}
			if !s.some(s.recs, func(r *AccessRecord, n *note) bool { return n.statement && r.Verdict != VerdictPublic }) {
				return hit{}, false
			}
			claim, missing := s.outcome(s.recs)
			return hit{
				recs: s.recs, graded: true, severity: Low, claim: claim, missing: missing, cause: CauseMissingScope,
				because: "the statement names no owner and no tenant, and no row security adds one",
			}, true
		},
	}
}

// unscopedStatement says whether a statement gives back rows of the table without testing
// an owner or tenant column, under a role that row security does not hold: one declared to
// bypass it, or, unless bypassOnly, the application's own.
func (s *scene) unscopedStatement(bypassOnly bool) bool { return s.unscoped(s.table, bypassOnly) }

func (j *Judge) unscoped(table *Table, bypassOnly bool) bool {
	if table == nil {
		return false
	}
	for i := range j.acc.Statements {
		st := &j.acc.Statements[i]
		if !st.reads() || st.Plan == nil || st.Rows == 0 {
			continue
		}
		role := st.effective(j.policy)
		if role == "" || j.policy.AnonymousRole(role) || j.policy.AuthenticatedRole(role) || bypassOnly && !j.policy.BypassRole(role) {
			continue
		}
		p := st.Plan
		if p.Aggregate || p.Catalog || p.ForeignKey || p.Explain {
			continue
		}
		for k := range p.Tables {
			t := &p.Tables[k]
			if t.Returns && !t.Subquery && j.policy.Table(t.Name) == table && !scoped(table, t.Tested) {
				return true
			}
		}
	}
	return false
}

// scoped says whether a predicate tests an owner or tenant column.
func scoped(t *Table, tested []string) bool {
	for _, c := range tested {
		if c == t.Tenant {
			return true
		}
		for _, o := range t.Owners {
			if c == o {
				return true
			}
		}
	}
	return false
}
