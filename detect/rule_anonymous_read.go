package detect

func anonymousRead() Rule {
	return Rule{
		Name:      "anonymous_read",
		Signature: "S9",
		Family:    FamilyRead,
		About:     "Rows of a private table went to somebody who was not logged in.",
		Needs:     "a line that would carry a user and says there is none, or the role anon, and that rows came back",
		Blind:     "responses whose row count no log tells are possible only; whose rows they were, without ids",
		Next:      "Turn row security on for the table and remove grants to anon; then look for the first such read.",
		check: func(s *scene) (hit, bool) {
			if s.a.Actor.Kind != ActorAnonymous || len(s.foreign) == 0 {
				return hit{}, false
			}
			return s.read("nobody was logged in, and the table is private")
		},
	}
}
