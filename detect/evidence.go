package detect

import (
	"cmp"
	"slices"
	"strings"

	"trespass.dev/trespass/detect/query"
)

// gather collects the records that came back, or may have, each once: what application
// lines list, what the gateway counted, what statements name, and what a cache filled
// earlier gave again.
func (j *judge) gather() {
	a := j.acc
	j.doors()
	if j.answer == answerNothing {
		return
	}
	for i := range a.Requests {
		r := &a.Requests[i]
		if r.answer() == answerNothing {
			continue
		}
		var table *Table
		for k := range r.Records {
			if k == 0 || r.Records[k].Table != r.Records[k-1].Table {
				table = j.policy.Table(r.Records[k].Table)
			}
			j.listed(r, &r.Records[k], table)
		}
	}
	for i := range a.Statements {
		if s := &a.Statements[i]; s.reads() && j.answer != answerRedirect {
			j.statement(s)
		}
	}
	for i := range a.Requests {
		r := &a.Requests[i]
		if got := r.answer(); got == answerNothing || got == answerRedirect {
			continue
		}
		for k := range r.Counts {
			j.counted(r, &r.Counts[k])
		}
	}
	j.cached()
	if len(j.records) > 1 {
		j.settle()
	}
	j.drop(func(_ *AccessRecord, n *note) bool { return n.rows == 0 })
	j.drop(func(r *AccessRecord, n *note) bool { return n.unresolved && !j.partnered() })
	for i := range j.records {
		r, n := &j.records[i], &j.notes[i]
		if r.ID == "" && n.rows > 0 {
			r.Count = n.rows
		}
		sortOrigins(r.Origins)
	}
}

// partnered says whether an application or edge line stands for the access.
func (j *judge) partnered() bool { return j.head != nil }

// listed takes one record that an application line lists.
func (j *judge) listed(r *RequestLine, rec *Record, table *Table) {
	if table != nil && table.Shared {
		return
	}
	i := j.record(table, rec.Table, rec.ID)
	record, n := &j.records[i], &j.notes[i]
	n.listed = true
	record.CameBack = Yes
	if rec.Tenant != "" {
		record.Tenant = rec.Tenant
	}
	record.Columns = j.union(record.Columns, rec.Columns)
	if record.State == nil {
		record.State = rec.State
	} else if len(rec.State) > 0 {
		record.State = append(slices.Clip(record.State), rec.State...)
	}
	n.logged = addOwners(n.logged, rec.Owners)
	if r.StripeUser != "" && table != nil && table.Mapping && (len(r.Records) == 1 || slices.Contains(r.StripeIDs, rec.ID)) {
		n.logged = addOwners(n.logged, []Owner{{Column: stripeMetadata, ID: r.StripeUser}})
	}
	j.origin(record, r.Origin)
}

// stripeMetadata is the column name given to the user id in a Stripe object's metadata.
const stripeMetadata = "metadata"

// addOwners joins two lists without repeats. The first is extended only into a list of
// its own.
func addOwners(have, more []Owner) []Owner {
	if len(have) == 0 {
		return more
	}
	have = slices.Clip(have)
	for _, o := range more {
		if !slices.Contains(have, o) {
			have = append(have, o)
		}
	}
	return have
}

// record finds or makes the entry of one record; without an id, an entry of its own that
// settle may join with others.
func (j *judge) record(table *Table, name, id string) int {
	if table != nil {
		name = table.Name
	} else {
		name = CanonicalTable(name)
	}
	if id != "" {
		id = canonicalID(id)
		if i := j.lookup(name, id); i >= 0 {
			return i
		}
	}
	i := len(j.records)
	j.records = append(j.records, AccessRecord{Table: table, Name: name, ID: id, Count: 1})
	j.notes = append(j.notes, note{rows: -1})
	if len(j.records) > searchFew && id != "" {
		j.index[recordKey{name, id}] = i
	}
	return i
}

// searchFew is up to how many records a walk is quicker than a map.
const searchFew = 16

func (j *judge) lookup(name, id string) int {
	for i := range min(len(j.records), searchFew) {
		if r := &j.records[i]; r.ID == id && r.Name == name {
			return i
		}
	}
	if len(j.records) > searchFew {
		if i, ok := j.index[recordKey{name, id}]; ok {
			return i
		}
	}
	return -1
}

// origin adds a receipt to a record, without repeats.
func (j *judge) origin(r *AccessRecord, o Origin) {
	if slices.Contains(r.Origins, o) {
		return
	}
	if r.Origins == nil {
		r.Origins = j.origins.take(2)[:0]
	}
	r.Origins = append(r.Origins, o)
}

// union joins column names.
func (j *judge) union(have, more []string) []string {
	if len(more) == 0 {
		return have
	}
	if len(have) == 0 {
		return append(j.words.take(len(more))[:0], more...)
	}
	have = slices.Clip(have)
	for _, c := range more {
		if !slices.Contains(have, c) {
			have = append(have, c)
		}
	}
	return have
}

// statement takes what one statement names of each table whose rows it gives back.
func (j *judge) statement(s *StatementLine) {
	p := s.Plan
	if p == nil {
		if s.Undecided != "" {
			j.traits |= traitUndecided
		}
		return
	}
	if p.Explain || p.ForeignKey || p.Catalog || p.Aggregate || s.SQLState != "" {
		return
	}
	given := 0
	for i := range p.Tables {
		if p.Tables[i].Returns && !p.Tables[i].Subquery {
			given++
		}
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		if !t.Returns || t.Subquery {
			continue
		}
		j.given(s, t, given > 1)
	}
	for _, name := range p.Functions {
		if table := j.policy.Table(name); table != nil && !table.Shared {
			j.nameless(s, table, name, nil)
		} else if table == nil && p.Folded {
			j.nameless(s, nil, name, nil)
		}
	}
}

// came says what a statement's own line tells of whether want rows came back, and how
// many did; -1 unknown.
func (s *StatementLine) came(want int) (Tri, int64) {
	if s.Rows < 0 || s.Plan.Folded {
		return Unknown, -1
	}
	if s.Rows == 0 {
		return No, 0
	}
	if int64(want) > s.Rows {
		return Unknown, s.Rows
	}
	return Yes, s.Rows
}

// given takes one table of a statement.
func (j *judge) given(s *StatementLine, t *query.Table, joined bool) {
	table := j.policy.Table(t.Name)
	if table != nil && table.Shared {
		return
	}
	if table == nil {
		if came, _ := s.came(1); came != No {
			j.nameless(s, nil, t.Name, t)
		}
		return
	}
	var ids []string
	unresolved := false
	for i := range t.Filters {
		if f := &t.Filters[i]; f.Column == table.ID && table.ID != "" {
			values, ok := s.values(f)
			unresolved = unresolved || !ok
			if len(ids) == 0 {
				ids = values
			}
		}
	}
	came, rows := s.came(len(ids))
	if came == No {
		return
	}
	if came == Yes {
		// A malformed id that brought rows back was no filter: the rows are others.
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !table.IDType.Valid(id) })
	}
	if len(ids) == 0 {
		i := j.nameless(s, table, t.Name, t)
		n := &j.notes[i]
		n.unresolved = unresolved
		if !joined && !n.folded {
			n.rows = rows
		}
		return
	}
	for _, id := range ids {
		i := j.record(table, t.Name, id)
		j.fromStatement(i, s, t, came)
	}
}

// nameless takes rows of a table that a statement gives back without naming them.
func (j *judge) nameless(s *StatementLine, table *Table, name string, t *query.Table) int {
	i := j.record(table, name, "")
	came, _ := s.came(1)
	j.fromStatement(i, s, t, came)
	return i
}

// fromStatement adds what a statement says to a record.
func (j *judge) fromStatement(i int, s *StatementLine, t *query.Table, came Tri) {
	r, n := &j.records[i], &j.notes[i]
	n.statement = true
	n.folded = s.Plan.Folded
	n.print = s.Plan.Fingerprint
	if r.CameBack != Yes {
		r.CameBack = came
	}
	j.origin(r, s.Origin)
	for _, o := range s.SettingsFrom {
		j.origin(r, o)
	}
	if t == nil {
		return
	}
	if !t.Star && r.Columns == nil {
		r.Columns = t.Columns
	}
	if r.Table == nil {
		return
	}
	for k := range t.Filters {
		f := &t.Filters[k]
		value, ok := s.single(f)
		if !ok {
			continue
		}
		j.filtered(r, n, f.Column, value)
	}
}

// filtered takes an equality that holds for every row that came back: it fixes an owner,
// the tenant or a state.
func (j *judge) filtered(r *AccessRecord, n *note, column, value string) {
	switch t := r.Table; {
	case slices.Contains(t.Owners, column):
		if o := (Owner{Column: column, ID: value}); !slices.Contains(n.predicate, o) {
			n.predicate = append(slices.Clip(n.predicate), o)
		}
	case column == t.Tenant && column != "":
		if r.Tenant == "" {
			r.Tenant, n.byFilter = value, true
		}
	case t.Public != nil && slices.ContainsFunc(t.Public.When, func(p Pair) bool { return p.Name == column }):
		r.State = append(slices.Clip(r.State), Pair{Name: column, Value: value})
	}
}

// values gives the values of a filter, and whether all of them were logged.
func (s *StatementLine) values(f *query.Filter) (values []string, ok bool) {
	ok = true
	for _, v := range f.Values {
		text, known := s.value(v)
		switch {
		case !known:
			ok = false
		case v.Array:
			elements, whole := query.ArrayElements(nil, text)
			values, ok = append(values, elements...), ok && whole
		default:
			values = append(values, text)
		}
	}
	return values, ok
}

// single gives the value of a filter that has exactly one.
func (s *StatementLine) single(f *query.Filter) (string, bool) {
	if len(f.Values) != 1 {
		return "", false
	}
	text, ok := s.value(f.Values[0])
	if !ok {
		return "", false
	}
	if f.Values[0].Array {
		elements, whole := query.ArrayElements(nil, text)
		if len(elements) != 1 || !whole {
			return "", false
		}
		return elements[0], true
	}
	return text, true
}

// value resolves one value through the parameters or the constants of the text.
func (s *StatementLine) value(v query.Value) (string, bool) {
	if v.Param > 0 {
		if !s.ParamsKnown || v.Param > len(s.Params) {
			return "", false
		}
		p := &s.Params[v.Param-1]
		return p.Value, !p.Unknown && !p.Null
	}
	if v.Literal < 1 || v.Literal > len(s.Literals) {
		return "", false
	}
	return s.Literals[v.Literal-1], true
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
		// The gateway folded nothing: what the statements asked for did not come back.
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

// settle joins the entries that speak of the same rows: counts and predicates of a table
// whose records an application line lists, and one statement that two lines tell.
func (j *judge) settle() {
	for i := range j.records {
		r, n := &j.records[i], &j.notes[i]
		if r.ID != "" || n.rows == 0 || n.listed {
			continue
		}
		named, twin := 0, -1
		for k := range j.records {
			o, m := &j.records[k], &j.notes[k]
			if k == i || o.Name != r.Name || m.rows == 0 {
				continue
			}
			if o.ID != "" {
				if m.listed || n.unresolved && m.print == n.print && n.print != 0 {
					named++
				}
				continue
			}
			if twin < 0 && k > i && !m.listed && (n.unresolved || m.unresolved || ownersEqual(n.predicate, m.predicate)) && r.Tenant == o.Tenant {
				twin = k
			}
		}
		switch {
		case named > 0:
			j.absorb(i, int64(named))
		case twin >= 0:
			j.join(twin, i)
		}
	}
}

// absorb gives what a nameless entry knows to the records of its table that are named,
// and leaves of its rows those beyond them.
func (j *judge) absorb(i int, named int64) {
	r, n := &j.records[i], &j.notes[i]
	fits := n.rows < 0 || n.rows <= named
	lists := false
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name != r.Name || o.ID == "" || !(m.listed || n.unresolved && m.print == n.print) {
			continue
		}
		for _, p := range n.predicate {
			for _, l := range m.logged {
				if l.Column == p.Column && canonicalID(l.ID) != canonicalID(p.ID) {
					return // these are other rows
				}
			}
		}
	}
	for k := range j.records {
		o, m := &j.records[k], &j.notes[k]
		if o.Name != r.Name || o.ID == "" || !(m.listed || n.unresolved && m.print == n.print) {
			continue
		}
		if fits && r.CameBack == Yes {
			m.predicate = addOwners(m.predicate, n.predicate)
			o.CameBack = Yes
			if o.Tenant == "" {
				o.Tenant = r.Tenant
			}
		}
		m.statement = m.statement || n.statement
		lists = lists || m.listed
		for _, origin := range r.Origins {
			j.origin(o, origin)
		}
	}
	if n.rows < 0 || j.head != nil && j.head.Complete && lists {
		n.rows = 0 // an access event says itself what came back: rows beyond it did not
	} else {
		n.rows = max(0, n.rows-named)
	}
}

// join adds entry i to entry k of the same rows and empties i.
func (j *judge) join(k, i int) {
	r, n := &j.records[i], &j.notes[i]
	o, m := &j.records[k], &j.notes[k]
	m.rows = max(m.rows, n.rows)
	m.unresolved = m.unresolved && n.unresolved
	m.folded = m.folded && n.folded
	m.statement = m.statement || n.statement
	m.predicate = addOwners(m.predicate, n.predicate)
	if r.CameBack == Yes {
		o.CameBack = Yes
	}
	o.Columns = j.union(o.Columns, r.Columns)
	if o.State == nil {
		o.State = r.State
	}
	for _, origin := range r.Origins {
		j.origin(o, origin)
	}
	n.rows = 0
}

func ownersEqual(a, b []Owner) bool {
	if len(a) != len(b) {
		return false
	}
	for _, o := range a {
		if !slices.Contains(b, o) {
			return false
		}
	}
	return true
}

// drop takes entries away.
func (j *judge) drop(gone func(*AccessRecord, *note) bool) {
	kept := 0
	for i := range j.records {
		if gone(&j.records[i], &j.notes[i]) {
			continue
		}
		if kept != i {
			j.records[kept], j.notes[kept] = j.records[i], j.notes[i]
		}
		kept++
	}
	if kept == len(j.records) {
		return
	}
	j.records, j.notes = j.records[:kept], j.notes[:kept]
	clear(j.index)
	for i := searchFew; i < kept; i++ {
		if r := &j.records[i]; r.ID != "" {
			j.index[recordKey{r.Name, r.ID}] = i
		}
	}
}

// doors marks statements that change who may read.
func (j *judge) doors() {
	for i := range j.acc.Statements {
		if s := &j.acc.Statements[i]; s.reads() && s.Plan != nil && len(s.Plan.Doors) > 0 && s.SQLState == "" {
			j.traits |= traitDoor
		}
	}
}

// sortOrigins orders receipts by source, partition and offset.
func sortOrigins(list []Origin) {
	if len(list) > 1 {
		slices.SortFunc(list, func(a, b Origin) int {
			return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
	}
}
