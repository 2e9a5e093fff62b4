package detect

import "slices"

func malformedIDSucceeded() Rule {
	return Rule{
		Name:      "malformed_id_succeeded",
		Signature: "S21",
		Family:    FamilyRead,
		About:     "A request asked for undefined, null or another malformed id, and got other people's rows.",
		Needs:     "the ids that the client asked for, and the rows that came back with their owners",
		Blind:     "malformed ids that no log keeps; requests that were refused are only counted",
		Next:      "Validate ids before they reach the query, and make a missing id an error and never an absent filter.",
		check: func(s *scene) (hit, bool) {
			if len(s.foreign) == 0 || !s.askedMalformed() {
				return hit{}, false
			}
			return s.read("the id asked for was malformed, and rows came back")
		},
	}
}

// askedMalformed says whether the client asked for an id that is none: one of the marks
// of a value that was never there, or one that no table takes of which rows came back.
func (s *scene) askedMalformed() bool {
	var idType IDType
	if s.table != nil {
		idType = s.table.IDType
	}
	taken := func(id string) bool {
		return idType.Valid(id) || slices.ContainsFunc(s.records, func(r AccessRecord) bool { return r.Table != nil && r.Table.IDType.Valid(id) })
	}
	asked, good := 0, 0
	for i := range s.a.Requests {
		r := &s.a.Requests[i]
		for _, id := range r.Requested {
			if !(IDType{}).Valid(id) {
				return true
			}
			asked++
			if taken(id) {
				good++
			}
		}
		for k := range r.Counts {
			for _, f := range r.Counts[k].Filter {
				if s.table != nil && f.Column == s.table.ID && s.policy.Table(r.Counts[k].Table) == s.table && !idType.Valid(f.Value) {
					return true
				}
			}
		}
	}
	return asked > 0 && good == 0
}
