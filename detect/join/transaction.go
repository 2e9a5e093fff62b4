package join

import (
	"cmp"
	"slices"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
	"trespass.dev/trespass/detect/query"
)

// unitBuilder turns the lines of one transaction into executions with the state that
// they ran under. Everything in it is scratch.
type unitBuilder struct {
	lines []unitLine
	order []int32
	head  detect.Statement
	set   detect.Settings
}

// unitLine is one line of a transaction.
type unitLine struct {
	detect.StatementLine
	set    detect.Settings
	when   moment
	sets   bool // the line sets some state
	read   bool
	apart  bool // too late to be joined
	gone   bool // says what another line says already
	merged bool // a text line was merged into it
}

// unitKeys is how the requests that a transaction may belong to are found.
type unitKeys struct {
	request, trace string
	sub            string
	hasSub         bool
	mixed          bool // its statements name several requests: it belongs to none
}

// order lists the lines of a transaction, the node and its siblings, as its session
// wrote them.
func (d *Detector) order(first int32) []int32 {
	list := d.unit.order[:0]
	for n := first; n != none; n = d.nodes.at(n).sibling {
		list = append(list, n)
	}
	d.unit.order = list
	if len(list) > 1 {
		slices.SortFunc(list, func(a, b int32) int {
			x, y := d.nodes.at(a), d.nodes.at(b)
			if x.seq != 0 && y.seq != 0 {
				return cmp.Or(cmp.Compare(x.seq, y.seq), cmp.Compare(x.line, y.line))
			}
			if x.time == y.time && x.part == y.part {
				return cmp.Compare(x.offset, y.offset)
			}
			// Of two partitions, and without line numbers, a setting of the same instant comes
			// first: PostgREST sends both within a millisecond.
			return cmp.Or(cmp.Compare(x.time, y.time), boolCompare(y.is(flagSets), x.is(flagSets)), cmp.Compare(x.line, y.line))
		})
	}
	return list
}

// build reads the lines of a transaction, and appends its executions to out.
func (d *Detector) build(first int32, out []detect.StatementLine) ([]detect.StatementLine, unitKeys) {
	b := &d.unit
	b.lines = b.lines[:0]
	for _, n := range d.order(first) {
		x := d.nodes.at(n)
		l := memory.Extend(&b.lines)
		l.read, l.apart, l.sets, l.when = x.is(flagRead), x.is(flagApart), x.is(flagSets), x.moment()
		l.Time, l.LineID, l.Origin, l.Plan = x.time, x.line, d.origin(x), x.plan
		d.dec.s = x.data
		l.Literals, l.Undecided = d.dec.statement(&l.Statement, &l.set)
		l.Settings = nil
	}
	if len(b.lines) > 1 {
		b.audited()
		b.executed()
		b.texts()
		b.failures()
	}
	var keys unitKeys
	for i := range b.lines {
		l := &b.lines[i]
		if !l.read || l.gone {
			continue
		}
		if plain := d.state(i) && len(b.lines) == 1; plain {
			l.Text = d.nodes.at(first).data
		}
		keys.take(l.RequestID, l.TraceID, l.HasClaims, l.Sub)
		out = append(out, l.StatementLine)
	}
	return out, keys
}

// peek finds the keys of a transaction without reading the rest of its lines.
func (d *Detector) peek(first int32) unitKeys {
	var keys unitKeys
	var local detect.Settings
	for _, n := range d.order(first) {
		x := d.nodes.at(n)
		if !x.is(flagRead | flagSets) {
			if x.stmt == detect.StatementAudit { // an EXECUTE, which names the request of another line
				d.gather.peek, keys = d.build(first, d.gather.peek[:0])
				return keys
			}
			continue
		}
		s, set := &d.unit.head, &d.unit.set
		*s, *set = detect.Statement{}, detect.Settings{}
		d.dec.s = x.data
		d.dec.head(s, set)
		if d.sessions.byName[s.Session] != nil {
			// The session's state has a say.
			d.gather.peek, keys = d.build(first, d.gather.peek[:0])
			return keys
		}
		if s.Settings != nil && !set.Session {
			local.RequestID, local.TraceID = cmp.Or(set.RequestID, local.RequestID), cmp.Or(set.TraceID, local.TraceID)
			if setsClaims(set) {
				local.HasClaims, local.Sub = set.HasClaims, set.Sub
			}
		}
		if x.is(flagRead) {
			keys.take(cmp.Or(s.RequestID, local.RequestID), cmp.Or(s.TraceID, local.TraceID), local.HasClaims, local.Sub)
		}
	}
	return keys
}

func boolCompare(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// audited merges the audit lines of one execution: an object is counted once, whether
// the session, the object's role or both had it logged, and an object whose text was
// "previously logged" has the text of the line before.
func (b *unitBuilder) audited() {
	for i := range b.lines {
		l := &b.lines[i]
		if !l.read || l.Kind != detect.StatementAudit || l.StmtID == 0 {
			continue
		}
		for j := i - 1; j >= 0 && j >= i-64; j-- {
			e := &b.lines[j]
			if e.gone || !e.read || e.Kind != detect.StatementAudit || e.StmtID != l.StmtID || e.SubstmtID != l.SubstmtID {
				continue
			}
			complement(e, l)
			complement(l, e)
			if e.Object == l.Object {
				l.gone = true
				e.Twins = append(e.Twins, l.Origin)
				break
			}
		}
	}
}

// complement gives to what from knows of the same execution and to does not.
func complement(to, from *unitLine) {
	if to.Plan == nil && to.Undecided == "" {
		to.Plan, to.Literals, to.Undecided = from.Plan, from.Literals, from.Undecided
	}
	if !to.ParamsKnown && from.ParamsKnown || len(to.Params) == 0 && to.Previous && len(from.Params) > 0 {
		to.Params, to.ParamsKnown = from.Params, from.ParamsKnown
	}
	if to.Rows < 0 {
		to.Rows = from.Rows
	}
	if to.RequestID == "" {
		to.RequestID = from.RequestID
	}
	if to.TraceID == "" {
		to.TraceID = from.TraceID
	}
	if to.Route == "" {
		to.Route = from.Route
	}
}

// texts merges what log_statement and log_min_duration_statement say of an execution
// that was audited too: the nth of a text with the nth audited execution of it.
func (b *unitBuilder) texts() {
	for i := range b.lines {
		t := &b.lines[i]
		if !t.read || t.gone || t.Kind != detect.StatementText || t.Plan == nil {
			continue
		}
		var audit *unitLine
		for j := range b.lines {
			a := &b.lines[j]
			if a.gone || !a.read || a.Kind != detect.StatementAudit || !samePlan(a.Plan, t.Plan) {
				continue
			}
			switch {
			case audit == nil && !a.merged:
				audit = a
			case audit == nil || audit.StmtID != a.StmtID:
				continue
			}
			a.merged = true
			complement(a, t)
			a.Twins = append(a.Twins, t.Origin)
		}
		t.gone = audit != nil
	}
}

func samePlan(a, b *query.Plan) bool { return a != nil && b != nil && a.Fingerprint == b.Fingerprint }

// failures marks what an error line says failed: the last execution of its text before
// it, or, where no text was logged, the last before it.
func (b *unitBuilder) failures() {
	for i := range b.lines {
		e := &b.lines[i]
		if e.Kind != detect.StatementError {
			continue
		}
		failed := int64(0)
		for j := i - 1; j >= 0; j-- {
			l := &b.lines[j]
			if !l.read || l.gone || e.Plan != nil && l.Plan != nil && !samePlan(e.Plan, l.Plan) {
				continue
			}
			if failed != 0 && l.StmtID != failed {
				break
			}
			l.Failed, l.SQLState = true, e.SQLState
			l.Twins = append(l.Twins, e.Origin)
			if failed = l.StmtID; failed == 0 {
				break
			}
		}
	}
}

// state carries to the ith line what the lines before it set: for the session, then
// for the transaction. none is true if they set nothing.
func (d *Detector) state(i int) (none bool) {
	lines := d.unit.lines
	l := &lines[i].StatementLine
	var roleBy, claimsBy *detect.Origin
	session := l.Session
	if lines[i].apart {
		session = "" // what came so late may find its session's past gone, or not: it does not look
	}
	d.sessions.before(session, lines[i].when, d.w.session, func(m *mark) bool {
		if m.kind != markSetting {
			return true
		}
		d.dec.s = m.data
		by, s := &d.unit.head, &d.unit.set
		*by, *s = detect.Statement{}, detect.Settings{}
		d.dec.statement(by, s)
		if roleBy == nil && setsRole(s) {
			roleBy = &m.origin
			setRole(l, s, by.Login)
		}
		if claimsBy == nil && setsClaims(s) {
			claimsBy = &m.origin
			setClaims(l, s)
		}
		return roleBy == nil || claimsBy == nil
	})
	ownRequest, ownTrace := l.RequestID != "", l.TraceID != ""
	from := d.gather.origins[:0]
	if roleBy != nil {
		from = append(from, *roleBy)
	}
	if claimsBy != nil && (roleBy == nil || *claimsBy != *roleBy) {
		from = append(from, *claimsBy)
	}
	for j := range lines[:i+1] {
		s := &lines[j].set
		if !lines[j].sets || s.Session {
			continue
		}
		if setsRole(s) {
			setRole(l, s, l.Login)
		}
		if setsClaims(s) {
			setClaims(l, s)
		}
		l.Method, l.Path = cmp.Or(s.Method, l.Method), cmp.Or(s.Path, l.Path)
		// What a statement's own comment says of its request is nearer to it.
		if !ownRequest {
			l.RequestID = cmp.Or(s.RequestID, l.RequestID)
		}
		if !ownTrace {
			l.TraceID = cmp.Or(s.TraceID, l.TraceID)
		}
		l.Browser = cmp.Or(s.Browser, l.Browser)
		from = append(from, lines[j].Origin)
	}
	d.gather.origins = from
	l.SettingsFrom = d.dec.origins.Take(len(from))
	copy(l.SettingsFrom, from)
	return len(from) == 0
}

func setsRole(s *detect.Settings) bool { return s.Role != "" || s.Reset || s.RoleHidden }

func setsClaims(s *detect.Settings) bool { return s.HasClaims || s.ClaimsGone }

func setRole(l *detect.StatementLine, s *detect.Settings, login string) {
	l.RoleKnown = !s.RoleHidden
	if l.Role = s.Role; s.Reset && s.Role == "" {
		l.Role = login
	}
}

func setClaims(l *detect.StatementLine, s *detect.Settings) {
	l.HasClaims, l.Sub, l.ClaimSession, l.ClaimRole = s.HasClaims, s.Sub, s.SessionID, s.AppRole
	l.Expires, l.Issued = s.Expires, s.Issued
}

// take adds one execution to what is known of its transaction.
func (k *unitKeys) take(request, trace string, claims bool, sub string) {
	if request != "" {
		k.mixed = k.mixed || k.request != "" && k.request != request
		k.request = request
	}
	if k.trace == "" {
		k.trace = trace
	}
	if claims && sub != "" {
		k.hasSub, k.sub = true, sub
	}
}
