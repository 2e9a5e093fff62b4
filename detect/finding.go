package detect

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// Verdict answers one question: has this session a reason to read this row?
// Every record that came back gets exactly one of the nine.
type Verdict uint8

const (
	VerdictNone         Verdict = iota // nothing came back, or the table is not judged
	VerdictOwn                         // the actor owns it
	VerdictExplained                   // a declared relation holds
	VerdictPublic                      // it is public, with these columns
	VerdictPrivileged                  // a declared service, or a role on its route
	VerdictForeign                     // no reason
	VerdictAmbiguous                   // owners contested, or a state that the logs do not tell
	VerdictOwnerUnknown                // nobody can say whose it is
	VerdictActorUnknown                // nobody can say who read it
	VerdictMalformed                   // an id is not of its declared type
)

var verdictNames = [...]string{"none", "own", "explained", "public", "privileged", "foreign", "ambiguous", "owner_unknown", "actor_unknown", "malformed"}

// String gives the name used in outputs, labels and tables.
func (v Verdict) String() string { return verdictNames[v] }

// Verdicts lists the nine, in the order of the design.
func Verdicts() []Verdict {
	return []Verdict{VerdictOwn, VerdictExplained, VerdictPublic, VerdictPrivileged, VerdictForeign, VerdictAmbiguous, VerdictOwnerUnknown, VerdictActorUnknown, VerdictMalformed}
}

// Claim states the proof behind a finding.
type Claim uint8

const (
	Possible Claim = iota
	Proven
)

// String gives "possible" or "proven".
func (c Claim) String() string {
	if c == Proven {
		return "proven"
	}
	return "possible"
}

// Severity grades a finding. Critical and high page.
type Severity uint8

const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"info", "low", "medium", "high", "critical"}

// String gives the lower-case name.
func (s Severity) String() string { return severityNames[s] }

// Severities lists all, least first.
func Severities() []Severity { return []Severity{Info, Low, Medium, High, Critical} }

// ParseSeverity reads a name that String gives.
func ParseSeverity(name string) (Severity, bool) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), true
		}
	}
	return 0, false
}

// Family groups rules so that one leak pages once: a finding is one per access,
// table and family.
type Family string

const (
	FamilyRead      Family = "read"
	FamilySession   Family = "session"
	FamilyPrivilege Family = "privilege"
	FamilyHygiene   Family = "hygiene"
	FamilyDoor      Family = "door"
	FamilyBlind     Family = "blind"
)

// Cause is the root-cause label of a finding.
type Cause string

const (
	CauseMissingRLS      Cause = "missing row-level security"
	CauseOverbroadPolicy Cause = "overbroad policy"
	CauseServiceRole     Cause = "service role in user path"
	CauseSecretKey       Cause = "secret key outside the server"
	CauseStripeMapping   Cause = "stripe mapping"
	CauseCachedResponse  Cause = "cached private response"
	CauseMissingScope    Cause = "missing tenant or owner scoping"
	CauseMalformedID     Cause = "malformed id accepted"
	CauseStale           Cause = "stale session or membership"
	CausePreview         Cause = "preview on production"
	CausePolicyDrift     Cause = "policy drift"
	CauseMixedSessions   Cause = "mixed sessions"
	CauseUnknown         Cause = "unknown"
)

// FindingID is the first 128 bits of a SHA-256; see Access.FindingID.
type FindingID [16]byte

// FindingID names the finding of one family on one table of an access: the first 128 bits
// of SHA-256 over environment, family, access key and table, each with its length before
// it. No rule is part of it, so that a more specific rule found later makes a new revision
// and not a second finding.
func (a *Access) FindingID(family Family, table string) FindingID {
	h := sha256.New()
	for _, field := range [...]string{a.Env, string(family), a.Key, table} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		io.WriteString(h, field)
	}
	var id FindingID
	copy(id[:], h.Sum(nil))
	return id
}

// String gives 32 lower-case hex digits.
func (id FindingID) String() string { return hex.EncodeToString(id[:]) }

// Actor is whose session it is.
type Actor struct {
	Kind           ActorKind
	User           string // user id; the agent's id when somebody impersonates
	Session        string
	AppRole        string
	Tenant         string
	Impersonating  string // user whose account the agent acts in
	Conflict       string // the other user, when app and claims disagree
	FromClaimsOnly bool   // no app or edge line: the user is the claims' sub
}

// Reading is who read, when and how: what all records of one access share.
type Reading struct {
	AccessKey string
	Revision  uint32 // 1; one more each time late facts judge the access again
	Time      int64  // of the access, nanoseconds
	Env       string
	Actor     Actor
	RequestID string
	TraceID   string
	Route     string
	Principal string
	Bypass    Tri
}

// Read is one judged record: a row of the reads table. All reads of one access point to
// one Reading, which is never nil and never written again.
type Read struct {
	*Reading
	Table    string
	RecordID string
	Owners   []Owner
	Tenant   string
	Columns  []string
	Verdict  Verdict
	Claim    Claim
	Relation string   // the relation of explained, the role of privileged, "grace" notes
	Reason   string   // plain words
	Missing  []string // of actor, record, owners, other_owners, outcome
	Count    int64    // rows that this entry stands for: 1, or the lower bound of a count without ids
	Origins  []Origin
}

// Finding is one thing that a person should look at.
type Finding struct {
	ID       FindingID
	Revision uint32
	Rule     string // the most specific rule that holds, such as foreign_read
	Family   Family
	Severity Severity
	Claim    Claim
	Missing  []string
	Cause    Cause
	Evidence []string // why this cause, and which other rules hold, in plain words
	Verdict  Verdict
	Resolved bool // a later revision that takes the finding back

	Summary string // one sentence: who read whose what, and why it is a finding

	Time      int64
	Env       string
	Actor     Actor
	RequestID string
	TraceID   string
	Route     string
	Principal string
	Table     string
	RecordIDs []string // at most MaxListed; Records says how many in all
	Owners    []string // distinct people, at most MaxListed
	Tenant    string
	Columns   []string
	Records   int64 // records concerned, or a lower bound
	People    int64 // distinct owners known
	Origins   []Origin
}

// Own copies the texts of a finding, so that one that is kept for long does not keep
// all the lines around it.
func (f *Finding) Own() {
	for _, s := range []*string{
		&f.Rule, &f.Summary, &f.Env, &f.RequestID, &f.TraceID, &f.Route, &f.Principal, &f.Table, &f.Tenant,
		&f.Actor.User, &f.Actor.Session, &f.Actor.AppRole, &f.Actor.Tenant, &f.Actor.Impersonating, &f.Actor.Conflict,
	} {
		*s = strings.Clone(*s)
	}
	for _, list := range []*[]string{&f.Missing, &f.Evidence, &f.RecordIDs, &f.Owners, &f.Columns} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i] = strings.Clone((*list)[i])
		}
	}
	f.Origins = slices.Clone(f.Origins)
}

// MaxListed bounds the ids and origins that one finding carries.
const MaxListed = 100
