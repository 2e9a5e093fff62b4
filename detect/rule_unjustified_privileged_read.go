package detect

func unjustifiedPrivilegedRead() Rule {
	return Rule{
		Name:      "unjustified_privileged_read",
		Signature: "S22",
		Family:    FamilyPrivilege,
		About:     "Staff read a person's rows without an open ticket or a reason.",
		Needs:     "the agent's id and role, the ticket or reason of the request, and ticket facts",
		Blind:     "tools that drop the reason look like staff without one",
		Next:      "Ask the agent for the reason; if the tool drops it, mend the tool.",
		check: func(s *scene) (hit, bool) {
			var recs []int
			for _, i := range s.recs {
				if r := &s.records[i]; r.Verdict == VerdictPrivileged && r.Relation == relationUnjustified {
					recs = append(recs, i)
				}
			}
			if len(recs) == 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(recs)
			because := "no ticket and no reason was given"
			if s.justification() != "" {
				because = "the ticket given is not open for this person"
			}
			return hit{recs: recs, graded: true, severity: Medium, claim: claim, missing: missing, cause: CauseUnknown, because: because}, true
		},
	}
}
