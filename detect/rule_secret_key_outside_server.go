package detect

func secretKeyOutsideServer() Rule {
	return Rule{
		Name:      "secret_key_outside_server",
		Signature: "S8",
		Family:    FamilyRead,
		About:     "A secret or service key was used from outside the server: it has leaked.",
		Needs:     "the gateway's word that a secret key was presented, and the user agent, Origin, Referer or address",
		Blind:     "a leaked key used from a machine that looks like the server",
		Next:      "Rotate the key now, then look at everything it read since it was published.",
		check: func(s *scene) (hit, bool) {
			if s.traits&traitSecret == 0 {
				return hit{}, false
			}
			const because = "a secret key was used from a browser or from outside the declared servers"
			if len(s.foreign) > 0 {
				if s.a.Actor.Kind == ActorOutsider {
					return s.read(because)
				}
				return hit{}, false // a user's read is named by whose rows they were; the key is its cause
			}
			if s.name == "" && len(s.records) > 0 {
				return hit{}, false
			}
			claim, missing := s.outcome(s.recs)
			h := hit{family: FamilyHygiene, graded: true, severity: High, claim: claim, missing: missing, cause: CauseSecretKey, because: because, recs: s.recs}
			if len(s.recs) > 0 && claim == Proven {
				h.severity = Critical
			}
			if s.name == "" {
				h.claim, h.missing = Proven, nil // the key's use is what is claimed
			}
			return h, true
		},
	}
}
