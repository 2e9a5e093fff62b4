package join

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
	"trespass.dev/trespass/detect/query"
)

// Facts come by their own topic and may come after the accesses that they bear on.
// While facts are read, decided accesses stay at hand for Windows.Reopen; a fact that
// names a record, a person, a tenant, a session or a table of one has it judged
// again. Only what changed is given out, as the next revision.
type reopening struct {
	on   bool
	seed maphash.Seed

	items memory.Queue[reopened] // the oldest first
	// latest is the greatest time of an access: Windows.Reopen is counted from it.
	latest int64

	// names is a queue as well: hashes of the names of each item. They are looked
	// through when facts have come, not listed by name when an access is decided: most
	// are never asked for.
	names   memory.Queue[uint64]
	touched touched

	lines memory.Slab[keptLine]
}

// reopened is one decided access, with its lines as text: few of them are judged again.
type reopened struct {
	key        string
	time       int64
	late, cold bool
	revision   uint32 // of its findings
	reads      uint32 // of its reads
	digest     uint64 // of what was given out
	findings   []detect.Finding
	names      int
	lines      []keptLine // requests, then statements
}

// keptLine is one line of a decided access: a waiting line's text, or an execution's.
type keptLine struct {
	text   string
	plan   *query.Plan
	time   int64
	line   uint64
	origin detect.Origin
	form   lineForm
	shared bool
}

type lineForm uint8

const (
	formRequest   lineForm = iota
	formStatement          // as it waited: nothing of its transaction bears on it
	formExecution          // with the state that it ran under
)

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

// remember puts a decided access at hand.
func (d *Detector) remember(a *detect.Access, revision uint32, findings []detect.Finding) {
	r := &d.reopen
	r.latest = max(r.latest, a.Time)
	for r.items.Len() > 0 {
		old := r.items.At(0).time < r.latest-d.w.orphan-d.w.reopen
		if !old && r.items.Len() < d.o.MaxReopen {
			break
		}
		if !old {
			d.stats.Forgotten++
		}
		r.expire()
	}
	from := r.names.Len()
	digest := r.digest(a, findings)
	*r.items.Push() = reopened{
		key: a.Key, time: a.Time, late: a.Late, cold: a.Cold, revision: revision, reads: 1,
		digest: digest, findings: slices.Clone(findings), names: r.names.Len() - from, lines: d.keptLines(a),
	}
}

// keptLines takes the lines of an access down as text.
func (d *Detector) keptLines(a *detect.Access) []keptLine {
	lines := d.reopen.lines.Take(len(a.Requests) + len(a.Statements))
	for i := range a.Requests {
		l := &a.Requests[i]
		lines[i] = keptLine{text: l.Text, time: l.Time, line: l.LineID, origin: l.Origin, shared: l.Shared}
	}
	for i := range a.Statements {
		l := &a.Statements[i]
		k := &lines[len(a.Requests)+i]
		*k = keptLine{text: l.Text, plan: l.Plan, time: l.Time, line: l.LineID, origin: l.Origin, form: formStatement, shared: l.Shared}
		if l.Text == "" {
			d.enc.b = d.enc.b[:0]
			d.enc.execution(l)
			k.text, k.form = d.arena.Keep(d.enc.b), formExecution
		}
	}
	return lines
}

// expire lets go of the oldest access.
func (r *reopening) expire() {
	it := r.items.At(0)
	r.names.Drop(it.names)
	*it = reopened{}
	r.items.Drop(1)
}

// touch has the accesses that name s judged again.
func (r *reopening) touch(s string) {
	if s != "" {
		r.touched.add(r.hash(s))
	}
}

// fact takes a fact in.
func (d *Detector) fact(e *detect.Event) {
	f := e.Fact
	if f == nil {
		return
	}
	d.stats.Facts++
	d.facts.Add(f, e.Origin)
	d.reopen.on = true
	r := &d.reopen
	if r.items.Len() == 0 {
		return
	}
	switch f.Kind {
	case detect.FactCatalog, detect.FactTable, detect.FactPermit:
		r.touch(detect.CanonicalTable(f.Table))
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
	name := 0
	for i := range r.items.Len() {
		it := r.items.At(i)
		touched := false
		for range it.names {
			touched = touched || r.touched.has(*r.names.At(name))
			name++
		}
		if touched {
			d.rejudge(it)
		}
	}
	r.touched.clear()
}

// rejudge judges one access again, and gives out what came of it if it is not what
// was given out before.
func (d *Detector) rejudge(it *reopened) {
	a := d.blank()
	a.Key, a.Time, a.Late, a.Cold = it.key, it.time, it.late, it.cold
	for i := range it.lines {
		d.readBack(a, &it.lines[i])
	}
	before := d.out.Extent()
	from := before.Findings
	d.judging.Access(a, false, &d.out)
	d.dec.reset()
	if len(d.out.Failures) > before.Failures {
		before.Failures = len(d.out.Failures)
		d.out.Cut(before) // what was given out before stands
		return
	}
	r := &d.reopen
	names := r.names.Len()
	digest := r.digest(a, d.out.Findings[from:])
	r.names.Cut(r.names.Len() - names)
	if digest == it.digest {
		d.out.Cut(before)
		return
	}
	d.stats.Reviewed++
	it.digest = digest
	it.revision++
	it.reads++
	for i := from; i < len(d.out.Findings); i++ {
		d.out.Findings[i].Revision = it.revision
		d.out.Findings[i].Own()
	}
	for i := before.Reads; i < len(d.out.Reads); i++ {
		d.out.Reads[i].Revision = it.reads
	}
	d.takeBack(it.findings, from, it.revision)
	it.findings = slices.Clone(d.out.Findings[from:])
}

// readBack reads one kept line back into an access.
func (d *Detector) readBack(a *detect.Access, k *keptLine) {
	d.dec.s = k.text
	if k.form == formRequest {
		r := memory.Extend(&a.Requests)
		r.Time, r.Origin, r.LineID, r.Shared, r.Text = k.time, k.origin, k.line, k.shared, k.text
		d.dec.request(&r.Request)
		return
	}
	l := memory.Extend(&a.Statements)
	l.Time, l.Origin, l.LineID, l.Shared, l.Plan = k.time, k.origin, k.line, k.shared, k.plan
	if k.form == formExecution {
		d.dec.execution(l)
	} else {
		l.Literals, l.Undecided = d.dec.statement(&l.Statement, &d.unit.set)
		l.Settings = nil
	}
}

// digest is a hash of all that a reader would see differ. What facts may name of the
// access is put into the queue of names on the way.
func (r *reopening) digest(a *detect.Access, findings []detect.Finding) uint64 {
	h := uint64(len(findings))
	mix := func(x uint64) {
		h = (h ^ x) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	text := func(s string) {
		mix(uint64(len(s)))
		if s != "" {
			mix(r.hash(s))
		}
	}
	name := func(s string) {
		if s == "" {
			mix(0)
			return
		}
		x := r.hash(s)
		mix(x)
		*r.names.Push() = x
	}
	name(a.Actor.User)
	name(a.Actor.Impersonating)
	name(a.Actor.Session)
	for i := range a.Requests {
		for _, id := range a.Requests[i].StripeIDs {
			name(id)
		}
		name(a.Requests[i].Justification)
		name(a.Requests[i].ShareToken)
	}
	for i := range a.Records {
		v := &a.Records[i]
		if i == 0 || v.Name != a.Records[i-1].Name {
			name(v.Name)
		}
		name(v.ID)
		name(v.Tenant)
		mix(uint64(v.Verdict)<<8 | uint64(v.Claim))
		text(v.Relation)
		text(v.Reason)
		for k := range v.Owners {
			text(v.Owners[k].Column)
			name(v.Owners[k].ID)
		}
		for _, m := range v.Missing {
			text(m)
		}
	}
	for i := range findings {
		f := &findings[i]
		if f.Resolved {
			continue
		}
		mix(binary.LittleEndian.Uint64(f.ID[:8]))
		mix(uint64(f.Severity)<<16 | uint64(f.Claim)<<8 | uint64(f.Verdict))
		text(f.Rule)
		text(string(f.Cause))
		text(f.Summary)
		for _, list := range [][]string{f.Missing, f.Evidence, f.RecordIDs, f.Owners, f.Columns} {
			mix(uint64(len(list)))
			for _, s := range list {
				text(s)
			}
		}
	}
	return h
}
