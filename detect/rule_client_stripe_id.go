package detect

import "slices"

func clientStripeID() Rule {
	return Rule{
		Name:      "client_stripe_id",
		Signature: "S16",
		Family:    FamilyRead,
		About:     "A route took a Stripe id from the client and gave back somebody else's billing data.",
		Needs:     "the Stripe ids that the client sent, the records that came back, and mapping facts or the id in the object's metadata",
		Blind:     "an id that was never mapped to anybody",
		Next:      "Look the customer up from the session, never from the request, and compare the metadata of a checkout session with the user.",
		check: func(s *scene) (hit, bool) {
			if s.table == nil || !s.table.Mapping {
				return hit{}, false
			}
			for _, i := range s.foreign {
				if s.sentByClient(&s.records[i], &s.notes[i]) {
					return s.read("the client sent the Stripe id, and it belongs to somebody else")
				}
			}
			return hit{}, false
		},
	}
}

// sentByClient says whether the client named the external id that led to a record.
func (s *scene) sentByClient(r *AccessRecord, n *note) bool {
	for i := range s.a.Requests {
		sent := s.a.Requests[i].StripeIDs
		if slices.Contains(sent, r.ID) || slices.ContainsFunc(n.logged, func(o Owner) bool { return slices.Contains(sent, o.ID) }) {
			return true
		}
	}
	return false
}
