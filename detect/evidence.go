package detect

import (
	"cmp"
	"slices"
	"strings"

	"trespass.dev/trespass/detect/memory"
)

// gather collects the records that came back, or may have, each once: what application
// lines list, what the gateway counted, what statements name, and what a cache filled
// earlier gave again.
func (j *Judge) gather() {
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
	j.applyAsked()
	j.tallyCounts()
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
	j.drop(func(_ *AccessRecord, n *note) bool { return n.rows == 0 || n.unresolved && !j.partnered() })
	for i := range j.records {
		r, n := &j.records[i], &j.notes[i]
		if r.ID == "" && n.rows > 0 {
			r.Count = n.rows
		}
		sortOrigins(r.Origins)
		if i > 0 && slices.Equal(r.Origins, j.records[i-1].Origins) {
			r.Origins = j.records[i-1].Origins
		} else {
			r.Origins = j.origins.Keep(r.Origins)
		}
	}
}

// partnered says whether an application or edge line stands for the access.
func (j *Judge) partnered() bool { return j.head != nil }

// listed takes one record that an application line lists.
func (j *Judge) listed(r *RequestLine, rec *Record, table *Table) {
	if table != nil && table.Shared {
		return
	}
	i := j.record(table, rec.Table, rec.ID)
	record, n := &j.records[i], &j.notes[i]
	n.listed = true
	n.seenBy(r.Shared)
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

// seenBy takes note of whether a line that tells of a record is surely this session's.
func (n *note) seenBy(shared bool) {
	n.shared = n.shared || shared
	n.own = n.own || !shared
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
func (j *Judge) record(table *Table, name, id string) int {
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
	r := memory.Extend(&j.records)
	r.Table, r.Name, r.ID, r.Count = table, name, id, 1
	memory.Extend(&j.notes).rows = -1
	if len(j.records) > searchFew && id != "" {
		if j.index == nil {
			j.index = make(map[recordKey]int)
		}
		j.index[recordKey{name, id}] = i
	}
	return i
}

// searchFew is up to how many records a walk is quicker than a map.
const searchFew = 16

func (j *Judge) lookup(name, id string) int {
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
func (j *Judge) origin(r *AccessRecord, o Origin) {
	if slices.Contains(r.Origins, o) {
		return
	}
	if r.Origins == nil {
		r.Origins = j.seen.Take(3)[:0] // of the request, its statement, and what set its role
	}
	r.Origins = append(r.Origins, o)
}

// union joins column names.
func (j *Judge) union(have, more []string) []string {
	if len(more) == 0 {
		return have
	}
	if len(have) == 0 {
		return append(j.words.Take(len(more))[:0], more...)
	}
	have = slices.Clip(have)
	for _, c := range more {
		if !slices.Contains(have, c) {
			have = append(have, c)
		}
	}
	return have
}

// sortOrigins orders receipts by source, partition and offset.
func sortOrigins(list []Origin) {
	if len(list) > 1 {
		slices.SortFunc(list, func(a, b Origin) int {
			return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
	}
}
