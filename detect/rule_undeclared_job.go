package detect

func undeclaredJob() Rule {
	return Rule{
		Name:      "undeclared_job",
		Signature: "S26",
		Family:    FamilyPrivilege,
		About:     "A job or service read a table that its declaration does not name.",
		Needs:     "the policy's service routes and jobs with their tables, and who ran: the role and application name, or the route",
		Blind:     "a service that may read everything by its declaration; application names are free text that any client can set",
		Next:      "Declare the table, give a permit for the time of a backfill, or find out who uses the job's role.",
		check: func(s *scene) (hit, bool) {
			var recs []int
			for _, i := range s.recs {
				if r := &s.records[i]; r.Verdict == VerdictPrivileged && r.Relation == relationUndeclared {
					recs = append(recs, i)
				}
			}
			if len(recs) == 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(recs)
			return hit{recs: recs, graded: true, severity: Medium, claim: claim, missing: missing, cause: CauseUnknown, because: "the table is not among those declared for this service"}, true
		},
	}
}
