package detect

import "strconv"

// Origin is where one log line is: the receipt in every finding.
// Partition is -1 for a file; Offset is then the line number, counted from 1.
// Source is the topic or the path and lives as long as the program.
type Origin struct {
	Source    string
	Partition int32
	Offset    int64
}

// String gives "topic/partition@offset" for Kafka and "path:line" for a file.
func (o Origin) String() string {
	if o.Partition < 0 {
		return o.Source + ":" + strconv.FormatInt(o.Offset, 10)
	}
	return o.Source + "/" + strconv.FormatInt(int64(o.Partition), 10) + "@" + strconv.FormatInt(o.Offset, 10)
}

// Kind says which part of an Event is set.
type Kind uint8

const (
	KindNone      Kind = iota // a line that says nothing to us; it still moves the clock
	KindRequest               // what the application or the edge says of one request
	KindStatement             // what Postgres says of one statement, or of a change of the session's state
	KindFact                  // who owns, is a member, maps to, may see what, and when
	KindHeartbeat             // the pipeline's own sign of life; moves the clock, is never judged
)

// Event is what one log line says. Exactly the pointer that Kind names is set.
//
// Every string in it may be borrowed from the line's buffer: it is good until the
// call that received the Event returns. Whoever keeps a string copies it.
type Event struct {
	Kind   Kind
	Time   int64 // when it happened, nanoseconds since 1970 UTC
	Origin Origin
	// LineID names the line by its content, the same from a file and from Kafka:
	// the emitter's event id, or Postgres session id and line number, or a hash of
	// the bytes. Two lines with one LineID are one line delivered twice.
	LineID    uint64
	Request   *Request
	Statement *Statement
	Fact      *Fact
}

// Tri is a truth value that a log line may leave open.
type Tri uint8

const (
	Unknown Tri = iota
	No
	Yes
)

// String gives "unknown", "no" or "yes".
func (t Tri) String() string { return [...]string{"unknown", "no", "yes"}[t] }

// ActorKind says what sort of session made a request.
type ActorKind uint8

const (
	ActorUnknown   ActorKind = iota // none of the others can be told from the lines at hand
	ActorUser                       // a user id, logged or verified
	ActorAnonymous                  // the log says that nobody was logged in
	ActorOutsider                   // a secret key used from outside the server, with no user
	ActorService                    // a declared service, webhook or cron route, or a declared job principal
)

// String gives the name used in outputs and tables.
func (k ActorKind) String() string {
	return [...]string{"unknown", "user", "anonymous", "outsider", "service"}[k]
}

// Request is one request as the application, the gateway or the edge logged it.
// A field that the line does not carry is empty, Unknown, -1 for counts, 0 for times.
type Request struct {
	EventID   string // the emitter's id of this event
	RequestID string
	TraceID   string // 32 lower-case hex digits
	SpanID    string

	Env        string // production, preview, development, test
	Service    string
	Deployment string
	Database   string // database or project that served it, where the line says so

	Method string
	Route  string // template, such as /api/orders/[id]; empty if only Path is known
	Path   string // without the query
	Status int    // HTTP status; 0 unknown, -1 no response

	UserID         string
	SessionID      string
	NoUser         bool // the line is of a kind that carries a user, and says there is none
	Kind           ActorKind
	AppRole        string // role inside the application, such as staff
	Tenant         string // the session's active tenant
	ImpersonatedBy string // agent that acts as UserID; the agent is then the actor
	Justification  string // ticket or reason given for a privileged read
	ShareToken     string // id of the share link presented, never the token's secret

	TokenIssued  int64 // nanoseconds; 0 unknown
	TokenExpires int64

	Principal string // database role that the request says it used
	Bypass    Tri    // whether that role bypasses row security
	SecretKey Tri    // a service or secret API key was presented
	Browser   Tri    // browser user agent, Origin or Referer seen, or address outside the declared egress

	Cache Cache

	Records    []Record // records that the line lists
	Counts     []Count  // rows that came back of a table, where records are not listed
	Requested  []string // record ids that the client asked for
	StripeIDs  []string // Stripe customer or session ids that the client sent
	StripeUser string   // user id in the Stripe object's own metadata

	// Complete: this one line carries actor, records and outcome, so that what it
	// proves needs no partner (Trespass's own access event).
	Complete bool
}

// Cache is what a shared cache did with a response.
type Cache struct {
	Status  CacheStatus
	ID      string // request id that filled the entry
	Public  Tri    // Cache-Control let a shared cache store it, or Set-Cookie went out with it
	PerUser Tri    // the cache key holds the user
}

// CacheStatus is the cache's own word for what it did.
type CacheStatus uint8

const (
	CacheUnknown CacheStatus = iota
	CacheHit
	CacheStale
	CacheMiss
	CacheBypass
)

// shared says whether the response came from a shared cache, old or not.
func (s CacheStatus) shared() bool { return s == CacheHit || s == CacheStale }

// Record is one row that a line says came back.
type Record struct {
	Table   string // as the line writes it; the policy gives the canonical name
	ID      string
	Owners  []Owner
	Tenant  string
	Columns []string // columns returned; empty means not known
	State   []Pair   // logged state columns, such as status=published
}

// Owner is one person that owns a record, with the column that says so.
// Column is empty when the line names an owner without saying which column.
type Owner struct {
	Column string
	ID     string
}

// Pair is a name and its value.
type Pair struct{ Name, Value string }

// Count says how many rows of a table came back.
type Count struct {
	Table     string
	Rows      int64 // -1 unknown
	Truncated bool
	Filter    []Filter // equality filters of the request's URL, where the line carries them
	Columns   []string
}

// Filter is one equality on a column with its value.
type Filter struct{ Column, Value string }

// StatementKind says what one Postgres line is about.
type StatementKind uint8

const (
	StatementOther   StatementKind = iota // connection, checkpoint, duration alone: moves the clock only
	StatementAudit                        // pgaudit AUDIT line
	StatementText                         // statement or execute line of log_statement or log_min_duration_statement
	StatementTwin                         // parse or bind of an execution logged elsewhere
	StatementError                        // a statement that failed
	StatementSetting                      // a change of session or transaction state, no read
)

// RowsMeaning says what a row count counts.
type RowsMeaning uint8

const (
	RowsUnknown RowsMeaning = iota
	RowsExact               // a direct driver's rows
	RowsFolded              // PostgREST folds the result into one row, so the count says nothing
)

// Statement is one line of a Postgres log.
type Statement struct {
	Kind StatementKind

	Session  string // session_id hex.hex, else host and pid
	Txn      string // virtual transaction id; empty if not logged
	Line     int64  // session line number, or pgaudit's statement id where that is not logged: it orders a session's lines; 0 unknown
	Login    string // login role, never the effective role
	Database string
	App      string // application_name: free text that any client can set
	Client   bool   // backend_type is a client backend, or is not logged

	AuditObject bool // OBJECT audit line (SESSION otherwise)
	StmtID      int64
	SubstmtID   int64
	Class       string // READ, WRITE, FUNCTION, ROLE, DDL, MISC
	Command     string // SELECT, INSERT, ...
	ObjectType  string
	Object      string // relation as pgaudit names it, unquoted where plain
	SQL         string // text as logged; empty when not logged
	Previous    bool   // <previously logged>: a twin
	Params      []Param
	ParamsKnown bool
	Rows        int64 // -1 unknown
	SQLState    string

	RequestID string // from a comment in the statement or the application name
	TraceID   string
	Route     string // sqlcommenter route

	Settings *Settings // state that this statement sets, or nil
}

// Param is one bind parameter.
type Param struct {
	Value   string
	Null    bool
	Unknown bool // suppressed or cut
}

// Settings is the state that one statement sets for its transaction or session:
// PostgREST's set_config call, SET ROLE, RESET, DISCARD.
type Settings struct {
	Session bool // lives past the transaction (SET without LOCAL)
	Reset   bool // the role goes back to the login role

	Role       string // effective role; empty if not set here
	RoleHidden bool   // the role was set to a value that the line does not show
	HasClaims  bool   // request.jwt.claims was set
	ClaimsGone bool   // claims were taken away, or set to a value that the line does not show
	Sub        string // user of the claims
	SessionID  string // application session of the claims
	AppRole    string // role inside app_metadata of the claims
	Expires    int64  // exp, nanoseconds
	Issued     int64
	Method     string
	Path       string
	RequestID  string
	TraceID    string
	Browser    Tri // user agent, Origin or Referer of request.headers
}

// FactKind says what a Fact is about.
type FactKind string

const (
	FactOwner    FactKind = "owner"    // Table, Record, Column, User
	FactTenant   FactKind = "tenant"   // Table, Record, Tenant
	FactState    FactKind = "state"    // Table, Record, Column, Value: public or draft
	FactMember   FactKind = "member"   // User, Tenant
	FactMapping  FactKind = "mapping"  // Record is the external id (cus_...), User
	FactAccount  FactKind = "account"  // User, Value: active, suspended, deleted
	FactSession  FactKind = "session"  // Record is the session id, User, Value: ended
	FactShare    FactKind = "share"    // Table, Record, User or Token, Columns
	FactTicket   FactKind = "ticket"   // Record is the ticket id, Agent, User whose data it covers, Value: open
	FactRole     FactKind = "role"     // User, Value: role name
	FactCatalog  FactKind = "catalog"  // Table, Column is the property (row_security, policy, grant), Value
	FactTable    FactKind = "table"    // Table: the owner facts of this table are complete
	FactSamePair FactKind = "same"     // User and Value are one person
	FactPermit   FactKind = "permit"   // Principal, Table: a declared job may read it
	FactCanary   FactKind = "canary"   // Table, Record: planted, nobody reads it
	FactRelation FactKind = "relation" // Value is the relation's name, Table, Record, User
)

// Fact is something that holds between ValidFrom and ValidTo.
type Fact struct {
	Kind      FactKind
	Table     string
	Record    string
	Column    string
	User      string
	Tenant    string
	Agent     string
	Token     string
	Principal string
	Value     string
	Columns   []string
	ValidFrom int64 // nanoseconds, included; 0 means always
	ValidTo   int64 // nanoseconds, excluded; 0 means still
	Retract   bool  // takes back the fact of the same key and ValidFrom
}
