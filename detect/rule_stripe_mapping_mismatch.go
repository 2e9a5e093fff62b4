package detect

func stripeMappingMismatch() Rule {
	return Rule{
		Name:      "stripe_mapping_mismatch",
		Signature: "S15",
		Family:    FamilyRead,
		About:     "Billing data of a Stripe customer went to a user to whom the customer is not mapped.",
		Needs:     "the customer ids of the records, and mapping facts (customer to user), or the owner logged with them",
		Blind:     "two users mapped to one customer are told as contested, not as a leak; customers without a mapping",
		Next:      "Compare the mapping table with the metadata in Stripe, correct it, and ask who else was shown this customer.",
		check: func(s *scene) (hit, bool) {
			if s.table == nil || !s.table.Mapping || len(s.foreign) == 0 {
				return hit{}, false
			}
			return s.read("the Stripe customer is not the actor's")
		},
	}
}
