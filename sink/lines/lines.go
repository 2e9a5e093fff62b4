// Package lines writes findings and reads as NDJSON: one JSON object a line, with
// the names that every output of Trespass uses.
package lines

import (
	"encoding/json"
	"io"
	"time"

	"trespass.dev/trespass/detect"
)

// Finding is a finding as it is written out.
type Finding struct {
	FindingID string   `json:"finding_id"`
	Revision  uint32   `json:"revision"`
	Rule      string   `json:"rule"`
	Family    string   `json:"family"`
	Severity  string   `json:"severity"`
	Claim     string   `json:"claim"`
	Missing   []string `json:"missing"`
	Cause     string   `json:"cause"`
	Evidence  []string `json:"evidence"`
	Verdict   string   `json:"verdict"`
	Resolved  bool     `json:"resolved,omitempty"`
	Summary   string   `json:"summary"`
	Time      string   `json:"time"` // RFC 3339 with microseconds, UTC
	Env       string   `json:"env"`
	Actor
	SessionID string   `json:"session_id"`
	RequestID string   `json:"request_id"`
	TraceID   string   `json:"trace_id"`
	Principal string   `json:"principal"`
	Route     string   `json:"route"`
	Table     string   `json:"table"`
	RecordIDs []string `json:"record_ids"`
	Owners    []string `json:"owners"`
	Tenant    string   `json:"tenant"`
	Columns   []string `json:"columns"`
	Records   int64    `json:"records"`
	People    int64    `json:"people"`
	Origins   []Origin `json:"origins"`
}

// Read is one judged record as it is written out.
type Read struct {
	Time     string   `json:"time"`
	Verdict  string   `json:"verdict"`
	Reason   string   `json:"reason"`
	Relation string   `json:"relation,omitempty"`
	Claim    string   `json:"claim"`
	Missing  []string `json:"missing,omitempty"`
	Actor
	SessionID string   `json:"session_id"`
	RequestID string   `json:"request_id"`
	TraceID   string   `json:"trace_id"`
	Principal string   `json:"principal"`
	Route     string   `json:"route"`
	Table     string   `json:"table"`
	RecordID  string   `json:"record_id"`
	Owners    []Owner  `json:"owners"`
	Tenant    string   `json:"tenant"`
	Columns   []string `json:"columns"`
	Count     int64    `json:"count"`
	Env       string   `json:"env"`
	AccessKey string   `json:"access_key"`
	Origins   []Origin `json:"origins"`
}

// Actor is whose session it was. The keys are those of the tables in ClickHouse.
type Actor struct {
	ActorKind     string `json:"actor_kind"` // user, anonymous, outsider, service, unknown
	Actor         string `json:"actor"`      // user id; empty without one
	AppRole       string `json:"app_role,omitempty"`
	Impersonating string `json:"impersonating,omitempty"`
	ActorConflict string `json:"actor_conflict,omitempty"`
}

// Owner is one owner of a record, with the column that says so.
type Owner struct {
	Column string `json:"column"`
	ID     string `json:"id"`
}

// Origin is the place of one line: topic, partition and offset, or file and line.
type Origin struct {
	Source    string `json:"source"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Line      *int64 `json:"line,omitempty"`
}

// OfFinding gives the written form.
func OfFinding(f *detect.Finding) Finding {
	return Finding{
		FindingID: f.ID.String(), Revision: f.Revision, Rule: f.Rule, Family: string(f.Family), Severity: f.Severity.String(),
		Claim: f.Claim.String(), Missing: list(f.Missing), Cause: string(f.Cause), Evidence: list(f.Evidence), Verdict: f.Verdict.String(),
		Resolved: f.Resolved, Summary: f.Summary, Time: stamp(f.Time), Env: f.Env, Actor: actor(f.Actor), SessionID: f.Actor.Session,
		RequestID: f.RequestID, TraceID: f.TraceID, Principal: f.Principal, Route: f.Route, Table: f.Table, RecordIDs: list(f.RecordIDs),
		Owners: list(f.Owners), Tenant: f.Tenant, Columns: list(f.Columns), Records: f.Records, People: f.People, Origins: origins(f.Origins),
	}
}

// OfRead gives the written form.
func OfRead(r *detect.Read) Read {
	owners := make([]Owner, len(r.Owners))
	for i, o := range r.Owners {
		owners[i] = Owner(o)
	}
	return Read{
		Time: stamp(r.Time), Verdict: r.Verdict.String(), Reason: r.Reason, Relation: r.Relation, Claim: r.Claim.String(), Missing: r.Missing,
		Actor: actor(r.Actor), SessionID: r.Actor.Session, RequestID: r.RequestID, TraceID: r.TraceID, Principal: r.Principal, Route: r.Route,
		Table: r.Table, RecordID: r.RecordID, Owners: owners, Tenant: r.Tenant, Columns: list(r.Columns), Count: r.Count, Env: r.Env,
		AccessKey: r.AccessKey, Origins: origins(r.Origins),
	}
}

func actor(a detect.Actor) Actor {
	return Actor{ActorKind: a.Kind.String(), Actor: a.User, AppRole: a.AppRole, Impersonating: a.Impersonating, ActorConflict: a.Conflict}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

func origins(l []detect.Origin) []Origin {
	out := make([]Origin, len(l))
	for i, o := range l {
		out[i] = Origin{Source: o.Source}
		if o.Partition < 0 {
			out[i].Line = &l[i].Offset
		} else {
			out[i].Partition, out[i].Offset = &l[i].Partition, &l[i].Offset
		}
	}
	return out
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// Encoder writes objects as lines. HTML characters stay as they are.
type Encoder struct{ enc *json.Encoder }

// NewEncoder writes to w.
func NewEncoder(w io.Writer) Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return Encoder{enc}
}

// Finding writes one finding.
func (e Encoder) Finding(f *detect.Finding) error { return e.enc.Encode(OfFinding(f)) }

// Read writes one judged record.
func (e Encoder) Read(r *detect.Read) error { return e.enc.Encode(OfRead(r)) }
