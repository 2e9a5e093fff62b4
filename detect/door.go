package detect

import (
	"cmp"
	"slices"
	"strings"

	"trespass.dev/trespass/detect/query"
)

// doorSeen is one change of who may read a table, with the line that shows it.
type doorSeen struct {
	door  query.Door
	login string
	line  *StatementLine
}

// doorsSeen lists the doors of the access on private tables, sorted. A change of a table
// that the policy does not speak of, or declares shared, is none; one of all tables of a
// schema, of a role that passes row security by, or of a function that runs with its
// owner's rights, may reach private ones. That a role may act as one that row security
// holds is none.
func (j *Judge) doorsSeen() []doorSeen {
	if j.traits&traitDoor == 0 {
		return nil
	}
	var seen []doorSeen
	for i := range j.acc.Statements {
		s := &j.acc.Statements[i]
		if !s.reads() || s.Plan == nil || s.Failed || s.SQLState != "" {
			continue
		}
		for _, d := range s.Plan.Doors {
			table := j.policy.Table(d.Table)
			switch {
			case table != nil && table.Shared:
				continue
			case d.Change == "role_granted" && !j.policy.BypassRole(d.Granted):
				continue
			case table != nil:
				d.Table = table.Name
			case d.Change != "definer_function" && d.Table != "*" && !strings.HasSuffix(d.Table, ".*"):
				continue
			}
			if !slices.ContainsFunc(seen, func(o doorSeen) bool { return o.door == d }) {
				seen = append(seen, doorSeen{door: d, login: s.Login, line: s})
			}
		}
	}
	slices.SortStableFunc(seen, func(x, y doorSeen) int {
		return cmp.Or(cmp.Compare(x.door.Table, y.door.Table), cmp.Compare(x.door.Change, y.door.Change), cmp.Compare(x.door.Role, y.door.Role))
	})
	return seen
}

// doorText says what changed.
func doorText(d *query.Door) string {
	role := ""
	if d.Role != "" {
		role = " to " + plain(d.Role)
	}
	switch d.Change {
	case "row_security_off":
		return "row security was turned off"
	case "no_force":
		return "row security no longer holds the table's owner"
	case "policy_created", "policy_altered":
		verb := strings.TrimPrefix(d.Change, "policy_")
		if d.Always {
			return "a policy was " + verb + role + " that is always true"
		}
		return "a policy was " + verb + role
	case "policy_dropped":
		return "a policy was dropped"
	case "grant":
		return "reading was granted" + role
	case "role_bypasses":
		return "row security no longer holds the role " + plain(d.Role)
	case "role_granted":
		return "the role " + plain(d.Role) + " may now act as " + plain(d.Granted) + ", which row security does not hold"
	case "definer_function":
		return "a function was made that runs with its owner's rights"
	}
	return d.Change
}
