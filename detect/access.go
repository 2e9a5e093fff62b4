package detect

import "trespass.dev/trespass/detect/query"

// Access is everything known of one request: its application and edge lines
// joined with the statements of the same request id or trace id; or, without a
// partner, one database transaction with its own claims; or one edge line alone.
//
// The join fills the first part; judging fills the second. All strings are owned.
type Access struct {
	Key        string // rule-independent: the same whatever the interleaving
	Time       int64  // of the request, else of the first statement; nanoseconds
	Requests   []RequestLine
	Statements []StatementLine
	Late       bool // came later than the accepted lateness: judged by itself, and counted
	Cold       bool // so near the start of reading that partners may be missing

	Env       string
	Route     string
	RouteKind RouteKind
	Actor     Actor
	Principal string // effective database role; empty unknown
	Bypass    Tri
	Returned  bool // something came back, or may have
	Records   []AccessRecord
}

// RequestLine is one request line with its receipt.
type RequestLine struct {
	Request
	Time   int64
	Origin Origin
	LineID uint64
}

// StatementLine is one statement with its receipt, the state it ran under, and
// what its text reads.
type StatementLine struct {
	Statement
	Time   int64
	Origin Origin
	LineID uint64

	// State carried forward inside the same session and transaction.
	Role         string // effective role; empty when it cannot be told
	RoleKnown    bool
	Sub          string // user of the claims in force
	ClaimSession string
	HasClaims    bool
	Expires      int64
	Method       string
	Path         string
	SettingsFrom []Origin // lines that set this state

	Plan      *query.Plan // nil when the text was not logged or not decided
	Literals  []string    // constants of the text, in the order that Plan counts them
	Undecided string      // reason from the closed list, such as sql_too_large
}

// AccessRecord is one record that came back, or a count of them, with its
// evidence merged and its verdict.
type AccessRecord struct {
	Table    *Table // nil when the policy does not speak of it
	Name     string // canonical table name
	ID       string // empty for a count or an owner predicate
	Owners   []Owner
	Tenant   string
	Columns  []string
	State    []Pair
	Count    int64 // 1, or the number of rows without ids
	CameBack Tri   // Unknown makes it possible only
	Origins  []Origin

	Verdict  Verdict
	Relation string
	Reason   string
	Claim    Claim
	Missing  []string
}
