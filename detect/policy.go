package detect

import "time"

// Policy says what no log can say: which tables are private, which columns own a
// row, which relations explain a read, and which routes belong to whom. It is
// made by reading policy.yaml (package ingest/policy) and is never changed after
// Compile; a new policy is a new value.
type Policy struct {
	Version      string // hash of the file
	Tables       []Table
	Routes       []Route
	Principals   Principals
	Environments []Environment
	TestUsers    []string // users whose rows are test data
	EgressIPs    []string // declared server addresses, as prefixes
	Grace        Grace
	Thresholds   Thresholds

	index *policyIndex
}

// Table is one table that the policy speaks of.
type Table struct {
	Name      string // canonical: no "public." in front
	ID        string // column of the record id
	IDType    IDType
	OwnerType IDType
	Owners    []string // owner columns, any of which owns the row
	Tenant    string   // tenant column, or empty
	Shared    bool     // belongs to nobody; never judged
	Public    *Public
	Relations []TableRelation // declared reasons to read, beyond owner and tenant
	Sensitive []string        // columns that make a proven read critical
	Canaries  []string        // planted record ids
	Mapping   bool            // the record id, or its owner, is reached through a mapping fact (Stripe customer)
	Of        string          // a view or function: judged as this table
	Pos       Position
}

// TableRelation is one declared relation of a table.
type TableRelation struct {
	Name    string   // support_ticket, share_link, member, retention, or a name of the owner's own
	Columns []string // columns that the relation covers; empty means all
}

// Public is the state in which a record is public, and the columns that then are.
type Public struct {
	When    []Pair // all must hold; empty means always
	Columns []string
}

// IDType is the declared form of an id.
type IDType struct {
	Kind   string // "", "uuid", "int", "prefix", "text"
	Prefix string // for prefix, such as cus_
}

// RouteKind says who uses a route.
type RouteKind uint8

const (
	RouteUser RouteKind = iota
	RouteService
	RouteAdmin
	RoutePublic
)

// Route is one line of the policy's route list. The first that matches wins.
type Route struct {
	Match  string // template with globs: *, **, [id], :id
	Kind   RouteKind
	Roles  []string // application roles that an admin route takes
	Ticket bool     // an admin route that demands a ticket or reason
	Tables []string // tables that a service route may read; empty means all
	Cache  string   // "private" or "public"; empty means by kind
	Pos    Position
}

// Principals names database roles.
type Principals struct {
	Bypass        []string // bypass row security: service_role, postgres
	Anonymous     []string // anon
	Authenticated []string // authenticated
	Login         []string // login roles that always switch before they read: authenticator
	Jobs          []Job
}

// Job is a declared background principal.
type Job struct {
	Role   string
	App    string // application_name that must go with it; empty means any
	Tables []string
}

// Environment ties an environment's name to its databases.
type Environment struct {
	Name      string
	Databases []string
}

// Grace holds the windows in which the relation just before or after also counts.
type Grace struct {
	ClockSkew    time.Duration // 2s
	Transfer     time.Duration // 10s
	MemberBefore time.Duration // 10s
	MemberAfter  time.Duration // 10s
	Session      time.Duration // 60s
	Mapping      time.Duration // 10s
	PolicyDrift  time.Duration // 7 days: a door opened so long ago still explains a foreign read
}

// Thresholds are the numbers of the severity table.
type Thresholds struct {
	CriticalPeople int // 10
	BoundRecords   int // 20
}

// Position is a place in the policy file, both counted from 1.
type Position struct{ Line, Column int }

// DefaultGrace gives the windows of a policy that names none.
func DefaultGrace() Grace {
	return Grace{
		ClockSkew: 2 * time.Second, Transfer: 10 * time.Second,
		MemberBefore: 10 * time.Second, MemberAfter: 10 * time.Second,
		Session: time.Minute, Mapping: 10 * time.Second, PolicyDrift: 7 * 24 * time.Hour,
	}
}

// DefaultThresholds gives the numbers of a policy that names none.
func DefaultThresholds() Thresholds { return Thresholds{CriticalPeople: 10, BoundRecords: 20} }

// DefaultPrincipals gives the roles of a policy that names none: those of Supabase
// and of a plain Postgres.
func DefaultPrincipals() Principals {
	return Principals{
		Bypass:        []string{"service_role", "postgres", "supabase_admin"},
		Anonymous:     []string{"anon"},
		Authenticated: []string{"authenticated"},
		Login:         []string{"authenticator"},
	}
}

func (p Principals) empty() bool {
	return len(p.Bypass)+len(p.Anonymous)+len(p.Authenticated)+len(p.Login)+len(p.Jobs) == 0
}
