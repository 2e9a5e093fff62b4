package detect

// tables keeps what judging needs of each table of a policy at hand: the numbers of its
// names among the facts, and the reasons that name its columns.
type tables struct {
	all  map[*Table]*tableInfo
	last *tableInfo // most records of an access are of one table
}

type tableInfo struct {
	table      *Table
	number     uint32
	columns    []uint32 // of Table.Owners
	own, grace []string // reasons, by owner column
}

func newTables(p *Policy, f *Facts) tables {
	t := tables{all: make(map[*Table]*tableInfo, len(p.Tables))}
	for i := range p.Tables {
		table := &p.Tables[i]
		info := &tableInfo{table: table, number: f.ids.number(table.Name)}
		for _, c := range table.Owners {
			info.columns = append(info.columns, f.ids.number(c))
			info.own = append(info.own, "the actor owns it by "+c)
			info.grace = append(info.grace, "the actor owned it by "+c+" just before or just after")
		}
		t.all[table] = info
	}
	return t
}

// of gives what is known of a table of the policy.
func (t *tables) of(table *Table) *tableInfo {
	if t.last == nil || t.last.table != table {
		t.last = t.all[table]
	}
	return t.last
}

// ownReason says in plain words by which column the actor owns a record.
func (t *tables) ownReason(table *Table, column string, grace bool) string {
	if table != nil {
		info := t.of(table)
		for i, c := range table.Owners {
			if c == column && grace {
				return info.grace[i]
			}
			if c == column {
				return info.own[i]
			}
		}
	}
	switch {
	case grace:
		return "the actor owned it just before or just after"
	case column == mappingColumn:
		return "the actor owns it by a mapping"
	case column == stripeMetadata:
		return "the actor owns it by the metadata of the Stripe object"
	}
	return "the actor owns it"
}
