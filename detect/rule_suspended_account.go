package detect

func suspendedAccount() Rule {
	return Rule{
		Name:      "suspended_account",
		Signature: "S18",
		Family:    FamilySession,
		About:     "A suspended or deleted account still got records back.",
		Needs:     "account facts, and the session's user id",
		Blind:     "accounts whose state no fact tells",
		Next:      "End the account's sessions when its state changes, and check the state where the session is checked.",
		check: func(s *scene) (hit, bool) {
			if s.traits&traitAccount == 0 || len(s.recs) == 0 {
				return hit{}, false
			}
			state, from, _ := s.facts.account(s.a.Actor.User, s.a.Time)
			claim, missing := s.outcome(s.recs)
			return hit{
				recs: s.recs, graded: true, severity: Medium, claim: claim, missing: missing, cause: CauseStale,
				because: "the account was " + state + " " + since(s.a.Time-from) + " before the read",
			}, true
		},
	}
}
