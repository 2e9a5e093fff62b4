package detect

import "slices"

// Plain says of a complete request line that it proves nothing by itself, so that no
// early finding can come of it: a user read rows that the line itself calls the user's
// own. It looks at the line and the policy alone, which is why most lines are told here;
// of the others it says nothing. What it takes for plain is judged in full like any
// other line when its partners are known.
func (j *Judge) Plain(r *Request) bool {
	switch {
	case r.UserID == "" || r.Kind != ActorUser || r.ImpersonatedBy != "":
		return false
	case r.SecretKey == Yes || r.Bypass == Yes || j.policy.BypassRole(r.Principal):
		return false
	case r.Cache.Status.shared() || r.Cache.Public == Yes:
		return false
	case len(r.Counts) > 0 || len(r.StripeIDs) > 0 || r.StripeUser != "" || j.facts.known[sortCanary]:
		return false
	}
	var t *Table
	for i := range r.Records {
		rec := &r.Records[i]
		if i == 0 || rec.Table != r.Records[i-1].Table {
			t = j.policy.Table(rec.Table)
		}
		if t == nil || t.Mapping || len(t.Canaries) > 0 || !t.IDType.Valid(rec.ID) {
			return false
		}
		if !t.Shared && !slices.ContainsFunc(rec.Owners, func(o Owner) bool { return o.ID == r.UserID && slices.Contains(t.Owners, o.Column) }) {
			return false
		}
	}
	return true
}
