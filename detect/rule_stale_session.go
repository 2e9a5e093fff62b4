package detect

func staleSession() Rule {
	return Rule{
		Name:      "stale_session",
		Signature: "S17",
		Family:    FamilySession,
		About:     "A session that had ended, or a token that had expired, still got records back.",
		Needs:     "session facts (sign-out, password change), or the token's lifetime in the log, and the session id",
		Blind:     "sign-outs that no fact tells; a session id that the log does not carry",
		Next:      "Within the token's lifetime this is the exposure of your token design: shorten it or check sessions. After it, the check of the token is broken.",
		check: func(s *scene) (hit, bool) {
			if s.traits&(traitExpired|traitEnded) == 0 || len(s.recs) == 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(s.recs)
			h := hit{recs: s.recs, graded: true, severity: Medium, claim: claim, missing: missing, cause: CauseStale}
			if s.traits&traitExpired != 0 {
				h.because = "the token had expired " + since(s.a.Time-s.expires()) + " before the read"
				if claim == Proven {
					h.severity = High
				}
				return h, true
			}
			at, _ := s.ended()
			h.because = "the session had ended " + since(s.a.Time-at) + " before the read"
			if s.expires() != 0 {
				h.evidence = []string{"the token was still within its lifetime"}
			}
			return h, true
		},
	}
}
