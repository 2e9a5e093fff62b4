package detect

import "trespass.dev/trespass/detect/query"

// Access is everything known of one request: its application and edge lines
// joined with the statements of the same request id or trace id; or, without a
// partner, one database transaction with its own claims; or one edge line alone.
//
// The join fills the first part; judging fills the second. Its strings, and the
// slices inside its lines, are never written again and may be kept; the two lists of
// lines belong to the join and are used again after judging.
type Access struct {
	Key        string // rule-independent: the same whatever the interleaving
	Time       int64  // of the request, else of the first statement; nanoseconds. In the same 30 s for all revisions
	Requests   []RequestLine
	Statements []StatementLine
	Late       bool // one line that came too late to be joined: judged by itself, and counted
	Cold       bool // so near the start of reading that partners may be missing

	Env       string
	Route     string
	RouteKind RouteKind
	Actor     Actor
	Principal string // effective database role; empty unknown
	Bypass    Tri
	RolesLost int  // reads whose effective role cannot be told
	Returned  bool // something came back, or may have
	Records   []AccessRecord
}

// RequestLine is one request line with its receipt.
type RequestLine struct {
	Request
	Time   int64
	Origin Origin
	LineID uint64
	Shared bool // several users came under one request id, and this line names none: it may be any's

	Text string // the line as the join keeps it; not judged
}

// StatementLine is one execution of a statement with its receipt, the state it ran
// under, and what its text reads. Its Settings are nil and its SQL is empty: the
// state and the plan stand for them.
type StatementLine struct {
	Statement
	Time   int64
	Origin Origin
	LineID uint64
	Shared bool     // several users came under its request id, and its claims decide for none: it may be any's
	Failed bool     // an error of the same execution was logged: nothing came back
	Twins  []Origin // other lines that say the same of the same execution

	// State carried forward inside the same session and transaction.
	Role         string // effective role; empty when it cannot be told
	RoleKnown    bool
	Sub          string // user of the claims in force
	ClaimSession string
	ClaimRole    string // role inside app_metadata of the claims
	HasClaims    bool
	Expires      int64
	Issued       int64
	Method       string
	Path         string
	Browser      Tri      // user agent, Origin or Referer in the headers that the gateway passed on
	SettingsFrom []Origin // lines that set this state

	Plan      *query.Plan // nil when the text was not logged or not decided
	Literals  []string    // constants of the text, in the order that Plan counts them
	Undecided string      // reason from the closed list, such as sql_too_large

	Text string // the line as the join keeps it, if that says all of the above; else empty. Not judged
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
