package detect

import (
	"cmp"
	"slices"

	"trespass.dev/trespass/detect/query"
)

// JoinForStories joins and judges events without windows, arrival or memory bounds: the
// simplest thing that the stories can be run through beside the Detector.
func JoinForStories(p *Policy, events []Event) Output {
	facts := NewFacts(p)
	plans := query.NewCache(1000)
	settings := map[string][]Event{}
	parent := map[string]string{}
	var find func(string) string
	find = func(k string) string {
		if up, ok := parent[k]; ok && up != k {
			return find(up)
		}
		parent[k] = k
		return k
	}
	keyOf := func(e *Event) []string {
		var keys []string
		switch {
		case e.Request != nil && e.Request.RequestID != "":
			keys = append(keys, "r"+e.Request.RequestID)
		case e.Request != nil:
			keys = append(keys, "l"+e.Origin.String())
		case e.Statement != nil:
			keys = append(keys, "t"+e.Statement.Session+"/"+e.Statement.Txn)
			if id := e.Statement.RequestID; id != "" {
				keys = append(keys, "r"+id)
			}
			if s := e.Statement.Settings; s != nil && s.RequestID != "" {
				keys = append(keys, "r"+s.RequestID)
			}
		}
		if e.Request != nil && e.Request.TraceID != "" {
			keys = append(keys, "c"+e.Request.TraceID)
		}
		if e.Statement != nil && e.Statement.TraceID != "" {
			keys = append(keys, "c"+e.Statement.TraceID)
		}
		return keys
	}
	for i := range events {
		e := &events[i]
		if e.Kind == KindFact {
			facts.Add(e.Fact, e.Origin)
			continue
		}
		keys := keyOf(e)
		for _, k := range keys[1:] {
			parent[find(k)] = find(keys[0])
		}
		find(keys[0])
		if s := e.Statement; s != nil && s.Settings != nil {
			settings[keys[0]] = append(settings[keys[0]], *e)
		}
	}
	groups := map[string]*Access{}
	var order []*Access
	seen := map[uint64]bool{}
	for i := range events {
		e := &events[i]
		if e.Kind == KindFact || e.Kind == KindHeartbeat || seen[e.LineID] {
			continue
		}
		seen[e.LineID] = true
		keys := keyOf(e)
		root := find(keys[0])
		a := groups[root]
		if a == nil {
			a = &Access{Key: root}
			groups[root] = a
			order = append(order, a)
		}
		if e.Request != nil {
			a.Requests = append(a.Requests, RequestLine{Request: *e.Request, Time: e.Time, Origin: e.Origin, LineID: e.LineID})
			continue
		}
		line := StatementLine{Statement: *e.Statement, Time: e.Time, Origin: e.Origin, LineID: e.LineID}
		line.RoleKnown = true
		for _, set := range settings[keys[0]] {
			st := set.Statement.Settings
			if set.Statement.Line >= line.Line {
				continue
			}
			if st.Role != "" {
				line.Role = st.Role
			}
			if st.HasClaims {
				line.HasClaims, line.Sub, line.ClaimSession, line.Expires = true, st.Sub, st.SessionID, st.Expires
			}
			line.Method, line.Path = cmp.Or(st.Method, line.Method), cmp.Or(st.Path, line.Path)
			line.SettingsFrom = append(line.SettingsFrom, set.Origin)
		}
		if p.LoginRole(line.Login) && line.Role == "" {
			line.RoleKnown = false
		}
		if line.SQL != "" {
			plan, literals, err := plans.Plan(line.SQL)
			if err != nil {
				line.Undecided = err.(*query.Undecided).Reason
			} else {
				line.Plan, line.Literals = plan, slices.Clone(literals)
			}
		}
		a.Statements = append(a.Statements, line)
	}
	for _, a := range order {
		a.Time = 1 << 62
		for i := range a.Requests {
			a.Time = min(a.Time, a.Requests[i].Time)
		}
		if len(a.Requests) == 0 {
			for i := range a.Statements {
				a.Time = min(a.Time, a.Statements[i].Time)
			}
		}
	}
	slices.SortStableFunc(order, func(x, y *Access) int { return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Key, y.Key)) })
	var out Output
	j := newJudge(p, facts, "")
	for _, a := range order {
		j.access(a, false, &out)
	}
	return out
}
