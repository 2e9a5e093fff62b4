package detect

import (
	"slices"
)

// tally is how many lines of a request count rows of a table, and the least and the most
// that one counts; -1 where one does not tell.
type tally struct {
	lines       int
	least, most int64
}

// tallyCounts takes stock of what the lines of the request count, by table.
func (j *Judge) tallyCounts() {
	if len(j.tallies) > 64 {
		j.tallies = nil // clearing costs what a map once held
	}
	clear(j.tallies)
	for i := range j.acc.Requests {
		for k := range j.acc.Requests[i].Counts {
			c := &j.acc.Requests[i].Counts[k]
			name := ""
			if t := j.policy.Table(c.Table); t != nil {
				name = t.Name
			} else {
				name = CanonicalTable(c.Table)
			}
			t, have := j.tallies[name]
			if !have {
				t.least, t.most = c.Rows, c.Rows
			}
			if j.tallies == nil {
				j.tallies = make(map[string]tally)
			}
			j.tallies[name] = tally{t.lines + 1, min(t.least, c.Rows), max(t.most, c.Rows)}
		}
	}
}

// counted takes rows of a table that the gateway counted, with the filters of the URL.
func (j *Judge) counted(r *RequestLine, c *Count) {
	table := j.policy.Table(c.Table)
	if table != nil && table.Shared {
		return
	}
	name := CanonicalTable(c.Table)
	if table != nil {
		name = table.Name
	}
	var ids []string
	for _, f := range c.Filter {
		if table != nil && f.Column == table.ID && table.ID != "" && table.IDType.Valid(f.Value) {
			ids = append(ids, f.Value)
		}
	}
	of := j.tallies[name]
	if c.Rows == 0 {
		// The gateway folded nothing: what the statements asked for did not come back. But one
		// request can ask several times, and somebody can send one request id twice, once for
		// something and once for nothing: then only what this line names did not.
		none := of.most == 0 && of.least == 0
		if r.Shared || !none && len(ids) == 0 {
			return
		}
		j.drop(func(rec *AccessRecord, n *note) bool {
			return rec.Name == name && n.folded && !n.listed && rec.CameBack != Yes &&
				(none || slices.ContainsFunc(ids, func(id string) bool { return canonicalID(id) == rec.ID }))
		})
		return
	}
	came := Unknown
	if c.Rows > 0 {
		came = Yes
	}
	if c.Rows > 0 && int64(len(ids)) > c.Rows {
		came = Unknown
	}
	fill := func(i int) {
		rec, n := &j.records[i], &j.notes[i]
		if rec.CameBack != Yes {
			rec.CameBack = came
		}
		n.seenBy(r.Shared)
		rec.Columns = j.union(rec.Columns, c.Columns)
		j.origin(rec, r.Origin)
		if table == nil {
			return
		}
		var a asked
		for k, f := range c.Filter {
			if !slices.ContainsFunc(c.Filter[:k], func(o Filter) bool { return o.Column == f.Column }) &&
				!slices.ContainsFunc(c.Filter[k+1:], func(o Filter) bool { return o.Column == f.Column }) {
				a.add(j, table, f.Column, f.Value)
			}
		}
		n.predicate = addOwners(n.predicate, a.owners)
		if rec.Tenant == "" && a.tenant != "" {
			rec.Tenant, n.byFilter = a.tenant, true
		}
		rec.State = append(slices.Clip(rec.State), a.state...)
	}
	if len(ids) > 0 {
		for _, id := range ids {
			fill(j.record(table, c.Table, id))
		}
		return
	}
	// Rows that the statement of the same request names are these rows. Where several lines
	// count, or several statements ask, each line belongs to one statement, and nobody can
	// tell to which.
	named, wanted, statements, nameless := j.folded(name)
	if of.lines > 1 || statements > 1 {
		if wanted > 0 && wanted <= of.least && statements <= of.lines {
			j.cameBackSomehow(name, r)
			if nameless < 0 && c.Rows <= wanted {
				return
			}
		}
		named, nameless = 0, -1
	}
	if named > 0 && c.Rows > 0 && named <= c.Rows {
		for i := range j.records {
			if rec, n := &j.records[i], &j.notes[i]; rec.Name == name && rec.ID != "" && n.folded {
				fill(i)
			}
		}
		return
	}
	if named > 0 && c.Rows > 0 {
		return // fewer came back than were named: which ones is not known
	}
	i := nameless
	if i < 0 {
		i = j.record(table, c.Table, "")
	}
	j.notes[i].rows = max(j.notes[i].rows, c.Rows)
	j.notes[i].told = r.Complete
	fill(i)
}

// folded says how many rows the statements of a table name whose own count says nothing,
// the most that one of them names, and how many statements they are. nameless is the
// first that names none, or -1.
func (j *Judge) folded(name string) (named, wanted int64, statements, nameless int) {
	nameless = -1
	var prints [4]uint64
	var wants [4]int64
	for i := range j.records {
		rec, n := &j.records[i], &j.notes[i]
		if rec.Name != name || !n.folded {
			continue
		}
		at := slices.Index(prints[:statements], n.print)
		if at < 0 {
			if statements == len(prints) {
				return named, 0, statements + 1, -1 // too many to tell apart
			}
			at, prints[statements] = statements, n.print
			statements++
		}
		if rec.ID != "" {
			named++
			wants[at]++
		} else if nameless < 0 {
			nameless = i
		}
	}
	return named, slices.Max(wants[:]), statements, nameless
}

// cameBackSomehow takes it that the rows which the statements name came back, because each
// of several lines counts as many: whichever line is their statement's.
func (j *Judge) cameBackSomehow(name string, r *RequestLine) {
	for i := range j.records {
		if rec, n := &j.records[i], &j.notes[i]; rec.Name == name && rec.ID != "" && n.folded {
			rec.CameBack = Yes
			n.seenBy(r.Shared)
			j.origin(rec, r.Origin)
		}
	}
}
