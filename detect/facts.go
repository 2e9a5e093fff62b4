package detect

import (
	"math"
	"strings"
)

// Facts is what the database itself says of its rows and people, each for a span of
// time: who owns a record, who is a member, which session ended. It answers as of
// the time of an event, whatever order the facts arrived in.
//
// A fact holds from ValidFrom until ValidTo, or, while ValidTo is open, until a later
// fact of the same key begins. The key is what the fact is about: for an owner the
// table, record and column, so that a new owner ends the old one's time; for a
// membership the user and the tenant, so that one membership says nothing of another;
// for a mapping the external id and the user, so that two users of one Stripe customer
// contest it until one mapping is ended. Saying a fact again changes nothing; saying it
// again with its end sets the end, and of two ends the earlier stands. A fact taken back
// (Retract) stays taken back: the same value from the same moment is not believed again.
//
// Facts is used by one goroutine.
type Facts struct {
	policy  *Policy
	ids     interner
	heads   heads                // first span of a key
	rows    rows                 // first span of the owners of a row, in whatever column
	spans   []span               // all spans; those of one key, or row, are linked, latest from first
	said    []receipt            // by span: where it was said
	lists   map[factKey][]uint32 // what goes with a person, tenant or value, for counting
	columns map[uint32][]string  // by span: the columns that a share or relation covers
	sources []string

	known   [factSorts]bool // some fact of this sort was said
	unnamed bool            // some owner fact names no column
	refused int             // facts of an unknown kind, or without what their kind is about
}

// factSort says under which sort of key a fact is kept. It is as wide as the other parts of a
// key, so that two keys are compared as one piece of memory.
type factSort uint32

const (
	sortOwner      factSort = iota // table, record, column: user
	sortTenant                     // table, record: tenant
	sortState                      // table, record, column: value
	sortMember                     // user, tenant
	sortMapping                    // external id, user
	sortAccount                    // user: state
	sortSession                    // session id: state
	sortSessionsOf                 // user: state of all sessions begun before
	sortShare                      // table, record, user
	sortLink                       // table, record, token
	sortTicket                     // ticket, agent, user: state
	sortRole                       // user, role
	sortCatalog                    // table, property: value
	sortComplete                   // table
	sortSame                       // user, user
	sortPermit                     // table, principal
	sortCanary                     // table, record
	sortRelation                   // table, record, user, name
	factSorts
)

// factKey is what a fact is about, by the numbers of its names.
type factKey struct {
	sort       factSort
	a, b, c, d uint32
}

// span is one value that held from..to. A span that is gone was taken back; one with
// the value anyValue stands for every value that began at its from.
// Two of them fill a line of memory: most rows have two owners, said one after the other.
type span struct {
	from, to int64
	value    uint32
	next     uint32 // index+1
	column   uint32 // c of the key: the spans of one row are linked whatever their column
	gone     bool
}

// receipt is where a fact was said.
type receipt struct {
	offset int64
	part   int32
	source uint16 // index+1 in sources; 0 unknown
}

const (
	endless  = math.MaxInt64
	anyValue = math.MaxUint32
)

// NewFacts makes an empty store. The policy, which must be compiled, gives tables their
// canonical names.
func NewFacts(p *Policy) *Facts {
	return &Facts{
		policy:  p,
		ids:     newInterner(),
		heads:   newHeads(),
		rows:    newRows(),
		lists:   make(map[factKey][]uint32),
		columns: make(map[uint32][]string),
	}
}

// Add takes one fact and copies what it keeps. Facts may come in any order and any
// number of times. A fact of an unknown kind, or without what its kind is about,
// changes nothing; Refused counts it.
func (f *Facts) Add(fact *Fact, o Origin) {
	if !f.whole(fact) {
		f.refused++
		return
	}
	id := func(s string) uint32 { return f.ids.number(canonicalID(s)) }
	word := f.ids.number
	table := uint32(0)
	switch {
	case fact.Table == "":
	case fact.Kind == FactCatalog: // of a view or function itself, not of the table that it is judged as
		table = word(CanonicalTable(fact.Table))
	default:
		table = word(f.tableName(fact.Table))
	}
	record, user := id(fact.Record), id(fact.User)
	switch fact.Kind {
	case FactOwner:
		f.unnamed = f.unnamed || fact.Column == ""
		if f.put(factKey{sortOwner, table, record, word(fact.Column), 0}, user, fact, o) && user != 0 {
			f.list(factKey{sortOwner, table, user, 0, 0}, record)
		}
	case FactTenant:
		tenant := id(fact.Tenant)
		if f.put(factKey{sortTenant, table, record, 0, 0}, tenant, fact, o) && tenant != 0 {
			f.list(factKey{sortTenant, table, tenant, 0, 0}, record)
		}
	case FactState:
		column, value := word(fact.Column), word(fact.Value)
		if f.put(factKey{sortState, table, record, column, 0}, value, fact, o) {
			f.list(factKey{sortState, table, column, value, 0}, record)
		}
	case FactMember:
		tenant := id(fact.Tenant)
		if f.put(factKey{sortMember, user, tenant, 0, 0}, 0, fact, o) {
			f.list(factKey{sortMember, user, 0, 0, 0}, tenant)
			f.list(factKey{sortTenant, 0, tenant, 0, 0}, user)
		}
	case FactMapping:
		if f.put(factKey{sortMapping, record, user, 0, 0}, user, fact, o) {
			f.list(factKey{sortMapping, record, 0, 0, 0}, user)
		}
	case FactAccount:
		f.put(factKey{sortAccount, user, 0, 0, 0}, word(fact.Value), fact, o)
	case FactSession:
		if record != 0 {
			f.put(factKey{sortSession, record, 0, 0, 0}, word(fact.Value), fact, o)
		} else {
			f.put(factKey{sortSessionsOf, user, 0, 0, 0}, word(fact.Value), fact, o)
		}
	case FactShare:
		if user != 0 && f.put(factKey{sortShare, table, record, user, 0}, 0, fact, o) {
			f.list(factKey{sortShare, table, user, 0, 0}, record)
		}
		if token := word(fact.Token); token != 0 && f.put(factKey{sortLink, table, record, token, 0}, 0, fact, o) {
			f.list(factKey{sortLink, table, token, 0, 0}, record)
		}
	case FactTicket:
		agent, ticket := id(fact.Agent), word(fact.Record)
		if f.put(factKey{sortTicket, ticket, agent, user, 0}, word(fact.Value), fact, o) {
			f.list(factKey{sortTicket, agent, user, 0, 0}, ticket)
		}
	case FactRole:
		f.put(factKey{sortRole, user, word(fact.Value), 0, 0}, 0, fact, o)
	case FactCatalog:
		f.put(factKey{sortCatalog, table, word(fact.Column), 0, 0}, word(fact.Value), fact, o)
	case FactTable:
		f.put(factKey{sortComplete, table, 0, 0, 0}, 0, fact, o)
	case FactSamePair:
		other := id(fact.Value)
		if f.put(factKey{sortSame, user, other, 0, 0}, 0, fact, o) {
			f.put(factKey{sortSame, other, user, 0, 0}, 0, fact, o)
			f.list(factKey{sortSame, user, 0, 0, 0}, other)
			f.list(factKey{sortSame, other, 0, 0, 0}, user)
		}
	case FactPermit:
		f.put(factKey{sortPermit, table, word(fact.Principal), 0, 0}, 0, fact, o)
	case FactCanary:
		f.put(factKey{sortCanary, table, record, 0, 0}, 0, fact, o)
	case FactRelation:
		if f.put(factKey{sortRelation, table, record, user, word(fact.Value)}, 0, fact, o) {
			f.list(factKey{sortRelation, table, user, 0, 0}, record)
		}
	}
}

// Refused says how many facts were of no use, because their kind is unknown or what
// it is about is missing.
func (f *Facts) Refused() int { return f.refused }

// Hash is the first hash by which the facts find an id of this spelling. It is the same as
// long as these facts live.
func (f *Facts) Hash(id string) uint64 { return f.ids.first(id) }

// Peek looks at the memory where an id of a hash is found, so that it is at hand when the
// id is asked for. What it gives says nothing.
func (f *Facts) Peek(hash uint64) uint32 { return f.ids.numbers.Peek(hash) }

// whole says whether a fact has what its kind is about.
func (f *Facts) whole(fact *Fact) bool {
	row := fact.Table != "" && fact.Record != ""
	switch fact.Kind {
	case FactOwner, FactTenant, FactCanary:
		return row
	case FactState:
		return row && fact.Column != ""
	case FactMember:
		return fact.User != "" && fact.Tenant != ""
	case FactMapping, FactTicket:
		return fact.Record != "" && fact.User != ""
	case FactAccount:
		return fact.User != ""
	case FactSession:
		return fact.Record != "" || fact.User != ""
	case FactShare:
		return row && (fact.User != "" || fact.Token != "")
	case FactRole, FactSamePair:
		return fact.User != "" && fact.Value != ""
	case FactCatalog:
		return fact.Table != "" && fact.Column != ""
	case FactTable:
		return fact.Table != ""
	case FactPermit:
		return fact.Table != "" && fact.Principal != ""
	case FactRelation:
		return row && fact.User != "" && fact.Value != ""
	}
	return false
}

// tableName gives the name under which the policy judges a table.
func (f *Facts) tableName(name string) string {
	if t := f.policy.Table(name); t != nil {
		return t.Name
	}
	return CanonicalTable(name)
}

func (f *Facts) list(k factKey, n uint32) { f.lists[k] = append(f.lists[k], n) }

// put keeps one span and says whether it is new.
func (f *Facts) put(k factKey, value uint32, fact *Fact, o Origin) bool {
	f.known[k.sort] = true
	to := fact.ValidTo
	if to == 0 {
		to = endless
	}
	if fact.Retract {
		if value == 0 {
			value = anyValue
		}
		return f.takeBack(k, value, fact.ValidFrom, o)
	}
	gone := false
	for i := f.first(k); i != 0; i = f.spans[i-1].next {
		s := &f.spans[i-1]
		switch {
		case s.from != fact.ValidFrom || s.column != k.c:
		case s.value == value && !s.gone:
			s.to = min(s.to, to)
			f.receipt(i-1, o)
			return false
		case s.gone && (s.value == value || s.value == anyValue):
			gone = true
		}
	}
	if gone {
		return false
	}
	i := f.link(k, span{from: fact.ValidFrom, to: to, value: value}, o)
	if len(fact.Columns) > 0 {
		f.columns[i] = cloneStrings(fact.Columns)
	}
	return true
}

// takeBack leaves a mark that keeps the fact from being believed, whether it came
// before or comes after.
func (f *Facts) takeBack(k factKey, value uint32, from int64, o Origin) bool {
	marked := false
	for i := f.first(k); i != 0; i = f.spans[i-1].next {
		s := &f.spans[i-1]
		if s.from == from && s.column == k.c && (value == anyValue || s.value == value || s.value == anyValue) {
			marked = marked || s.gone && s.value == value
			s.gone = true
		}
	}
	if !marked {
		f.link(k, span{from: from, to: from, value: value, gone: true}, o)
	}
	return false
}

// link puts a span into the list of its key, latest from first, and gives its index.
func (f *Facts) link(k factKey, s span, o Origin) uint32 {
	s.column = k.c
	i := uint32(len(f.spans))
	f.said = append(f.said, receipt{})
	f.receipt(i, o)
	head := f.first(k)
	if head == 0 || f.spans[head-1].from <= s.from {
		s.next = head
		f.spans = append(f.spans, s)
		f.begin(k, i+1)
		return i
	}
	before := head
	for f.spans[before-1].next != 0 && f.spans[f.spans[before-1].next-1].from > s.from {
		before = f.spans[before-1].next
	}
	s.next = f.spans[before-1].next
	f.spans = append(f.spans, s)
	f.spans[before-1].next = i + 1
	return i
}

// first gives the first span of a key's list, +1; 0 if it has none.
func (f *Facts) first(k factKey) uint32 {
	if k.sort == sortOwner {
		return f.rows.get(k.a, f.ids.name(k.b))
	}
	return f.heads.get(k)
}

// begin makes a span, +1, the first of a key's list.
func (f *Facts) begin(k factKey, first uint32) {
	if k.sort == sortOwner {
		f.rows.set(k.a, f.ids.name(k.b), first)
		return
	}
	f.heads.set(k, first)
}

// receipt keeps where a fact was said; of two places the one that sorts first, so that
// the order of arrival does not show.
func (f *Facts) receipt(i uint32, o Origin) {
	s := &f.said[i]
	source := f.source(o.Source)
	if s.source != 0 {
		have := f.sources[s.source-1]
		if have < o.Source || have == o.Source && (s.part < o.Partition || s.part == o.Partition && s.offset <= o.Offset) {
			return
		}
	}
	s.source, s.part, s.offset = source, o.Partition, o.Offset
}

// source numbers a topic or file from 1; 0 when there are too many to keep.
func (f *Facts) source(name string) uint16 {
	for i, have := range f.sources {
		if have == name {
			return uint16(i + 1)
		}
	}
	if len(f.sources) == math.MaxUint16 {
		return 0
	}
	f.sources = append(f.sources, name)
	return uint16(len(f.sources))
}

// origin gives back where a span was said.
func (f *Facts) origin(i uint32) (Origin, bool) {
	s := &f.said[i]
	if s.source == 0 {
		return Origin{}, false
	}
	return Origin{Source: f.sources[s.source-1], Partition: s.part, Offset: s.offset}, true
}

// holding appends to buf the spans of a key that hold at some moment of lo..hi, both
// included. With lo equal to hi it answers as of one moment.
func (f *Facts) holding(buf []uint32, k factKey, lo, hi int64) []uint32 {
	if !f.known[k.sort] {
		return buf
	}
	return f.within(buf, f.first(k), k.c, lo, hi)
}

// within is holding for a list whose first span is known.
func (f *Facts) within(buf []uint32, first, column uint32, lo, hi int64) []uint32 {
	ends := int64(endless) // where an open span of the present from ends
	next := int64(endless) // from of the newest live span passed
	for i := first; i != 0; i = f.spans[i-1].next {
		s := &f.spans[i-1]
		if s.gone || s.column != column {
			continue
		}
		if s.from != next {
			ends, next = next, s.from
		}
		end := s.to
		if end == endless {
			end = ends // a later fact cuts an open one; an end that was said stands
		}
		if s.from <= hi && end > lo {
			buf = append(buf, i-1)
		}
	}
	return buf
}

// holds says whether some span of a key holds within lo..hi.
func (f *Facts) holds(k factKey, lo, hi int64) bool {
	if !f.known[k.sort] || f.first(k) == 0 {
		return false
	}
	var space [4]uint32
	return len(f.holding(space[:0], k, lo, hi)) > 0
}

// value gives the value of a key as of a moment, and the span that says it. Where two
// hold at once the one whose name sorts first is given.
func (f *Facts) value(k factKey, at int64) (name string, from int64, ok bool) {
	var space [4]uint32
	for _, i := range f.holding(space[:0], k, at, at) {
		if n := f.ids.name(f.spans[i].value); !ok || n < name {
			name, from, ok = n, f.spans[i].from, true
		}
	}
	return name, from, ok
}

func cloneStrings(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.Clone(s)
	}
	return out
}
