package detect

func previewOnProduction() Rule {
	return Rule{
		Name:      "preview_on_production",
		Signature: "S20",
		Family:    FamilyHygiene,
		About:     "A preview or development deployment read the production database.",
		Needs:     "the environment in the application's lines, the database's name, and the policy's environments",
		Blind:     "a deployment that calls itself production",
		Next:      "Give previews a database of their own, and take production's credentials from them.",
		check: func(s *scene) (hit, bool) {
			if s.traits&traitPreview == 0 || len(s.recs) == 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(s.recs)
			h := hit{recs: s.recs, graded: true, severity: Medium, claim: claim, missing: missing, cause: CausePreview, because: "a deployment of environment " + plain(s.a.Env) + " read the production database"}
			if s.onlyTestData(s.recs) {
				h.severity = Low
				h.evidence = []string{"all rows are test users'"}
			}
			return h, true
		},
	}
}

// onlyTestData says whether every owner of the records is known and a declared test user.
func (s *scene) onlyTestData(recs []int) bool {
	for _, i := range recs {
		r := &s.records[i]
		if len(r.Owners) == 0 {
			return false
		}
		for _, o := range r.Owners {
			if !s.policy.TestUser(o.ID) {
				return false
			}
		}
	}
	return len(recs) > 0
}
