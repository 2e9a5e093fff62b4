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
	// latest is the greatest time of an access: Windows.Reopen is counted from it.
	latest int64

	// names is a queue as well: hashes of the names of each item. They are looked
	// through when facts have come, not listed by name when an access is decided: most
	// are never asked for.
	names   []uint64
	head    int
	touched touched

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
	names    int
}

// touched is a set of the hashes of names that facts have spoken of. The bits tell most
// of the others without a look into the map.
type touched struct {
	bits [1 << 10]uint64
	all  map[uint64]struct{}
}

func (t *touched) add(h uint64) {
	t.bits[h>>54] |= 1 << (h >> 48 & 63)
	t.all[h] = struct{}{}
}

func (t *touched) has(h uint64) bool {
	if t.bits[h>>54]&(1<<(h>>48&63)) == 0 {
		return false
	}
	_, ok := t.all[h]
	return ok
}

func (t *touched) clear() {
	clear(t.bits[:])
	clear(t.all)
}

func (r *reopening) init() {
	r.seed = maphash.MakeSeed()
	r.touched.all = map[uint64]struct{}{}
}

func (r *reopening) hash(s string) uint64 { return maphash.String(r.seed, s) }

// keep puts a decided access at hand.
func (r *reopening) keep(d *Detector, a *Access, revision uint32, findings []Finding, reads []Read) {
	r.latest = max(r.latest, a.Time)
	for r.first < len(r.items) {
		old := r.items[r.first].access.Time < r.latest-d.w.orphan-d.w.reopen
		if !old && len(r.items)-r.first < d.o.MaxReopen {
			break
		}
		if !old {
			d.stats.Forgotten++
		}
		r.expire()
	}
	kept := Access{Key: a.Key, Time: a.Time, Late: a.Late, Cold: a.Cold}
	kept.Requests = r.requests.take(len(a.Requests))
	copy(kept.Requests, a.Requests)
	kept.Statements = r.lines.take(len(a.Statements))
	copy(kept.Statements, a.Statements)
	item := reopened{access: kept, revision: revision, reads: 1, digest: r.digest(findings, reads), findings: slices.Clone(findings)}
	from := len(r.names)
	say := func(s string) {
		if s != "" {
			r.names = append(r.names, r.hash(s))
		}
	}
	say(a.Actor.User)
	say(a.Actor.Impersonating)
	say(a.Actor.Session)
	for i := range a.Records {
		rec := &a.Records[i]
		if i == 0 || rec.Name != a.Records[i-1].Name {
			say(rec.Name)
		}
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
	item.names = len(r.names) - from
	r.items = append(r.items, item)
}

// expire lets go of the oldest access.
func (r *reopening) expire() {
	it := &r.items[r.first]
	r.head += it.names
	*it = reopened{}
	r.first++
	if r.first > 1024 && r.first > len(r.items)/2 {
		r.items = slices.Delete(r.items, 0, r.first)
		r.first = 0
	}
	if r.head > 4096 && r.head > len(r.names)/2 {
		r.names = r.names[:copy(r.names, r.names[r.head:])]
		r.head = 0
	}
}

// touch has the accesses that name s judged again.
func (r *reopening) touch(s string) {
	if s != "" {
		r.touched.add(r.hash(s))
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
	if len(r.touched.all) == 0 {
		return
	}
	at := r.head
	for i := r.first; i < len(r.items); i++ {
		it := &r.items[i]
		names := r.names[at : at+it.names]
		at += it.names
		if slices.ContainsFunc(names, r.touched.has) {
			d.rejudge(it)
		}
	}
	r.touched.clear()
}

// rejudge judges one access again, and gives out what came of it if it is not what
// was given out before.
func (d *Detector) rejudge(it *reopened) {
	a := d.blank()
	requests, statements := append(a.Requests, it.access.Requests...), append(a.Statements, it.access.Statements...)
	*a = it.access
	a.Requests, a.Statements = requests, statements
	before := d.out.extent()
	from, reads := before.findings, before.reads
	d.judging.access(a, false, &d.out)
	if len(d.out.Failures) > before.failures {
		d.out.cut(extent{from, reads, len(d.out.Failures)}) // what was given out before stands
		return
	}
	digest := d.reopen.digest(d.out.Findings[from:], d.out.Reads[reads:])
	if digest == it.digest {
		d.out.cut(before)
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
