package detect

import (
	"slices"
	"strings"
)

// findings runs the rules over each table of the access and appends what they found: one
// finding for each table and family, named by the most specific rule that holds.
func (j *Judge) findings(provisional bool, out *Output) {
	doors := j.doorsSeen()
	names := []string{""}
	for i := range j.records {
		names = append(names, j.records[i].Name)
	}
	for i := range doors {
		names = append(names, doors[i].door.Table)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s := scene{Judge: j, a: j.acc, name: name}
		if name != "" {
			s.table = j.policy.Table(name)
		}
		for i := range j.records {
			if name == "" || j.records[i].Name != name {
				continue
			}
			s.recs = append(s.recs, i)
			if j.records[i].Verdict == VerdictForeign {
				s.foreign = append(s.foreign, i)
			}
		}
		for i := range doors {
			if doors[i].door.Table == name {
				s.doors = append(s.doors, doors[i])
			}
		}
		s.report(provisional, out)
	}
}

// families lists the families in the order in which their findings are given.
func families() []Family {
	return []Family{FamilyRead, FamilySession, FamilyPrivilege, FamilyHygiene, FamilyDoor, FamilyBlind}
}

// found is a rule that holds, with what it found.
type found struct {
	rule *Rule
	hit  hit
}

// report appends the findings of one table.
func (s *scene) report(provisional bool, out *Output) {
	byFamily := make(map[Family][]found)
	for i := range s.rules {
		r := &s.rules[i]
		h, ok := s.run(r, out)
		if !ok {
			continue
		}
		family := h.family
		if family == "" {
			family = r.Family
		}
		byFamily[family] = append(byFamily[family], found{r, h})
	}
	for _, family := range families() {
		list := byFamily[family]
		if len(list) == 0 || provisional && family != FamilyRead {
			continue
		}
		if family == FamilyHygiene && len(byFamily[FamilyRead]) > 0 {
			continue // it is evidence for the cause of the read
		}
		if family == FamilyBlind && len(byFamily[FamilyRead]) > 0 {
			continue // the read says what is missing
		}
		if family == FamilySession || family == FamilyHygiene {
			slices.SortStableFunc(list, func(a, b found) int { return int(b.hit.severity) - int(a.hit.severity) })
		}
		others := list[1:]
		if family == FamilyRead {
			others = append(slices.Clip(others), byFamily[FamilyHygiene]...)
		}
		f := s.finding(family, list[0], others)
		if provisional && f.Claim != Proven {
			continue
		}
		out.Findings = append(out.Findings, f)
	}
}

// finding writes one finding.
func (s *scene) finding(family Family, main found, others []found) Finding {
	a, h := s.a, main.hit
	f := Finding{
		ID: a.FindingID(family, s.name), Rule: main.rule.Name, Family: family,
		Time: a.Time, Env: a.Env, Actor: a.Actor, RequestID: s.requestID(), TraceID: s.traceID(),
		Route: a.Route, Principal: a.Principal, Table: s.name,
	}
	if family == FamilyRead && !h.graded && h.claim == Possible && h.missing == nil {
		s.claimOf(&h)
	}
	possible := int64(0)
	if family == FamilyRead && h.claim == Proven && !h.graded {
		// What is proven is told as proven; the rest is named beside it.
		var proven []int
		for _, i := range h.recs {
			if s.records[i].Claim == Proven {
				proven = append(proven, i)
			} else {
				possible += s.records[i].Count
			}
		}
		h.recs = proven
	}
	f.Claim, f.Missing, f.Severity = h.claim, h.missing, h.severity
	if !h.graded {
		f.Severity = s.readSeverity(&h)
	}
	s.describe(&f, &h)
	if h.cause != "" {
		f.Cause = h.cause
	} else {
		cause, why := s.cause(&h)
		f.Cause = cause
		f.Evidence = append(f.Evidence, why)
	}
	f.Evidence = append(f.Evidence, h.evidence...)
	for _, o := range others {
		if o.rule.Name == "foreign_read" {
			continue // every other rule of the family is a kind of it
		}
		f.Evidence = append(f.Evidence, o.rule.Name+": "+o.hit.because)
	}
	if possible > 0 {
		f.Evidence = append(f.Evidence, count(possible, "more record is", "more records are")+" possible")
	}
	if a.Cold {
		f.Evidence = append(f.Evidence, "near the start of reading: lines of the same request may be missing")
	}
	for _, m := range f.Missing {
		f.Evidence = append(f.Evidence, "missing "+m+": "+Supply(m))
	}
	f.Summary = s.summary(&f, &h)
	return f
}

// claimOf gives a read its claim: proven if one of its records is, else possible with
// all that is missing.
func (s *scene) claimOf(h *hit) {
	var missing []string
	for _, i := range h.recs {
		r := &s.records[i]
		if r.Claim == Proven {
			h.claim, h.missing = Proven, nil
			return
		}
		missing = append(missing, r.Missing...)
	}
	h.claim = Possible
	for _, m := range [...]string{MissingActor, MissingRecord, MissingOwners, MissingOtherOwners, MissingOutcome} {
		if slices.Contains(missing, m) {
			h.missing = append(h.missing, m)
		}
	}
}

// describe fills what the finding concerns: records, people, columns, tenant, receipts.
func (s *scene) describe(f *Finding, h *hit) {
	var tenants []string
	for _, i := range h.recs {
		r := &s.records[i]
		f.Records += r.Count
		if r.ID != "" {
			f.RecordIDs = append(f.RecordIDs, r.ID)
		}
		f.Columns = append(f.Columns, r.Columns...)
		if r.Tenant != "" {
			tenants = append(tenants, r.Tenant)
		}
		f.Origins = append(f.Origins, r.Origins...)
		if f.Verdict == VerdictNone || worse(r.Verdict, f.Verdict) {
			f.Verdict = r.Verdict
		}
		if r.Verdict == VerdictForeign && len(f.Origins) < MaxListed {
			for _, span := range s.factOwners(nil, r.Table, r.Name, r.ID) {
				if o, ok := s.facts.origin(span); ok {
					f.Origins = append(f.Origins, o)
				}
			}
		}
	}
	people := s.peopleOf(h.recs)
	f.People = int64(len(people))
	f.Owners = people[:min(len(people), MaxListed):min(len(people), MaxListed)]
	slices.Sort(tenants)
	if tenants = slices.Compact(tenants); len(tenants) > 0 {
		f.Tenant = tenants[0]
	}
	for i := range s.a.Requests {
		f.Origins = append(f.Origins, s.a.Requests[i].Origin)
	}
	for i := range s.doors {
		f.Origins = append(f.Origins, s.doors[i].line.Origin)
	}
	if s.name == "" {
		for i := range s.a.Statements {
			if st := &s.a.Statements[i]; st.reads() && st.Undecided != "" {
				f.Origins = append(f.Origins, st.Origin)
			}
		}
	}
	f.RecordIDs = sorted(f.RecordIDs)
	f.Columns = sorted(f.Columns)
	sortOrigins(f.Origins)
	f.Origins = slices.Compact(f.Origins)
	if len(f.Origins) > MaxListed {
		f.Origins = f.Origins[:MaxListed]
	}
}

// worse orders verdicts by how much they ask for a person.
func worse(a, b Verdict) bool {
	order := [...]int{
		VerdictNone: 0, VerdictOwn: 1, VerdictExplained: 2, VerdictPublic: 3, VerdictPrivileged: 4, VerdictMalformed: 5,
		VerdictActorUnknown: 6, VerdictOwnerUnknown: 7, VerdictAmbiguous: 8, VerdictForeign: 9,
	}
	return order[a] > order[b]
}

// sorted gives a list sorted, without repeats, and bounded.
func sorted(list []string) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), MaxListed)]
}

// summary says in one sentence who read whose what, and why it is a finding.
func (s *scene) summary(f *Finding, h *hit) string {
	var b strings.Builder
	b.WriteString(who(&f.Actor, f.Principal))
	switch {
	case f.Family == FamilyDoor:
		b.Reset()
		b.WriteString("on " + plain(f.Table))
		if len(s.doors) > 0 && s.doors[0].login != "" {
			b.WriteString(" by " + plain(s.doors[0].login))
		}
	case f.Records == 0:
		b.WriteString(" made a request")
	default:
		if f.Claim == Proven {
			b.WriteString(" read ")
		} else {
			b.WriteString(" may have read ")
		}
		b.WriteString(count(f.Records, "record", "records") + " of " + plain(f.Table))
		if list := listed(f.RecordIDs); list != "" {
			b.WriteString(" (" + list + ")")
		}
		if list := listed(f.Owners); list != "" {
			b.WriteString(" owned by " + list)
		}
		if f.Tenant != "" {
			b.WriteString(", of tenant " + plain(f.Tenant))
		}
	}
	if f.Route != "" {
		b.WriteString(" on " + plain(f.Route))
	}
	b.WriteString(": " + h.because)
	return b.String()
}

// who names the actor.
func who(a *Actor, principal string) string {
	switch a.Kind {
	case ActorUser:
		if a.Impersonating != "" {
			return plain(a.User) + ", acting as " + plain(a.Impersonating) + ","
		}
		return plain(a.User)
	case ActorAnonymous:
		return "somebody who was not logged in"
	case ActorOutsider:
		return "somebody with a secret key"
	case ActorService:
		if principal != "" {
			return "a service as " + plain(principal)
		}
		return "a service"
	}
	return "somebody unknown"
}

// listed writes up to three of a list.
func listed(list []string) string {
	var parts []string
	for i, id := range list {
		if i == 3 {
			return strings.Join(parts, ", ") + " and " + count(int64(len(list)-3), "other", "others")
		}
		parts = append(parts, plain(id))
	}
	return strings.Join(parts, ", ")
}

// plain makes an id fit for a sentence: bounded, and without control characters.
func plain(id string) string {
	const most = 96
	cut := len(id) > most
	if cut {
		id = strings.ToValidUTF8(id[:most], "")
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, id)
	if cut {
		clean += "…"
	}
	return clean
}
