package detect

func foreignRead() Rule {
	return Rule{
		Name:      "foreign_read",
		Signature: "S1",
		Family:    FamilyRead,
		About:     "A session was given rows of a private table that it has no reason to read.",
		Needs:     "the session's user id, the records that came back, and their owners: logged with them, fixed by a filter, or known from facts",
		Blind:     "rows of routes that log neither record ids nor parameters, and rows whose owners nobody tells",
		Next:      "Open the route, find the query that the finding names, and add the owner to it or to the table's policy. Then ask who else read through the same route.",
		check: func(s *scene) (hit, bool) {
			if len(s.foreign) == 0 {
				return hit{}, false
			}
			for _, i := range s.foreign {
				if n := &s.notes[i]; n.bound > 0 {
					return s.read(count(n.bound, "row", "rows") + " came back, which is more than the actor owns or has a reason to read")
				}
			}
			return s.read(s.records[s.foreign[0]].Reason)
		},
	}
}
