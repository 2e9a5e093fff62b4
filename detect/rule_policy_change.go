package detect

func policyChange() Rule {
	return Rule{
		Name:      "policy_change",
		Signature: "S11",
		Family:    FamilyDoor,
		About:     "Row security, a policy or a grant of a private table was changed, or a role may pass it by.",
		Needs:     "DDL and ROLE classes in the audit log",
		Blind:     "changes made while auditing was off, and of a role together with its password; a statement is logged even if its transaction was rolled back",
		Next:      "Check that the change was planned, and what was read through it since.",
		check: func(s *scene) (hit, bool) {
			if len(s.doors) == 0 {
				return hit{}, false
			}
			h := hit{graded: true, severity: Low, claim: Proven, cause: CausePolicyDrift}
			for i := range s.doors {
				d := &s.doors[i].door
				switch {
				case d.Change == "row_security_off", d.Always, d.Change == "grant" && s.policy.reachesAnyone(d.Role):
					h.severity = High
				case (d.Change == "role_bypasses" || d.Change == "role_granted") && s.policy.servesRequests(d.Role):
					h.severity = High
				}
				text := doorText(d)
				if h.because == "" {
					h.because = text
				} else {
					h.evidence = append(h.evidence, text)
				}
			}
			return h, true
		},
	}
}

// servesRequests says whether the requests of users are answered as this role.
func (p *Policy) servesRequests(role string) bool {
	return p.reachesAnyone(role) || p.AuthenticatedRole(role)
}

// reachesAnyone says whether a grant to this role lets people in who are not logged in.
func (p *Policy) reachesAnyone(role string) bool { return role == "public" || p.AnonymousRole(role) }
