package detect

func crossTenantRead() Rule {
	return Rule{
		Name:      "cross_tenant_read",
		Signature: "S2",
		Family:    FamilyRead,
		About:     "A session was given rows of a tenant that its user is no member of.",
		Needs:     "the tenant of the rows, logged with them or known from facts, and member facts",
		Blind:     "memberships that no fact tells: a session's active tenant is a claim, not a membership, and explains nothing",
		Next:      "Add the tenant to the query or to the table's policy, and check where the route takes its tenant from: never from the client.",
		check: func(s *scene) (hit, bool) {
			if s.table == nil || s.table.Tenant == "" || s.a.Actor.Kind != ActorUser || len(s.foreign) == 0 {
				return hit{}, false
			}
			for _, i := range s.foreign {
				r, n := &s.records[i], &s.notes[i]
				if r.Tenant == "" || n.member == standingHolds || n.member == standingGrace {
					continue
				}
				if n.member == standingNever || n.member == standingEnded || s.a.Actor.Tenant != "" && s.a.Actor.Tenant != r.Tenant {
					return s.read("the rows belong to a tenant that the actor is no member of")
				}
			}
			return hit{}, false
		},
	}
}
