package detect

import (
	"hash/maphash"
	"slices"
)

// Facts come by their own topic and may come after the accesses that they bear on.
// While facts are read, decided accesses stay at hand for Windows.Reopen; a fact that
// names a record, a person, a tenant, a session or a table of one has it judged
// again. Only what changed is given out, as the next revision.
type reopening struct {
	on   bool
	seed maphash.Seed

	items []reopened // queue: the oldest first
	first int
	floor uint64 // number of items[first]
	// latest is the greatest time of an access: Windows.Reopen is counted from it.
	latest int64

	mentions []mention // queue, in the order of their items
	head     int
	base     uint64            // number of mentions[head]
	newest   map[uint64]uint64 // last mention of a hash, by number

	dirty    map[uint64]struct{} // items to be judged again
	requests slab[RequestLine]
	lines    slab[StatementLine]
}

// reopened is one decided access.
type reopened struct {
	access   Access
	revision uint32 // of its findings
	reads    uint32 // of its reads
	digest   uint64 // of what was given out
	findings []Finding
	mentions int
}

type mention struct {
	hash  uint64
	item  uint64
	older uint64 // number of the mention before of the same hash, and one; 0 none
}

func (r *reopening) init() {
	r.seed = maphash.MakeSeed()
	r.newest, r.dirty = map[uint64]uint64{}, map[uint64]struct{}{}
}

func (r *reopening) hash(s string) uint64 { return maphash.String(r.seed, s) }

// keep puts a decided access at hand.
func (r *reopening) keep(d *Detector, a *Access, revision uint32, findings []Finding, reads []Read) {
	r.latest = max(r.latest, a.Time)
	for r.first < len(r.items) && (r.items[r.first].access.Time < r.latest-d.w.orphan-d.w.reopen || len(r.items)-r.first >= d.o.MaxReopen) {
		r.expire()
	}
	kept := Access{Key: a.Key, Time: a.Time, Late: a.Late, Cold: a.Cold}
	kept.Requests = r.requests.take(len(a.Requests))
	copy(kept.Requests, a.Requests)
	kept.Statements = r.lines.take(len(a.Statements))
	copy(kept.Statements, a.Statements)
	item := reopened{access: kept, revision: revision, reads: 1, digest: r.digest(findings, reads), findings: slices.Clone(findings)}
	number := r.floor + uint64(len(r.items)-r.first)
	say := func(s string) {
		if s == "" {
			return
		}
		h := r.hash(s)
		m := mention{hash: h, item: number}
		if last, ok := r.newest[h]; ok && last >= r.base {
			if r.mentions[r.head+int(last-r.base)].item == number {
				return
			}
			m.older = last + 1
		}
		r.newest[h] = r.base + uint64(len(r.mentions)-r.head)
		r.mentions = append(r.mentions, m)
		item.mentions++
	}
	say(a.Actor.User)
	say(a.Actor.Impersonating)
	say(a.Actor.Session)
	for i := range a.Records {
		rec := &a.Records[i]
		say(rec.Name)
		say(rec.ID)
		say(rec.Tenant)
		for _, o := range rec.Owners {
			say(o.ID)
		}
	}
	for i := range a.Requests {
		for _, id := range a.Requests[i].StripeIDs {
			say(id)
		}
		say(a.Requests[i].Justification)
		say(a.Requests[i].ShareToken)
	}
	r.items = append(r.items, item)
}

// expire lets go of the oldest access.
func (r *reopening) expire() {
	it := &r.items[r.first]
	for range it.mentions {
		if m := &r.mentions[r.head]; r.newest[m.hash] == r.base {
			delete(r.newest, m.hash)
		}
		r.head++
		r.base++
	}
	delete(r.dirty, r.floor)
	*it = reopened{}
	r.first++
	r.floor++
	if r.first > 1024 && r.first > len(r.items)/2 {
		r.items = slices.Delete(r.items, 0, r.first)
		r.first = 0
	}
	if r.head > 4096 && r.head > len(r.mentions)/2 {
		r.mentions = r.mentions[:copy(r.mentions, r.mentions[r.head:])]
		r.head = 0
	}
}

// touch marks the accesses that mention s.
func (r *reopening) touch(s string) {
	if s == "" {
		return
	}
	at, ok := r.newest[r.hash(s)]
	for ok && at >= r.base {
		m := r.mentions[r.head+int(at-r.base)]
		if m.item >= r.floor {
			r.dirty[m.item] = struct{}{}
		}
		ok, at = m.older != 0, m.older-1
	}
}

// fact takes a fact in.
func (d *Detector) fact(e *Event) {
	f := e.Fact
	if f == nil {
		return
	}
	d.stats.Facts++
	d.facts.Add(f, e.Origin)
	d.reopen.on = true
	r := &d.reopen
	if len(r.items) == r.first {
		return
	}
	switch f.Kind {
	case FactCatalog, FactTable, FactPermit:
		r.touch(CanonicalTable(f.Table))
		return
	}
	// One of the two sides is enough, and the record, where there is one, is the
	// narrower.
	for _, s := range []string{f.Record, f.User, f.Tenant, f.Value, f.Agent, f.Token} {
		r.touch(s)
	}
}

// review judges again what late facts bear on.
func (d *Detector) review() {
	r := &d.reopen
	if len(r.dirty) == 0 {
		return
	}
	numbers := make([]uint64, 0, len(r.dirty))
	for n := range r.dirty {
		numbers = append(numbers, n)
	}
	clear(r.dirty)
	slices.Sort(numbers)
	for _, n := range numbers {
		if n < r.floor {
			continue
		}
		d.rejudge(&r.items[r.first+int(n-r.floor)])
	}
}

// rejudge judges one access again, and gives out what came of it if it is not what
// was given out before.
func (d *Detector) rejudge(it *reopened) {
	a := d.blank()
	requests, statements := append(a.Requests, it.access.Requests...), append(a.Statements, it.access.Statements...)
	*a = it.access
	a.Requests, a.Statements = requests, statements
	from, reads := len(d.out.Findings), len(d.out.Reads)
	d.judging.access(a, false, &d.out)
	digest := d.reopen.digest(d.out.Findings[from:], d.out.Reads[reads:])
	if digest == it.digest {
		d.out.cut(from, reads)
		return
	}
	d.stats.Reviewed++
	it.digest = digest
	it.revision++
	it.reads++
	for i := from; i < len(d.out.Findings); i++ {
		d.out.Findings[i].Revision = it.revision
		own(&d.out.Findings[i])
	}
	for i := reads; i < len(d.out.Reads); i++ {
		d.out.Reads[i].Revision = it.reads
	}
	d.takeBack(it.findings, from, it.revision)
	it.findings = slices.Clone(d.out.Findings[from:])
}

// digest is a hash of all that a reader would see differ.
func (r *reopening) digest(findings []Finding, reads []Read) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	text := func(s string) {
		maphash.WriteComparable(&h, len(s))
		h.WriteString(s)
	}
	for i := range findings {
		f := &findings[i]
		if f.Resolved {
			continue
		}
		h.Write(f.ID[:])
		h.Write([]byte{byte(f.Severity), byte(f.Claim), byte(f.Verdict)})
		text(f.Rule)
		text(string(f.Cause))
		text(f.Summary)
		for _, list := range [][]string{f.Missing, f.Evidence, f.RecordIDs, f.Owners, f.Columns} {
			for _, s := range list {
				text(s)
			}
		}
	}
	for i := range reads {
		v := &reads[i]
		h.Write([]byte{byte(v.Verdict), byte(v.Claim)})
		text(v.Table)
		text(v.RecordID)
		text(v.Relation)
		text(v.Reason)
		for _, o := range v.Owners {
			text(o.Column)
			text(o.ID)
		}
		for _, m := range v.Missing {
			text(m)
		}
	}
	return h.Sum64()
}
