package app

import (
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// Mapped decodes any JSON object by a Mapping, in one pass over the line. What the
// mapping does not name is stepped over, and so is a named value of a type that makes
// no sense there: other lines of the same application use the same keys for
// something else.
type Mapped struct {
	format string
	root   *node
	scan   jsonscan.Scanner
	mem    *decode.Scratch
	rank   [fieldCount]uint8 // of the path that gave the value so far; 0: none
	found  found
}

// found is what a line says beside what goes straight into its Request.
type found struct {
	time    int64
	badTime bool
	nobody  bool // the user is null
	counter string
	process string
	host    string
}

// NewMapped compiles a mapping. format names it in errors. It gives the error of
// Validate.
func NewMapped(format string, m Mapping) (*Mapped, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	d := &Mapped{format: format, root: compile(m)}
	d.scan.Watch("trespass")
	return d, nil
}

// Certain says whether the line decoded last, without an error, held no key by which it
// could be one of Trespass's own.
func (m *Mapped) Certain() bool { return !m.scan.Seen() }

// Decode gives a KindRequest if the line names a request, records or a user on a
// route; else a KindNone, whose time is 0 if the line has none.
func (m *Mapped) Decode(line []byte, mem *decode.Scratch, ev *detect.Event) error {
	r := mem.Request()
	*ev = detect.Event{Kind: detect.KindRequest, Request: r}
	m.mem, m.found, m.rank = mem, found{}, [fieldCount]uint8{}
	s := &m.scan
	s.Reset(line, mem)
	m.object(m.root, r)
	s.End()
	ev.Time = m.found.time
	m.finish(r)
	says := speaks(r)
	if says && ev.Time == 0 {
		if m.found.badTime {
			s.Fail(decode.BadTime, "time: want RFC 3339 with a zone, or a number since 1970, between the years 2000 and 2100")
		}
		s.Fail(decode.Missing, "time")
	}
	if !s.OK() {
		*ev = detect.Event{}
		return s.Err(m.format)
	}
	if !says {
		ev.Kind, ev.Request = detect.KindNone, nil
	}
	ev.LineID = lineID(r.EventID, line)
	return nil
}

// speaks says whether r can be of use: it can be joined, or it names records, or a
// user on a route.
func speaks(r *detect.Request) bool {
	return r.RequestID != "" || r.TraceID != "" || len(r.Records) > 0 || len(r.Counts) > 0 ||
		r.UserID != "" && (r.Route != "" || r.Path != "")
}

// object walks the keys of one level.
func (m *Mapped) object(n *node, r *detect.Request) {
	s := &m.scan
	s.Enter(jsonscan.Object, "the line")
	for key, ok := s.Key(); ok; key, ok = s.Key() {
		c := n.find(key)
		switch {
		case c == nil:
			s.Skip()
		case len(c.slots) > 0 && s.Kind() == jsonscan.Object:
			m.object(c, r)
		case len(c.leaves) == 0:
			s.Skip()
		default:
			m.value(c.leaves, r)
		}
	}
}

// value gives one value to all the fields that want it, and steps over it.
func (m *Mapped) value(leaves []leaf, r *detect.Request) {
	s := &m.scan
	if l := &leaves[0]; len(leaves) == 1 && scalars[l.field] && m.wants(*l) {
		if text, ok := s.PlainText(); ok { // nearly always
			m.put(*l, jsonscan.String, text, r)
			return
		}
	}
	for i, l := range leaves {
		at := s.Mark()
		if m.wants(l) && m.take(l, r) && s.OK() && i == len(leaves)-1 {
			return
		}
		s.Back(at)
	}
	s.Skip()
}

// wants says whether a value at l counts: none of a path before it has been seen.
func (m *Mapped) wants(l leaf) bool {
	have := m.rank[l.field]
	return have == 0 || l.rank <= have
}

// scalars are the fields that take a single value.
var scalars = [fieldCount]bool{
	fieldTime: true, eventID: true, requestID: true, fieldTraceID: true, spanID: true, process: true, host: true, env: true,
	service: true, deployment: true, databaseName: true, method: true, route: true, path: true, fieldStatus: true, userID: true,
	sessionID: true, role: true, tenant: true, impersonatedBy: true, justification: true, share: true, tokenIssued: true,
	tokenExpires: true, dbRole: true, bypassRLS: true, secretKey: true, cacheState: true, cacheID: true, cacheControl: true,
	cachePerUser: true, userAgent: true, origin: true, stripeUser: true,
}

// take reads the value at hand into the field of l, if it makes sense there, and says
// whether it has read all of it.
func (m *Mapped) take(l leaf, r *detect.Request) (whole bool) {
	s := &m.scan
	switch l.field {
	case recordList:
		if s.Kind() != jsonscan.Array {
			return false
		}
		if list := records(s, m.mem); s.OK() {
			r.Records = list
			m.rank[recordList] = l.rank
		}
	case countList:
		if s.Kind() != jsonscan.Array {
			return false
		}
		if list := counts(s, m.mem); s.OK() {
			r.Counts = list
			m.rank[countList] = l.rank
		}
	case requested:
		r.Requested, whole = m.list(l, r.Requested)
		return whole
	case stripeIDs:
		r.StripeIDs, whole = m.list(l, r.StripeIDs)
		return whole
	case recordID:
		list, whole := m.list(l, nil)
		for _, id := range list {
			r.Records = m.mem.AppendRecord(r.Records, detect.Record{Table: l.table, ID: id})
		}
		m.rank[recordID] = 0 // one path does not stand in for another
		return whole
	case setCookie:
		if k := s.Kind(); k == jsonscan.String || k == jsonscan.Array {
			r.Cache.Public = detect.Yes
		}
		return false
	default:
		return m.scalar(l, r)
	}
	return true
}

// list reads one id, or an array of them, in place of have.
func (m *Mapped) list(l leaf, have []string) (list []string, whole bool) {
	s := &m.scan
	switch s.Kind() {
	case jsonscan.String, jsonscan.Number:
		list = m.mem.AppendString(nil, s.ID("id"))
	case jsonscan.Array:
		list = ids(s, m.mem, "id")
	}
	if !s.OK() || len(list) == 0 {
		return have, false
	}
	m.rank[l.field] = l.rank
	return list, true
}

// scalar reads a string, a number or a boolean. An array stands for its first
// element, as with headers that may come more than once.
func (m *Mapped) scalar(l leaf, r *detect.Request) (whole bool) {
	s := &m.scan
	kind := s.Kind()
	whole = kind != jsonscan.Array
	if !whole {
		if s.Enter(jsonscan.Array, ""); !s.Next() {
			return false
		}
		kind = s.Kind()
	}
	var text string
	switch kind {
	case jsonscan.String:
		text = s.Text("")
	case jsonscan.Number, jsonscan.Bool:
		text = decode.String(s.Raw())
	case jsonscan.Null:
		s.Skip()
		m.found.nobody = m.found.nobody || l.field == userID
	default:
		return false
	}
	if s.OK() {
		m.put(l, kind, text, r)
	}
	return whole
}

// put gives text to its field, unless a stronger path has filled it. An empty text
// takes back what the same path said before it.
func (m *Mapped) put(l leaf, kind jsonscan.Kind, text string, r *detect.Request) {
	rank := l.rank
	if l.field == requestID && kind == jsonscan.Number {
		// A process counts its requests from 1. The ids that others see win over that.
		rank += maxAliases
		if have := m.rank[requestID]; have != 0 && have < rank {
			return
		}
		m.found.counter, text = text, ""
		m.rank[requestID] = rank
		r.RequestID = ""
		return
	}
	if text == "" && m.rank[l.field] != rank {
		return
	}
	if m.assign(l.field, kind, text, r) {
		m.rank[l.field] = rank
		if text == "" {
			m.rank[l.field] = 0
		}
	}
}

// assign puts text into its field, and says whether it makes sense there.
func (m *Mapped) assign(f field, kind jsonscan.Kind, text string, r *detect.Request) bool {
	if kind == jsonscan.Bool && f != bypassRLS && f != secretKey && f != cachePerUser {
		return false
	}
	switch f {
	case fieldTime:
		t, ok := instant(kind, text)
		m.found.badTime = !ok
		if ok {
			m.found.time = t
		}
		return ok
	case eventID:
		r.EventID = text
	case requestID:
		m.found.counter = ""
		r.RequestID = lastPart(text)
	case fieldTraceID:
		r.TraceID = traceOf(text)
		return r.TraceID != ""
	case spanID:
		r.SpanID = text
	case process:
		m.found.process = text
	case host:
		m.found.host = text
	case env:
		r.Env = text
	case service:
		r.Service = text
	case deployment:
		r.Deployment = text
	case databaseName:
		r.Database = text
	case method:
		r.Method = text
	case route:
		r.Route = text
	case path:
		r.Path = withoutQuery(text)
	case fieldStatus:
		n, ok := statusOf(text)
		if !ok {
			return false
		}
		r.Status = n
	case userID:
		r.UserID = text
	case sessionID:
		r.SessionID = text
	case role:
		r.AppRole = text
	case tenant:
		r.Tenant = text
	case impersonatedBy:
		r.ImpersonatedBy = text
	case justification:
		r.Justification = text
	case share:
		r.ShareToken = text
	case tokenIssued:
		t, ok := instant(kind, text)
		r.TokenIssued = t
		return ok
	case tokenExpires:
		t, ok := instant(kind, text)
		r.TokenExpires = t
		return ok
	case dbRole:
		r.Principal = text
	case bypassRLS:
		r.Bypass = yesNo(text)
	case secretKey:
		r.SecretKey = yesNo(text)
	case cacheState:
		r.Cache.Status = cacheStatus(text)
	case cacheID:
		r.Cache.ID = lastPart(text)
	case cacheControl:
		if t := storable(text); r.Cache.Public != detect.Yes {
			r.Cache.Public = t
		}
	case cachePerUser:
		r.Cache.PerUser = yesNo(text)
	case userAgent:
		if t := browserAgent(text); r.Browser != detect.Yes {
			r.Browser = t
		}
	case origin:
		r.Browser = detect.Yes
	case stripeUser:
		r.StripeUser = text
	}
	return true
}

// finish settles what depends on more than one field.
func (m *Mapped) finish(r *detect.Request) {
	switch {
	case r.UserID != "":
		r.Kind = detect.ActorUser
	case m.found.nobody && r.Status != 0:
		// Only the line that ends a request can say that nobody was logged in: a line
		// before it may have been written before the session was looked up.
		r.Kind, r.NoUser = detect.ActorAnonymous, true
	}
	if n := m.found.counter; n != "" && (m.found.host != "" || m.found.process != "") {
		room := append(m.mem.Bytes(len(m.found.host) + len(m.found.process) + len(n) + 2)[:0], m.found.host...)
		room = append(append(room, '/'), m.found.process...)
		r.RequestID = decode.String(append(append(room, '#'), n...))
	}
	r.Complete = m.rank[recordList] != 0 && r.Status != 0 && r.Kind != detect.ActorUnknown
}

// statusOf reads an HTTP status, or -1.
func statusOf(text string) (n int, ok bool) {
	if text == "-1" {
		return -1, true
	}
	if len(text) != 3 {
		return 0, false
	}
	for i := range len(text) {
		d := text[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int(d)
	}
	return n, n >= 100 && n <= 599
}

func instant(kind jsonscan.Kind, text string) (int64, bool) {
	if kind == jsonscan.Number {
		return decode.ParseEpoch(text, decode.AnyUnit)
	}
	return decode.ParseRFC3339(text)
}

func yesNo(text string) detect.Tri {
	switch text {
	case "true":
		return detect.Yes
	case "false":
		return detect.No
	}
	return detect.Unknown
}
