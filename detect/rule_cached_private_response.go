package detect

func cachedPrivateResponse() Rule {
	return Rule{
		Name:      "cached_private_response",
		Signature: "S13",
		Family:    FamilyRead,
		About:     "A shared cache gave one session's private response to another, or was allowed to.",
		Needs:     "the cache status of the edge with the id of the request that filled the entry, and the cache headers of the response",
		Blind:     "a HIT never reaches the application, so its reader is often unknown; what filled the entry more than five minutes before is not remembered, and the finding is then possible only",
		Next:      "Purge the cache, send Cache-Control: private, no-store on the route, and never Set-Cookie on a response that a shared cache may keep.",
		check: func(s *scene) (hit, bool) {
			if !s.private() {
				return hit{}, false
			}
			if s.hit == nil {
				return publicHeader(s)
			}
			if s.hit.Cache.PerUser == Yes {
				return hit{}, false
			}
			switch {
			case s.filled != nil && s.fillerIsActor():
				return hit{}, false
			case s.filled != nil && len(s.foreign) > 0:
				return s.read("a shared cache answered with what another session's request had filled")
			case s.filled != nil && s.a.Actor.Kind == ActorUnknown && len(s.recs) > 0:
				return hit{
					recs: s.recs, claim: Possible, missing: []string{MissingActor},
					because: "a shared cache answered a private route with what another session's request had filled",
				}, true
			case s.filled == nil && s.name == "" && len(s.records) == 0 && s.answer != answerNothing:
				missing := []string{MissingRecord, MissingOwners}
				if s.a.Actor.Kind == ActorUnknown {
					missing = []string{MissingActor, MissingRecord, MissingOwners}
				}
				return hit{claim: Possible, missing: missing, because: "a shared cache answered a private route, and no log tells what filled the entry"}, true
			}
			return hit{}, false
		},
	}
}

// fillerIsActor says whether the session filled the entry itself.
func (j *Judge) fillerIsActor() bool {
	return j.filled.actor.Kind == ActorUser && j.acc.Actor.Kind == ActorUser && j.isActor(j.filled.actor.User)
}

// publicHeader finds a private response that a shared cache was allowed to keep.
func publicHeader(s *scene) (hit, bool) {
	if s.traits&traitPublicCache == 0 || len(s.recs) == 0 {
		return hit{}, false
	}
	for i := range s.a.Requests {
		if s.a.Requests[i].Cache.PerUser == Yes {
			return hit{}, false
		}
	}
	claim, missing := s.outcome(s.recs)
	return hit{
		family: FamilyHygiene, graded: true, severity: Low, claim: claim, missing: missing, cause: CauseCachedResponse, recs: s.recs,
		because: "the response of a private route may be kept by a shared cache",
	}, true
}
