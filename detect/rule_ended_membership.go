package detect

import "time"

func endedMembership() Rule {
	return Rule{
		Name:      "ended_membership",
		Signature: "S19",
		Family:    FamilyRead,
		About:     "A former member was given rows of the tenant after the membership ended.",
		Needs:     "the tenant of the rows, and member facts with their ends",
		Blind:     "a membership whose end was never told; an owner of the tenant without a member row looks like a stranger",
		Next:      "Check memberships in the query or the policy, not in the token, and shorten how long the role is cached.",
		check: func(s *scene) (hit, bool) {
			for _, i := range s.foreign {
				if n := &s.notes[i]; n.member == standingEnded {
					return s.read("the actor's membership ended " + since(s.a.Time-n.ended) + " before the read")
				}
			}
			return hit{}, false
		},
	}
}

// since writes a span of event time for people.
func since(nanos int64) string {
	d := time.Duration(nanos)
	if d >= time.Minute {
		return d.Round(time.Minute).String()
	}
	return d.Round(time.Second).String()
}
