package join

import (
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/query"
)

// origin is a node's receipt.
func (d *Detector) origin(x *node) detect.Origin {
	p := &d.parts[x.part]
	return detect.Origin{Source: p.Source, Partition: p.Partition, Offset: x.offset}
}

// nobody is the hash of a session without user.
const nobody = uint64(1)

// person hashes a user id. It is the hash by which the facts know an id of this spelling.
func (d *Detector) person(user string) uint64 {
	if user == "" {
		return nobody
	}
	if h := d.facts.Hash(user); h != nobody {
		return h
	}
	return nobody + 1
}

// arrival is by what an event will be found, hashed once.
type arrival struct {
	name    uint64   // of the line
	session chainKey // of a statement
	chain   chainKey // of the request id, or of the transaction
}

func (d *Detector) arrival(e *detect.Event) arrival {
	a := arrival{name: d.name(e.LineID)}
	switch {
	case e.Request != nil && e.Request.RequestID != "":
		a.chain = d.chains.key(spaceRequest, e.Request.RequestID)
	case e.Statement != nil && e.Statement.Session != "":
		a.session = d.chains.key(spaceSession, e.Statement.Session)
		a.chain = d.chains.txn(a.session, e.Statement.Txn)
	}
	return a
}

// request takes a request line in.
func (d *Detector) request(at Part, e *detect.Event, as *arrival, time, stamp int64) {
	r := e.Request
	if r == nil {
		return
	}
	who := d.person(r.UserID)
	n := d.arrive(at, e, as.name, time, stamp, nodeRequest, 0, who, true)
	if n == none {
		return
	}
	d.enc.b = d.enc.b[:0]
	d.enc.request(r)
	d.keep(n)
	x := d.nodes.at(n)
	if r.Complete {
		x.flags |= flagComplete | flagIdentity
	}
	if r.UserID != "" {
		x.flags |= flagIdentity
	}
	if x.is(flagApart) {
		d.await(n, stamp)
		return
	}
	ok := true
	if r.RequestID != "" {
		x.flags |= flagHasR
		ok = d.enchain2(n, d.chains.get(as.chain, 0))
	}
	if !ok || !d.enchain(n, spaceTrace, r.TraceID, 1) {
		d.crowded(n)
		return
	}
	d.schedule(n, phaseDecide, d.w.decide)
	if r.Complete && !d.judging.Plain(r) {
		d.provisional(n)
	}
}

// statement takes a line of Postgres in.
func (d *Detector) statement(at Part, e *detect.Event, as *arrival, time, stamp int64) {
	s := e.Statement
	if s == nil {
		return
	}
	switch {
	case s.Kind == detect.StatementOther || s.Kind == detect.StatementTwin:
		d.stats.skip(SkipSilent)
		return
	case !s.Client:
		d.stats.skip(SkipBackground)
		return
	}
	var plan *query.Plan
	var literals []string
	undecided := ""
	if s.SQL != "" && s.Kind != detect.StatementSetting {
		var err error
		if plan, literals, err = d.plans.Plan(s.SQL); err != nil {
			undecided = err.(*query.Undecided).Reason
		}
	}
	read := s.Kind == detect.StatementAudit || s.Kind == detect.StatementText
	if read {
		if why := skipReason(s, plan, undecided); why != SkipNone {
			d.stats.skip(why)
			read = false
		}
	}
	local := s.Settings != nil && !s.Settings.Session
	global := s.Settings != nil && s.Settings.Session
	apart := stamp > time+d.w.slack
	noTxn := noTxn(s.Txn)
	if !apart && s.Session != "" {
		if global {
			d.remark(at, e, time, markSetting)
		} else if !read && noTxn {
			if kind, ok := boundary(s); ok {
				d.remark(at, e, time, kind)
				return
			}
		}
	}
	if !read && !local && s.Kind != detect.StatementError && !namesExecution(s) {
		return
	}
	if apart && !read {
		d.stats.late(stamp > time+d.w.lateness)
		return
	}
	n := d.arrive(at, e, as.name, time, stamp, nodeStatement, s.Line, 0, read)
	if n == none {
		return
	}
	if undecided != "" {
		d.stats.Undecided[undecided]++
	}
	d.enc.b = d.enc.b[:0]
	d.enc.statement(s, literals, undecided)
	d.keep(n)
	x := d.nodes.at(n)
	x.plan, x.seq, x.stmt, x.session = plan, s.Line, s.Kind, as.session
	if id := s.RequestID; id != "" {
		x.hint = d.chains.hash(spaceRequest, id)
	} else if s.Settings != nil && s.Settings.RequestID != "" {
		x.hint = d.chains.hash(spaceRequest, s.Settings.RequestID)
	}
	if read {
		x.flags |= flagRead
	}
	if s.Settings != nil {
		x.flags |= flagSets
	}
	if x.is(flagApart) {
		d.await(n, stamp)
		return
	}
	switch {
	case s.Session == "":
	case !noTxn:
		if !d.enchain2(n, d.chains.get(as.chain, 0)) {
			d.crowded(n)
			return
		}
	case s.Kind == detect.StatementText && plan != nil:
		d.listAll()
		d.schedule(n, phaseTwin, d.w.twin)
		return
	case s.Kind == detect.StatementError && plan != nil:
		d.listAll()
		d.schedule(n, phaseFailure, d.w.twin)
		return
	default:
		d.schedule(n, phaseResolve, d.w.resolve)
		return
	}
	d.list(n)
	d.schedule(n, phaseSeal, d.w.seal)
}

// skipReason says why a statement is no read of a client's, if it is none.
func skipReason(s *detect.Statement, p *query.Plan, undecided string) Skip {
	switch {
	case undecided != "":
		return SkipNone
	case p == nil:
		switch {
		case s.Kind == detect.StatementText || s.Object == "" && !s.Previous && s.Class != "FUNCTION" && s.Class != "READ":
			return SkipSilent
		case s.Class == "MISC":
			return SkipControl
		}
	case p.ForeignKey:
		return SkipForeignKey
	case p.Explain:
		return SkipExplain
	case p.Prepares && (s.Kind == detect.StatementText || s.Object == ""):
		return SkipControl
	case len(p.Doors) > 0:
		return SkipNone
	case p.Verb == query.VerbSet || p.Verb == query.VerbTransaction || p.Verb == query.VerbFetch || s.Class == "MISC":
		return SkipControl
	case p.Catalog && len(p.Functions) == 0 && len(p.Tables) == 0 && s.Object == "":
		return SkipCatalog
	}
	if catalogObject(s.Object) || p != nil && p.Catalog && s.Object == "" && len(p.Functions) == 0 {
		return SkipCatalog
	}
	return SkipNone
}

func catalogObject(object string) bool {
	return strings.HasPrefix(object, "pg_catalog.") || strings.HasPrefix(object, "information_schema.")
}

// remark keeps a line that changes a session.
func (d *Detector) remark(at Part, e *detect.Event, time int64, kind markKind) {
	s := e.Statement
	d.enc.b = append(d.enc.b[:0], s.Session...)
	name := s.Session
	if _, known := d.sessions.byName[name]; !known {
		name = d.arena.Keep(d.enc.b)
	}
	m := mark{seq: s.Line, part: int32(at), time: time, line: e.LineID, kind: kind, origin: e.Origin}
	m.origin.Source = d.parts[at].Source
	if kind == markSetting {
		d.enc.b = d.enc.b[:0]
		d.enc.statement(s, nil, "")
		m.data = d.arena.Keep(d.enc.b)
	}
	d.sessions.add(name, m)
}

// arrive makes a node for a line, unless the same line is here already. hold says
// that the line's record is not settled before the line is decided.
func (d *Detector) arrive(at Part, e *detect.Event, name uint64, time, stamp int64, kind nodeKind, seq int64, who uint64, hold bool) int32 {
	p := &d.parts[at]
	apart := stamp > time+d.w.slack
	// Of a line so late that its copies may be gone already nothing can be said: it
	// stands for itself, whether they are gone or not.
	lost := stamp > time+d.w.seal
	emit := !p.track.Replayed()
	free := e.LineID != 0 && !lost
	if free {
		if m, ok := d.named.Get(name); ok {
			x := d.nodes.at(m)
			same := x.time == time && (x.kind == kind || x.kind == nodeUnit) && (kind != nodeRequest || x.who == who) && x.seq == seq
			switch {
			case !same:
				free = false // another line whose name happens to be the same keeps it
			case x.is(flagApart) && !apart:
				x.flags |= flagDropped
				d.settled(m)
				d.named.Delete(name)
				x.flags &^= flagNamed
			default:
				d.stats.Duplicates++
				if x.is(flagApart) == apart {
					d.again(at, e, m, emit, hold)
				}
				return none
			}
		}
	}
	if apart {
		d.stats.late(stamp > time+d.w.lateness)
	}
	n := d.nodes.add()
	x := d.nodes.at(n)
	x.time, x.line, x.kind, x.who, x.seq = time, e.LineID, kind, who, seq
	x.part, x.offset = int32(at), e.Origin.Offset
	if emit {
		x.flags |= flagEmit
		if hold {
			x.holder, x.ticket = int32(at), p.track.Hold()
		}
	}
	if apart {
		x.flags |= flagApart | flagLate
	}
	if free {
		d.named.Set(name, n)
		x.flags |= flagNamed
	}
	return n
}

// again takes in another copy of a line that waits: the least receipt stands.
func (d *Detector) again(at Part, e *detect.Event, n int32, emit, hold bool) {
	x := d.nodes.at(n)
	if x.is(flagDone) {
		return
	}
	if emit {
		x.flags |= flagEmit
		if hold && x.holder == none {
			x.holder, x.ticket = int32(at), d.parts[at].track.Hold()
		}
	}
	o := e.Origin
	o.Source, o.Partition = d.parts[at].Source, d.parts[at].Partition
	if compareOrigins(o, d.origin(x)) < 0 {
		x.part, x.offset = int32(at), o.Offset
	}
}

// keep stores what the encoder holds as a node's text.
func (d *Detector) keep(n int32) {
	x := d.nodes.at(n)
	x.data = d.arena.Keep(d.enc.b)
	d.nodes.bytes += int64(len(x.data))
}

// name spreads a LineID, which may have been chosen by somebody. The product by an odd
// number is one to one.
func (d *Detector) name(line uint64) uint64 {
	h := (line ^ d.salt) * 0xff51afd7ed558ccd
	return h ^ h>>32
}

// unname forgets the name of a node: no copy of it can come on time any more.
func (d *Detector) unname(n int32) {
	x := d.nodes.at(n)
	if x.is(flagNamed) {
		d.named.Delete(d.name(x.line))
		x.flags &^= flagNamed
	}
}

// enchain puts a node into the chain of a key. It is false if there is no room.
func (d *Detector) enchain(n int32, space uint64, key string, side uint8) bool {
	if key == "" {
		return true
	}
	return d.enchain2(n, d.chains.get(d.chains.key(space, key), side))
}

func (d *Detector) enchain2(n, chain int32) bool {
	if chain == none || int(d.chains.at(chain).length) >= d.o.MaxPerKey {
		return false
	}
	d.chains.append(&d.nodes, chain, n)
	return true
}

// unchain takes a node out of its chains.
func (d *Detector) unchain(n int32) {
	d.chains.remove(&d.nodes, n, 0)
	d.chains.remove(&d.nodes, n, 1)
}

// crowded makes a line, for which its key has no room, stand for itself.
func (d *Detector) crowded(n int32) {
	d.unchain(n)
	d.stats.Evicted++
	d.nodes.at(n).flags |= flagApart
	d.schedule(n, phaseAlone, d.w.seal)
}

// await schedules a line that came too late to be joined: after the last moment at
// which a copy of it could have come on time.
func (d *Detector) await(n int32, stamp int64) {
	if stamp > d.nodes.at(n).time+d.w.seal {
		d.alone(n)
		d.judgeAll()
		return
	}
	d.schedule(n, phaseAlone, d.w.seal)
}
