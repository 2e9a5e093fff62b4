package detect

import "math"

// formerly finds a reason to read a record that once held between the actor and it, or
// the route, and holds no more: the record was the actor's own, a relation of the policy's
// own, or a role on the route.
func (s *scene) formerly(r *AccessRecord) (string, bool) {
	f, at := s.facts, s.a.Time
	if s.person == 0 {
		return "", false
	}
	table, ok := f.ids.find(r.Name)
	record, also := f.number(r.ID)
	if ok && also && record != 0 && r.Table != nil {
		for _, name := range r.Table.Owners {
			if column, known := f.ids.find(name); known && f.valueHolds(factKey{sortOwner, table, record, column, 0}, s.person, math.MinInt64, at) {
				return "the record had been the actor's by " + plain(name) + ", and is no more", true
			}
		}
		for i := range r.Table.Relations {
			if name, known := f.ids.find(r.Table.Relations[i].Name); known {
				if end, held := f.lastEnd(factKey{sortRelation, table, record, s.person, name}, at); held {
					return "the relation " + plain(r.Table.Relations[i].Name) + " ended " + since(at-end) + " before the read", true
				}
			}
		}
	}
	if s.route != nil && s.route.Kind == RouteAdmin {
		for _, role := range s.route.Roles {
			if number, known := f.ids.find(role); known {
				if end, held := f.lastEnd(factKey{sortRole, s.person, number, 0, 0}, at); held {
					return "the actor's role " + plain(role) + " ended " + since(at-end) + " before the read", true
				}
			}
		}
	}
	return "", false
}
