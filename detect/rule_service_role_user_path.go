package detect

func serviceRoleUserPath() Rule {
	return Rule{
		Name:      "service_role_user_path",
		Signature: "S7",
		Family:    FamilyHygiene,
		About:     "A user's request was served by a database role that bypasses row security.",
		Needs:     "the route and user of the request, and the database role: logged by the application, or from the audit log under the same request id",
		Blind:     "a request and its statements that share no id; a filter that the application applies after reading",
		Next:      "Use the user's own token for this route. Where the role must stay, filter by the session's user and declare the route.",
		check: func(s *scene) (hit, bool) {
			if s.traits&traitBypass == 0 || len(s.recs) == 0 {
				return hit{}, false
			}
			if !s.some(s.recs, func(r *AccessRecord, _ *note) bool { return r.Verdict != VerdictPublic }) {
				return hit{}, false
			}
			claim, missing := s.outcome(s.recs)
			h := hit{recs: s.recs, graded: true, severity: Low, claim: claim, missing: missing, cause: CauseServiceRole}
			h.because = "a role that bypasses row security served a user's request"
			if s.unscopedStatement(true) {
				h.severity = Medium
				h.because = "a role that bypasses row security served a user's request, and the statement names no owner or tenant"
			}
			return h, true
		},
	}
}
