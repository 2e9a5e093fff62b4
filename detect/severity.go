package detect

import "slices"

// readSeverity grades a finding of the read family.
//
//	critical  a proven read of sensitive columns, or of many people (or records, where
//	          people are unknown); a secret key outside the server with records back
//	high      any other proven read; a secret key outside the server otherwise; a bound of many records that is at least half of
//	          what came back
//	medium    any other possible read; a read among declared test users alone
func (s *scene) readSeverity(h *hit) Severity {
	if s.traits&traitSecret != 0 {
		if s.some(h.recs, func(r *AccessRecord, _ *note) bool { return r.CameBack == Yes }) {
			return Critical
		}
		return High // whatever came back, the key has leaked
	}
	if s.policy.TestUser(s.a.Actor.User) && s.onlyTestData(h.recs) {
		return Medium
	}
	if h.claim != Proven {
		for _, i := range h.recs {
			if r, n := &s.records[i], &s.notes[i]; n.bound > 0 && r.Count >= int64(s.policy.Thresholds.BoundRecords) && 2*r.Count >= n.bound {
				return High
			}
		}
		return Medium
	}
	concerned := int64(len(s.peopleOf(h.recs))) // people, and records whose people are unknown
	for _, i := range h.recs {
		r := &s.records[i]
		if len(r.Owners) == 0 {
			concerned += r.Count
		}
		if s.table != nil && slices.ContainsFunc(r.Columns, func(c string) bool { return slices.Contains(s.table.Sensitive, c) }) {
			return Critical
		}
	}
	if concerned >= int64(s.policy.Thresholds.CriticalPeople) {
		return Critical
	}
	return High
}

// peopleOf lists the distinct owners of records, sorted.
func (s *scene) peopleOf(recs []int) []string {
	var people []string
	for _, i := range recs {
		for _, o := range s.records[i].Owners {
			people = append(people, o.ID)
		}
	}
	slices.Sort(people)
	return slices.Compact(people)
}
