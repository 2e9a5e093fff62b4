package detect

import "encoding/binary"

// Lines that wait for a partner wait as text: one string each, without pointers for
// the collector to follow, a third of the size of the structs. encoder and decoder
// agree on the order of fields; a test fills every field and takes it through both.

// encoder writes fields one after the other.
type encoder struct{ b []byte }

func (e *encoder) str(s string) {
	if len(s) < 0x80 {
		e.b = append(e.b, byte(len(s)))
	} else {
		e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	}
	e.b = append(e.b, s...)
}

func (e *encoder) num(n int64) {
	if n >= 0 && n < 0x40 {
		e.b = append(e.b, byte(n<<1))
		return
	}
	e.b = binary.AppendVarint(e.b, n)
}

func (e *encoder) small(n uint8) { e.b = append(e.b, n) }

func (e *encoder) yes(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) strs(list []string) {
	e.num(int64(len(list)))
	for _, s := range list {
		e.str(s)
	}
}

// decoder reads what an encoder wrote. The strings that it gives are cut from the
// text; the slices are good until reset.
type decoder struct {
	s       string
	strings scratch[string]
	records scratch[Record]
	owners  scratch[Owner]
	pairs   scratch[Pair]
	counts  scratch[Count]
	filters scratch[Filter]
	params  scratch[Param]
	origins scratch[Origin]
}

func (d *decoder) reset() {
	d.strings.reset()
	d.records.reset()
	d.owners.reset()
	d.pairs.reset()
	d.counts.reset()
	d.filters.reset()
	d.params.reset()
	d.origins.reset()
}

func (d *decoder) str() string {
	n := uint64(d.s[0])
	if n < 0x80 {
		d.s = d.s[1:]
	} else {
		n = d.uvarint()
	}
	out := d.s[:n]
	d.s = d.s[n:]
	return out
}

func (d *decoder) uvarint() uint64 {
	var n uint64
	for i := 0; ; i++ {
		c := d.s[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return n
		}
	}
}

func (d *decoder) num() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) small() uint8 {
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

func (d *decoder) yes() bool { return d.small() != 0 }

func (d *decoder) strs() []string {
	list := d.strings.take(int(d.num()))
	for i := range list {
		list[i] = d.str()
	}
	return list
}

func (e *encoder) request(r *Request) {
	e.str(r.EventID)
	e.str(r.RequestID)
	e.str(r.TraceID)
	e.str(r.SpanID)
	e.str(r.Env)
	e.str(r.Service)
	e.str(r.Deployment)
	e.str(r.Database)
	e.str(r.Method)
	e.str(r.Route)
	e.str(r.Path)
	e.num(int64(r.Status))
	e.str(r.UserID)
	e.str(r.SessionID)
	e.yes(r.NoUser)
	e.small(uint8(r.Kind))
	e.str(r.AppRole)
	e.str(r.Tenant)
	e.str(r.ImpersonatedBy)
	e.str(r.Justification)
	e.str(r.ShareToken)
	e.num(r.TokenIssued)
	e.num(r.TokenExpires)
	e.str(r.Principal)
	e.small(uint8(r.Bypass))
	e.small(uint8(r.SecretKey))
	e.small(uint8(r.Browser))
	e.small(uint8(r.Cache.Status))
	e.str(r.Cache.ID)
	e.small(uint8(r.Cache.Public))
	e.small(uint8(r.Cache.PerUser))
	e.num(int64(len(r.Records)))
	for i := range r.Records {
		e.record(&r.Records[i])
	}
	e.num(int64(len(r.Counts)))
	for i := range r.Counts {
		e.count(&r.Counts[i])
	}
	e.strs(r.Requested)
	e.strs(r.StripeIDs)
	e.str(r.StripeUser)
	e.yes(r.Complete)
}

func (d *decoder) request(r *Request) {
	r.EventID = d.str()
	r.RequestID = d.str()
	r.TraceID = d.str()
	r.SpanID = d.str()
	r.Env = d.str()
	r.Service = d.str()
	r.Deployment = d.str()
	r.Database = d.str()
	r.Method = d.str()
	r.Route = d.str()
	r.Path = d.str()
	r.Status = int(d.num())
	r.UserID = d.str()
	r.SessionID = d.str()
	r.NoUser = d.yes()
	r.Kind = ActorKind(d.small())
	r.AppRole = d.str()
	r.Tenant = d.str()
	r.ImpersonatedBy = d.str()
	r.Justification = d.str()
	r.ShareToken = d.str()
	r.TokenIssued = d.num()
	r.TokenExpires = d.num()
	r.Principal = d.str()
	r.Bypass = Tri(d.small())
	r.SecretKey = Tri(d.small())
	r.Browser = Tri(d.small())
	r.Cache.Status = CacheStatus(d.small())
	r.Cache.ID = d.str()
	r.Cache.Public = Tri(d.small())
	r.Cache.PerUser = Tri(d.small())
	r.Records = d.records.take(int(d.num()))
	for i := range r.Records {
		d.record(&r.Records[i])
	}
	r.Counts = d.counts.take(int(d.num()))
	for i := range r.Counts {
		d.count(&r.Counts[i])
	}
	r.Requested = d.strs()
	r.StripeIDs = d.strs()
	r.StripeUser = d.str()
	r.Complete = d.yes()
}

func (e *encoder) record(r *Record) {
	e.str(r.Table)
	e.str(r.ID)
	e.num(int64(len(r.Owners)))
	for _, o := range r.Owners {
		e.str(o.Column)
		e.str(o.ID)
	}
	e.str(r.Tenant)
	e.strs(r.Columns)
	e.num(int64(len(r.State)))
	for _, p := range r.State {
		e.str(p.Name)
		e.str(p.Value)
	}
}

func (d *decoder) record(r *Record) {
	r.Table = d.str()
	r.ID = d.str()
	r.Owners = d.owners.take(int(d.num()))
	for i := range r.Owners {
		r.Owners[i] = Owner{Column: d.str(), ID: d.str()}
	}
	r.Tenant = d.str()
	r.Columns = d.strs()
	r.State = d.pairs.take(int(d.num()))
	for i := range r.State {
		r.State[i] = Pair{Name: d.str(), Value: d.str()}
	}
}

func (e *encoder) count(c *Count) {
	e.str(c.Table)
	e.num(c.Rows)
	e.yes(c.Truncated)
	e.num(int64(len(c.Filter)))
	for _, f := range c.Filter {
		e.str(f.Column)
		e.str(f.Value)
	}
	e.strs(c.Columns)
}

func (d *decoder) count(c *Count) {
	c.Table = d.str()
	c.Rows = d.num()
	c.Truncated = d.yes()
	c.Filter = d.filters.take(int(d.num()))
	for i := range c.Filter {
		c.Filter[i] = Filter{Column: d.str(), Value: d.str()}
	}
	c.Columns = d.strs()
}

// statement writes all of a statement but its text, which its plan and its constants
// stand for.
func (e *encoder) statement(s *Statement, literals []string, undecided string) {
	e.small(uint8(s.Kind))
	e.str(s.Session)
	e.str(s.Txn)
	e.str(s.RequestID)
	e.str(s.TraceID)
	e.yes(s.Settings != nil)
	if s.Settings != nil {
		e.settings(s.Settings)
	}
	e.num(s.Line)
	e.str(s.Login)
	e.str(s.Database)
	e.str(s.App)
	e.yes(s.Client)
	e.yes(s.AuditObject)
	e.num(s.StmtID)
	e.num(s.SubstmtID)
	e.str(s.Class)
	e.str(s.Command)
	e.str(s.ObjectType)
	e.str(s.Object)
	e.yes(s.Previous)
	e.num(int64(len(s.Params)))
	for i := range s.Params {
		e.str(s.Params[i].Value)
		e.yes(s.Params[i].Null)
		e.yes(s.Params[i].Unknown)
	}
	e.yes(s.ParamsKnown)
	e.num(s.Rows)
	e.str(s.SQLState)
	e.str(s.Route)
	e.strs(literals)
	e.str(undecided)
}

// head reads what a statement is joined by: the fields that come first. Settings go to
// set, and s.Settings is set if there are any.
func (d *decoder) head(s *Statement, set *Settings) {
	s.Kind = StatementKind(d.small())
	s.Session = d.str()
	s.Txn = d.str()
	s.RequestID = d.str()
	s.TraceID = d.str()
	if d.yes() {
		s.Settings = set
		d.settings(set)
	}
}

func (d *decoder) statement(s *Statement, set *Settings) (literals []string, undecided string) {
	d.head(s, set)
	s.Line = d.num()
	s.Login = d.str()
	s.Database = d.str()
	s.App = d.str()
	s.Client = d.yes()
	s.AuditObject = d.yes()
	s.StmtID = d.num()
	s.SubstmtID = d.num()
	s.Class = d.str()
	s.Command = d.str()
	s.ObjectType = d.str()
	s.Object = d.str()
	s.Previous = d.yes()
	s.Params = d.params.take(int(d.num()))
	for i := range s.Params {
		s.Params[i] = Param{Value: d.str(), Null: d.yes(), Unknown: d.yes()}
	}
	s.ParamsKnown = d.yes()
	s.Rows = d.num()
	s.SQLState = d.str()
	s.Route = d.str()
	return d.strs(), d.str()
}

// execution writes a statement with the state that it ran under.
func (e *encoder) execution(l *StatementLine) {
	e.statement(&l.Statement, l.Literals, l.Undecided)
	e.yes(l.Failed)
	e.list(l.Twins)
	e.str(l.Role)
	e.yes(l.RoleKnown)
	e.str(l.Sub)
	e.str(l.ClaimSession)
	e.str(l.ClaimRole)
	e.yes(l.HasClaims)
	e.num(l.Expires)
	e.num(l.Issued)
	e.str(l.Method)
	e.str(l.Path)
	e.small(uint8(l.Browser))
	e.list(l.SettingsFrom)
}

func (d *decoder) execution(l *StatementLine) {
	l.Literals, l.Undecided = d.statement(&l.Statement, nil)
	l.Failed = d.yes()
	l.Twins = d.list()
	l.Role = d.str()
	l.RoleKnown = d.yes()
	l.Sub = d.str()
	l.ClaimSession = d.str()
	l.ClaimRole = d.str()
	l.HasClaims = d.yes()
	l.Expires = d.num()
	l.Issued = d.num()
	l.Method = d.str()
	l.Path = d.str()
	l.Browser = Tri(d.small())
	l.SettingsFrom = d.list()
}

// list writes receipts. Their sources live as long as the program, but a text can hold
// no pointer, so that they are written out.
func (e *encoder) list(list []Origin) {
	e.num(int64(len(list)))
	for i := range list {
		e.str(list[i].Source)
		e.num(int64(list[i].Partition))
		e.num(list[i].Offset)
	}
}

func (d *decoder) list() []Origin {
	list := d.origins.take(int(d.num()))
	for i := range list {
		list[i] = Origin{Source: d.str(), Partition: int32(d.num()), Offset: d.num()}
	}
	return list
}

func (e *encoder) settings(s *Settings) {
	e.yes(s.Session)
	e.yes(s.Reset)
	e.str(s.Role)
	e.yes(s.RoleHidden)
	e.yes(s.HasClaims)
	e.yes(s.ClaimsGone)
	e.str(s.Sub)
	e.str(s.SessionID)
	e.str(s.AppRole)
	e.num(s.Expires)
	e.num(s.Issued)
	e.str(s.Method)
	e.str(s.Path)
	e.str(s.RequestID)
	e.str(s.TraceID)
	e.small(uint8(s.Browser))
}

func (d *decoder) settings(s *Settings) {
	s.Session = d.yes()
	s.Reset = d.yes()
	s.Role = d.str()
	s.RoleHidden = d.yes()
	s.HasClaims = d.yes()
	s.ClaimsGone = d.yes()
	s.Sub = d.str()
	s.SessionID = d.str()
	s.AppRole = d.str()
	s.Expires = d.num()
	s.Issued = d.num()
	s.Method = d.str()
	s.Path = d.str()
	s.RequestID = d.str()
	s.TraceID = d.str()
	s.Browser = Tri(d.small())
}
