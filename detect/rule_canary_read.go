package detect

func canaryRead() Rule {
	return Rule{
		Name:      "canary_read",
		Signature: "S24",
		Family:    FamilyRead,
		About:     "A planted record, which nobody has a reason to read, was read.",
		Needs:     "canaries in the policy or as facts, and record ids",
		Blind:     "reads that no log names by record id; declared services and staff, who may list everything, are left out",
		Next:      "Treat it as a leak until shown otherwise: find what else this session read.",
		check: func(s *scene) (hit, bool) {
			var planted []int
			for _, i := range s.recs {
				r := &s.records[i]
				if r.ID != "" && r.Verdict != VerdictOwn && r.Verdict != VerdictPrivileged && s.facts.canary(s.table, s.name, r.ID, s.a.Time) {
					planted = append(planted, i)
				}
			}
			if len(planted) == 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(planted)
			if s.a.Actor.Kind == ActorUnknown {
				claim, missing = Possible, append([]string{MissingActor}, missing...)
			}
			return hit{recs: planted, graded: true, severity: Critical, claim: claim, missing: missing, because: "the record was planted, and nobody has a reason to read it"}, true
		},
	}
}
