package join

import (
	"encoding/binary"
	"math/bits"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
)

// Lines that wait for a partner wait as text: one string each, without pointers for
// the collector to follow, a third of the size of the structs. Most fields of a line are
// empty. So each text begins with a mask that says which strings follow, in the order of
// a list that encoder and decoder share; then come the other fields. A test fills every
// field and takes it through both.

// encoder writes fields one after the other.
type encoder struct{ b []byte }

// maskSize is the bytes of a mask: one bit for each string of a line.
const maskSize = 4

// texts writes the strings that are not empty, behind their mask.
func (e *encoder) texts(fields []*string) {
	at := len(e.b)
	e.b = append(e.b, 0, 0, 0, 0)
	mask := uint32(0)
	for i, s := range fields {
		if *s != "" {
			mask |= 1 << i
			e.str(*s)
		}
	}
	binary.LittleEndian.PutUint32(e.b[at:], mask)
}

func (e *encoder) str(s string) {
	n := len(e.b)
	if len(s) >= 0x80 || cap(e.b)-n <= len(s) {
		e.long(s)
		return
	}
	b := e.b[:n+1+len(s)]
	b[n] = byte(len(s))
	copy(b[n+1:], s)
	e.b = b
}

// long writes a string for which there is no room, or whose length takes several bytes.
func (e *encoder) long(s string) {
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) num(n int64) {
	if n >= 0 && n < 0x40 {
		e.b = append(e.b, byte(n<<1))
		return
	}
	e.b = binary.AppendVarint(e.b, n)
}

func (e *encoder) strs(list []string) {
	e.num(int64(len(list)))
	for _, s := range list {
		e.str(s)
	}
}

// bit is 1 for true.
func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// decoder reads what an encoder wrote. The strings that it gives are cut from the
// text; the slices are good until reset.
type decoder struct {
	s       string
	strings memory.Scratch[string]
	records memory.Scratch[detect.Record]
	owners  memory.Scratch[detect.Owner]
	pairs   memory.Scratch[detect.Pair]
	counts  memory.Scratch[detect.Count]
	filters memory.Scratch[detect.Filter]
	params  memory.Scratch[detect.Param]
	origins memory.Scratch[detect.Origin]
}

func (d *decoder) reset() {
	d.strings.Reset()
	d.records.Reset()
	d.owners.Reset()
	d.pairs.Reset()
	d.counts.Reset()
	d.filters.Reset()
	d.params.Reset()
	d.origins.Reset()
}

// texts reads strings back into empty fields.
func (d *decoder) texts(fields []*string) {
	for mask := d.mask(); mask != 0; mask &= mask - 1 {
		*fields[bits.TrailingZeros32(mask)] = d.str()
	}
}

func (d *decoder) mask() uint32 {
	s := d.s[:maskSize]
	d.s = d.s[maskSize:]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// first reads the first string of a line, and leaves it at that.
func (d *decoder) first() string {
	if d.mask()&1 == 0 {
		return ""
	}
	return d.str()
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
	u := uint64(d.s[0])
	if u < 0x80 {
		d.s = d.s[1:]
	} else {
		u = d.uvarint()
	}
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) small() uint8 {
	c := d.s[0]
	d.s = d.s[1:]
	return c
}

func (d *decoder) yes() bool { return d.small() != 0 }

func (d *decoder) strs() []string {
	list := d.strings.Take(int(d.num()))
	for i := range list {
		list[i] = d.str()
	}
	return list
}

// requestTexts lists the strings of a request. What it is joined by comes first.
func requestTexts(r *detect.Request) [21]*string {
	return [...]*string{
		&r.RequestID, &r.TraceID, &r.EventID, &r.SpanID, &r.Env, &r.Service, &r.Deployment, &r.Database,
		&r.Method, &r.Route, &r.Path, &r.UserID, &r.SessionID, &r.AppRole, &r.Tenant, &r.ImpersonatedBy,
		&r.Justification, &r.ShareToken, &r.Principal, &r.Cache.ID, &r.StripeUser,
	}
}

func (e *encoder) request(r *detect.Request) {
	fields := requestTexts(r)
	e.texts(fields[:])
	e.b = append(e.b, bit(r.NoUser)|bit(r.Complete)<<1, uint8(r.Kind), uint8(r.Bypass), uint8(r.SecretKey), uint8(r.Browser),
		uint8(r.Cache.Status), uint8(r.Cache.Public), uint8(r.Cache.PerUser))
	e.num(int64(r.Status))
	e.num(r.TokenIssued)
	e.num(r.TokenExpires)
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
}

// request reads a request into an empty one.
func (d *decoder) request(r *detect.Request) {
	fields := requestTexts(r)
	d.texts(fields[:])
	b := d.s[:8]
	d.s = d.s[8:]
	r.NoUser, r.Complete = b[0]&1 != 0, b[0]&2 != 0
	r.Kind, r.Bypass, r.SecretKey, r.Browser = detect.ActorKind(b[1]), detect.Tri(b[2]), detect.Tri(b[3]), detect.Tri(b[4])
	r.Cache.Status, r.Cache.Public, r.Cache.PerUser = detect.CacheStatus(b[5]), detect.Tri(b[6]), detect.Tri(b[7])
	r.Status = int(d.num())
	r.TokenIssued = d.num()
	r.TokenExpires = d.num()
	r.Records = d.records.Take(int(d.num()))
	for i := range r.Records {
		d.record(&r.Records[i])
	}
	r.Counts = d.counts.Take(int(d.num()))
	for i := range r.Counts {
		d.count(&r.Counts[i])
	}
	r.Requested = d.strs()
	r.StripeIDs = d.strs()
}

func (e *encoder) record(r *detect.Record) {
	e.str(r.Table)
	e.str(r.ID)
	e.num(int64(len(r.Owners)))
	for i := range r.Owners {
		e.str(r.Owners[i].Column)
		e.str(r.Owners[i].ID)
	}
	e.str(r.Tenant)
	e.strs(r.Columns)
	e.num(int64(len(r.State)))
	for i := range r.State {
		e.str(r.State[i].Name)
		e.str(r.State[i].Value)
	}
}

func (d *decoder) record(r *detect.Record) {
	r.Table = d.str()
	r.ID = d.str()
	r.Owners = d.owners.Take(int(d.num()))
	for i := range r.Owners {
		r.Owners[i] = detect.Owner{Column: d.str(), ID: d.str()}
	}
	r.Tenant = d.str()
	r.Columns = d.strs()
	r.State = d.pairs.Take(int(d.num()))
	for i := range r.State {
		r.State[i] = detect.Pair{Name: d.str(), Value: d.str()}
	}
}

func (e *encoder) count(c *detect.Count) {
	e.str(c.Table)
	e.num(c.Rows)
	e.b = append(e.b, bit(c.Truncated))
	e.num(int64(len(c.Filter)))
	for i := range c.Filter {
		e.str(c.Filter[i].Column)
		e.str(c.Filter[i].Value)
	}
	e.strs(c.Columns)
}

func (d *decoder) count(c *detect.Count) {
	c.Table = d.str()
	c.Rows = d.num()
	c.Truncated = d.yes()
	c.Filter = d.filters.Take(int(d.num()))
	for i := range c.Filter {
		c.Filter[i] = detect.Filter{Column: d.str(), Value: d.str()}
	}
	c.Columns = d.strs()
}

// statementTexts lists the strings of a statement. What it is joined by comes first. Its text is
// not among them: its plan and its constants stand for it.
func statementTexts(s *detect.Statement) [13]*string {
	return [...]*string{
		&s.Session, &s.Txn, &s.RequestID, &s.TraceID, &s.Login, &s.Database, &s.App,
		&s.Class, &s.Command, &s.ObjectType, &s.Object, &s.SQLState, &s.Route,
	}
}

func (e *encoder) statement(s *detect.Statement, literals []string, undecided string) {
	fields := statementTexts(s)
	e.texts(fields[:])
	e.b = append(e.b, uint8(s.Kind),
		bit(s.Client)|bit(s.AuditObject)<<1|bit(s.Previous)<<2|bit(s.ParamsKnown)<<3|bit(s.Settings != nil)<<4)
	if s.Settings != nil {
		e.settings(s.Settings)
	}
	e.num(s.Line)
	e.num(s.StmtID)
	e.num(s.SubstmtID)
	e.num(s.Rows)
	e.num(int64(len(s.Params)))
	for i := range s.Params {
		e.str(s.Params[i].Value)
		e.b = append(e.b, bit(s.Params[i].Null)|bit(s.Params[i].Unknown)<<1)
	}
	e.strs(literals)
	e.str(undecided)
}

// head reads what a statement is joined by into an empty one: its strings, and its
// settings, which go to set; s.Settings is set if there are any.
func (d *decoder) head(s *detect.Statement, set *detect.Settings) {
	fields := statementTexts(s)
	d.texts(fields[:])
	b := d.s[:2]
	d.s = d.s[2:]
	s.Kind = detect.StatementKind(b[0])
	s.Client, s.AuditObject, s.Previous, s.ParamsKnown = b[1]&1 != 0, b[1]&2 != 0, b[1]&4 != 0, b[1]&8 != 0
	if b[1]&16 != 0 {
		s.Settings = set
		d.settings(set)
	}
}

// statement reads a statement into an empty one, and its settings into empty ones.
func (d *decoder) statement(s *detect.Statement, set *detect.Settings) (literals []string, undecided string) {
	d.head(s, set)
	s.Line = d.num()
	s.StmtID = d.num()
	s.SubstmtID = d.num()
	s.Rows = d.num()
	s.Params = d.params.Take(int(d.num()))
	for i := range s.Params {
		value, b := d.str(), d.small()
		s.Params[i] = detect.Param{Value: value, Null: b&1 != 0, Unknown: b&2 != 0}
	}
	return d.strs(), d.str()
}

// settingsTexts lists the strings of settings.
func settingsTexts(s *detect.Settings) [8]*string {
	return [...]*string{&s.Role, &s.Sub, &s.SessionID, &s.AppRole, &s.Method, &s.Path, &s.RequestID, &s.TraceID}
}

func (e *encoder) settings(s *detect.Settings) {
	fields := settingsTexts(s)
	e.texts(fields[:])
	e.b = append(e.b, bit(s.Session)|bit(s.Reset)<<1|bit(s.RoleHidden)<<2|bit(s.HasClaims)<<3|bit(s.ClaimsGone)<<4, uint8(s.Browser))
	e.num(s.Expires)
	e.num(s.Issued)
}

func (d *decoder) settings(s *detect.Settings) {
	fields := settingsTexts(s)
	d.texts(fields[:])
	b := d.s[:2]
	d.s = d.s[2:]
	s.Session, s.Reset, s.RoleHidden, s.HasClaims, s.ClaimsGone = b[0]&1 != 0, b[0]&2 != 0, b[0]&4 != 0, b[0]&8 != 0, b[0]&16 != 0
	s.Browser = detect.Tri(b[1])
	s.Expires = d.num()
	s.Issued = d.num()
}

// stateTexts lists the strings of the state that an execution ran under.
func stateTexts(l *detect.StatementLine) [6]*string {
	return [...]*string{&l.Role, &l.Sub, &l.ClaimSession, &l.ClaimRole, &l.Method, &l.Path}
}

// execution writes a statement with the state that it ran under.
func (e *encoder) execution(l *detect.StatementLine) {
	e.statement(&l.Statement, l.Literals, l.Undecided)
	fields := stateTexts(l)
	e.texts(fields[:])
	e.b = append(e.b, bit(l.Failed)|bit(l.RoleKnown)<<1|bit(l.HasClaims)<<2, uint8(l.Browser))
	e.num(l.Expires)
	e.num(l.Issued)
	e.receipts(l.Twins)
	e.receipts(l.SettingsFrom)
}

// execution reads an execution into an empty one.
func (d *decoder) execution(l *detect.StatementLine) {
	l.Literals, l.Undecided = d.statement(&l.Statement, nil)
	fields := stateTexts(l)
	d.texts(fields[:])
	b := d.s[:2]
	d.s = d.s[2:]
	l.Failed, l.RoleKnown, l.HasClaims = b[0]&1 != 0, b[0]&2 != 0, b[0]&4 != 0
	l.Browser = detect.Tri(b[1])
	l.Expires = d.num()
	l.Issued = d.num()
	l.Twins = d.receipts()
	l.SettingsFrom = d.receipts()
}

// receipts writes the sources out, since a text holds no pointer.
func (e *encoder) receipts(list []detect.Origin) {
	e.num(int64(len(list)))
	for i := range list {
		e.str(list[i].Source)
		e.num(int64(list[i].Partition))
		e.num(list[i].Offset)
	}
}

func (d *decoder) receipts() []detect.Origin {
	list := d.origins.Take(int(d.num()))
	for i := range list {
		list[i] = detect.Origin{Source: d.str(), Partition: int32(d.num()), Offset: d.num()}
	}
	return list
}
