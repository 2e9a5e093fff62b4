package detect

func blindness() Rule {
	return Rule{
		Name:      "blindness",
		Signature: "S27",
		Family:    FamilyBlind,
		About:     "A read of private rows on a user's path could not be judged, because the logs lack what every judgement needs.",
		Needs:     "nothing: it says what is missing",
		Blind:     "what no log mentions at all; a silent source is told by its metrics",
		Next:      "Supply what the finding names; until then this path is not watched.",
		check: func(s *scene) (hit, bool) {
			h := hit{graded: true, severity: Info, claim: Possible, cause: CauseUnknown}
			if s.name == "" {
				for i := range s.a.Statements {
					if st := &s.a.Statements[i]; st.reads() && st.Undecided != "" {
						h.because = "a statement could not be decided: " + st.Undecided
						h.missing = []string{MissingRecord}
						return h, true
					}
				}
				return hit{}, false
			}
			for _, i := range s.recs {
				if r, n := &s.records[i], &s.notes[i]; r.Verdict == VerdictActorUnknown && s.blind(r, n) {
					h.recs = append(h.recs, i)
				}
			}
			if len(h.recs) == 0 {
				return hit{}, false
			}
			h.missing = []string{MissingActor}
			h.because = "no line tells who read these rows"
			if s.traits&traitRoleLost != 0 {
				h.because = "the lines that set the role and user of this transaction are not in the logs"
			}
			return h, true
		},
	}
}

// blind says whether not knowing the actor of a record is worth telling: a named record of
// a private table that a user's path, or a login role that always switches, gave back.
// Counts without names are table statistics, and a server that asks with a role of its own
// has no user to tell.
func (j *Judge) blind(r *AccessRecord, n *note) bool {
	if r.ID == "" && len(n.logged) == 0 {
		return false
	}
	if j.traits&traitRoleLost != 0 {
		return true
	}
	return r.CameBack == Yes && j.routed && j.acc.RouteKind == RouteUser && j.partnered() && j.acc.Bypass != Yes
}
