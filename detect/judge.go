package detect

import (
	"cmp"
	"slices"

	"trespass.dev/trespass/detect/memory"
)

// Judge decides accesses: who read, what came back, whose it is, and whether there was a
// reason. It holds scratch, so it is used by one goroutine.
type Judge struct {
	policy *Policy
	facts  *Facts
	env    string
	rules  []Rule
	fills  fills
	tables tables
	routes routeCache

	// What reads keep is cut from these, and never touched again.
	words    memory.Slab[string]
	people   memory.Slab[Owner]
	origins  memory.Slab[Origin]
	readings memory.Slab[Reading]

	inquiries [JudgedTogether]inquiry
	*inquiry  // the one at hand

	out         *Output // where what comes of it goes
	provisional bool    // it is one line that is not joined yet

	touched uint32 // keeps the compiler from leaving out looks ahead
	owned   memory.Scratch[Owner]
	seen    memory.Scratch[Origin]
	ids     []string // scratch of one statement
	tallies map[string]tally
}

// inquiry is what judging knows of one access.
type inquiry struct {
	acc     *Access
	head    *RequestLine // the line that says most of the request; nil without any
	route   *Route
	routed  bool // the route is known, so that its kind may be relied on
	answer  answer
	person  uint32 // the actor's number among the facts
	records []AccessRecord
	notes   []note
	index   map[recordKey]int
	hit     *RequestLine // the line whose response came from a shared cache
	filled  *fill        // what filled it, where that is known
	traits  traits
	failed  *Failure // why it has no verdicts
}

// note is what judging knows of one record beyond what the Access says.
type note struct {
	logged     []Owner  // owners that the component that read the row logged
	predicate  []Owner  // owners that a filter fixed
	columns    []string // that statements gave
	open       bool     // a statement gave columns that its text does not name
	asked      asked    // what the filters of statements say
	gave       bool     // a statement with these filters is known to have given the record
	told       bool     // the access event itself counts these rows
	listed     bool     // an application line lists it
	unresolved bool     // a filter named it by a value that was not logged
	folded     bool     // the count of its statement says nothing
	statement  bool     // a statement reads it
	own        bool     // some line that is surely of this session tells of it
	shared     bool     // a line tells of it that may be of another session under the same request id
	rows       int64    // rows of a count; -1 unknown
	print      uint64   // fingerprint of its statement

	hash      uint64 // by which the facts know its row; 0 not looked up
	check     uint32
	row       uint32 // first span of what the facts say of its owners, +1; 0 if they say nothing
	known     bool   // at least one living owner is known
	complete  bool   // every owner column is known
	conflict  bool   // a logged owner and a fact disagree
	contested bool   // two people are said to own it by one column at one time
	member    standing
	ended     int64 // when the membership ended
	byFilter  bool  // the tenant stands in a filter only
	bound     int64 // rows that came back where the verdict rests on their number
}

type recordKey struct{ table, id string }

// traits are what makes an access worth the rules' time, besides a verdict that is not
// plain.
type traits uint32

const (
	traitBypass traits = 1 << iota
	traitSecret
	traitPreview
	traitExpired
	traitEnded
	traitAccount
	traitCached
	traitPublicCache
	traitDoor
	traitUndecided
	traitCanary
	traitUnscoped
	traitRoleLost
	traitVerdict
)

// NewJudge makes a Judge. The policy must be compiled; env names the environment of
// accesses whose lines do not. From now on the facts go by this policy's windows.
func NewJudge(p *Policy, f *Facts, env string) *Judge {
	if env == "" {
		env = "production"
	}
	f.policy = p
	return &Judge{policy: p, facts: f, env: env, rules: Rules(), tables: newTables(p, f), routes: routeCache{}}
}

// Reload swaps the policy, which must be compiled. What filled shared caches is still known.
func (j *Judge) Reload(p *Policy) {
	fills := j.fills
	*j = *NewJudge(p, j.facts, j.env)
	j.fills = fills
}

// FillsLost counts the responses in shared caches that were let go for want of room while
// a HIT could still have asked for them.
func (j *Judge) FillsLost() uint64 { return j.fills.forgotten }

// begin puts the lines into an order that does not depend on how they arrived.
func (j *Judge) begin() {
	a := j.acc
	if len(a.Requests) > 1 {
		slices.SortStableFunc(a.Requests, func(x, y RequestLine) int {
			return cmp.Or(-cmp.Compare(x.rank(), y.rank()), cmp.Compare(x.Time, y.Time), cmp.Compare(x.LineID, y.LineID))
		})
	}
	if len(a.Statements) > 1 {
		slices.SortStableFunc(a.Statements, func(x, y StatementLine) int {
			return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Session, y.Session), cmp.Compare(x.Line, y.Line), cmp.Compare(x.LineID, y.LineID))
		})
	}
	if len(a.Requests) > 0 {
		j.head = &a.Requests[0]
	}
	a.Actor, a.Principal, a.Bypass, a.RolesLost = Actor{}, "", Unknown, 0
	a.Env, a.Route, a.RouteKind = "", "", RouteUser
}

// rank orders the lines of one request by how near they are to the session: the
// application's own event, then an application line that knows its route or lists
// records, then the gateway and the edge.
func (r *RequestLine) rank() int {
	switch {
	case r.Complete:
		return 3
	case len(r.Records) > 0 || r.Route != "":
		return 2
	}
	return 1
}

// place finds the environment, the route and the database role.
func (j *Judge) place() {
	a := j.acc
	path := ""
	for i := range a.Requests {
		r := &a.Requests[i]
		if a.Env == "" {
			a.Env = r.Env
		}
		if a.Route == "" {
			a.Route = r.Route
		}
		if path == "" {
			path = r.Path
		}
		if r.Cache.Status.shared() {
			j.hit = r
		}
	}
	j.principal()
	for i := range a.Statements {
		s := &a.Statements[i]
		if a.Route == "" {
			a.Route = s.Route
		}
		if path == "" {
			path = s.Path
		}
		if a.Env == "" && s.Database != "" {
			a.Env = j.policy.EnvironmentOf(s.Database)
		}
		for k := range a.Requests {
			j.preview(a.Requests[k].Env, s.Database)
		}
	}
	for i := range a.Requests {
		r := &a.Requests[i]
		if a.Env == "" && r.Database != "" {
			a.Env = j.policy.EnvironmentOf(r.Database)
		}
		for k := range a.Requests {
			j.preview(a.Requests[k].Env, r.Database)
		}
	}
	if a.Env == "" {
		a.Env = j.env
	}
	j.routed = a.Route != "" || path != ""
	if j.route = j.routes.find(j.policy, a.Route, path); j.route != nil {
		a.RouteKind = j.route.Kind // a route that none matches is a user's
	}
	if a.Route == "" {
		a.Route = path
	}
}

// preview marks an access whose deployment is one environment and whose database
// belongs to production.
func (j *Judge) preview(env, database string) {
	if env == "" || database == "" || env == "production" {
		return
	}
	if j.policy.EnvironmentOf(database) == "production" {
		j.traits |= traitPreview
	}
}

// principal finds as whom the database was asked. Of several roles one that bypasses
// row security counts, because it is the one that could reach anybody's rows.
func (j *Judge) principal() {
	a := j.acc
	for i := range a.Statements {
		s := &a.Statements[i]
		if !s.reads() {
			continue
		}
		role := s.effective(j.policy)
		if role == "" {
			a.RolesLost++
			if s.Plan != nil && j.policy.LoginRole(s.Login) {
				j.traits |= traitRoleLost
			}
			continue
		}
		if a.Principal == "" || !j.policy.BypassRole(a.Principal) && j.policy.BypassRole(role) {
			a.Principal = role
		}
		if s.Browser == Yes && s.HasClaims && j.policy.BypassRole(role) && !j.partnered() {
			j.traits |= traitSecret // PostgREST was asked by a browser, with the key of a role that bypasses
		}
	}
	for i := range a.Requests {
		r := &a.Requests[i]
		if r.Principal != "" && (a.Principal == "" || !j.policy.BypassRole(a.Principal) && j.policy.BypassRole(r.Principal)) {
			a.Principal = r.Principal
		}
		if r.Bypass != Unknown && a.Bypass != Yes {
			a.Bypass = r.Bypass
		}
		if r.SecretKey == Yes && r.Browser == Yes {
			j.traits |= traitSecret
		}
		if r.Cache.Public == Yes {
			j.traits |= traitPublicCache
		}
	}
	switch {
	case j.policy.BypassRole(a.Principal):
		a.Bypass = Yes
	case a.Principal != "" && a.Bypass == Unknown:
		a.Bypass = No
	}
	if a.Bypass == Yes {
		j.traits |= traitBypass
	}
	if j.hit != nil {
		j.traits |= traitCached
	}
}

// effective gives the role that a statement ran as; empty if it cannot be told. The login
// role counts where no line of the session switched it. A login that is declared to always
// switch never counts; nor does one beside a switch whose value was not logged.
func (s *StatementLine) effective(p *Policy) string {
	switch {
	case s.Role != "":
		return s.Role
	case p.LoginRole(s.Login) || !s.RoleKnown && len(s.SettingsFrom) > 0:
		return ""
	}
	return s.Login
}

// reads says whether a line is a statement that may have brought rows back.
func (s *StatementLine) reads() bool {
	return (s.Kind == StatementAudit || s.Kind == StatementText) && !s.Previous
}

// reads appends one Read for each judged record.
func (j *Judge) reads(out *Output) {
	if len(j.records) == 0 {
		return
	}
	a := j.acc
	by := &j.readings.Take(1)[0]
	*by = Reading{
		AccessKey: a.Key, Revision: 1, Time: a.Time, Env: a.Env, Actor: a.Actor,
		RequestID: j.requestID(), TraceID: j.traceID(), Route: a.Route, Principal: a.Principal, Bypass: a.Bypass,
	}
	for i := range j.records {
		r := &j.records[i]
		out.Reads = append(out.Reads, Read{
			Reading: by,
			Table:   r.Name, RecordID: r.ID, Owners: r.Owners, Tenant: r.Tenant, Columns: r.Columns,
			Verdict: r.Verdict, Relation: r.Relation, Reason: r.Reason, Claim: r.Claim, Missing: r.Missing,
			Count: r.Count, Origins: r.Origins,
		})
	}
}

func (j *Judge) requestID() string {
	for i := range j.acc.Requests {
		if id := j.acc.Requests[i].RequestID; id != "" {
			return id
		}
	}
	id := ""
	for i := range j.acc.Statements {
		its := j.acc.Statements[i].RequestID
		if id != "" && its != "" && its != id {
			return "" // a transaction that names several belongs to none
		}
		id = cmp.Or(id, its)
	}
	return id
}

func (j *Judge) traceID() string {
	for i := range j.acc.Requests {
		if id := j.acc.Requests[i].TraceID; id != "" {
			return id
		}
	}
	for i := range j.acc.Statements {
		if id := j.acc.Statements[i].TraceID; id != "" {
			return id
		}
	}
	return ""
}

// suspicious says whether the rules need to look: a verdict that is not plain, or
// something wrong in the way.
func (j *Judge) suspicious() bool { return j.traits != 0 }
