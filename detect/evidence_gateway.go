package detect

import (
	"slices"
)

// brought tells whether any line of the request counts rows of a table.
func (j *judge) brought(name string) bool {
	for i := range j.acc.Requests {
		for k := range j.acc.Requests[i].Counts {
			c := &j.acc.Requests[i].Counts[k]
			if c.Rows == 0 {
				continue
			}
			table := CanonicalTable(c.Table)
			if t := j.policy.Table(c.Table); t != nil {
				table = t.Name
			}
			if table == name {
				return true
			}
		}
	}
	return false
}

// counted takes rows of a table that the gateway counted, with the filters of the URL.
func (j *judge) counted(r *RequestLine, c *Count) {
	table := j.policy.Table(c.Table)
	if table != nil && table.Shared {
		return
	}
	name := CanonicalTable(c.Table)
	if table != nil {
		name = table.Name
	}
	if c.Rows == 0 {
		// The gateway folded nothing: what the statements asked for did not come back. But
		// somebody can send one request id twice, once for something and once for nothing.
		if r.Shared || j.brought(name) {
			return
		}
		j.drop(func(rec *AccessRecord, n *note) bool { return rec.Name == name && n.folded && !n.listed })
		return
	}
	came := Unknown
	if c.Rows > 0 {
		came = Yes
	}
	var ids []string
	for _, f := range c.Filter {
		if table != nil && f.Column == table.ID && table.ID != "" && table.IDType.Valid(f.Value) {
			ids = append(ids, f.Value)
		}
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
		for k, f := range c.Filter {
			if !slices.ContainsFunc(c.Filter[:k], func(o Filter) bool { return o.Column == f.Column }) &&
				!slices.ContainsFunc(c.Filter[k+1:], func(o Filter) bool { return o.Column == f.Column }) {
				j.filtered(rec, n, f.Column, f.Value)
			}
		}
	}
	if len(ids) > 0 {
		for _, id := range ids {
			fill(j.record(table, c.Table, id))
		}
		return
	}
	// Rows that the statement of the same request names are these rows.
	named, nameless := 0, -1
	for i := range j.records {
		rec, n := &j.records[i], &j.notes[i]
		if rec.Name != name {
			continue
		}
		switch {
		case rec.ID != "" && n.folded:
			named++
		case rec.ID == "" && n.folded && nameless < 0:
			nameless = i
		}
	}
	if named > 0 && c.Rows > 0 && int64(named) <= c.Rows {
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
	fill(i)
}
