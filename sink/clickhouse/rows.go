package clickhouse

import (
	"math"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/contract"
)

// table binds a table's columns to the values of one row. The order of both lists
// is the same.
type table[T any] struct {
	name    string
	columns []string
	values  func(row *T, m *mark) []any
}

// mark is what the writer adds to each row. It is in no key, so copies that
// differ in it alone still fold into one.
type mark struct {
	policy string
	writer string
	now    time.Time
}

var findings = table[detect.Finding]{
	name: "findings",
	columns: []string{"event_time", "finding_id", "revision", "rule", "family", "severity", "claim", "missing", "cause", "evidence",
		"verdict", "status", "summary", "actor_kind", "actor", "session_id", "app_role", "impersonating", "actor_conflict",
		"request_id", "trace_id", "principal", "route", "table", "record_ids", "owners", "tenant", "columns", "records", "people",
		"env", "origins", "policy", "detected_at", "writer"},
	values: func(f *detect.Finding, m *mark) []any {
		status := "open"
		if f.Resolved {
			status = "resolved"
		}
		return []any{when(f.Time), f.ID.String(), f.Revision, f.Rule, string(f.Family), f.Severity.String(), f.Claim.String(), list(f.Missing), string(f.Cause), list(f.Evidence),
			f.Verdict.String(), status, f.Summary, f.Actor.Kind.String(), f.Actor.User, f.Actor.Session, f.Actor.AppRole, f.Actor.Impersonating, f.Actor.Conflict,
			f.RequestID, f.TraceID, f.Principal, f.Route, f.Table, list(f.RecordIDs), list(f.Owners), f.Tenant, list(f.Columns), count(f.Records), count(f.People),
			f.Env, origins(f.Origins), m.policy, m.now, m.writer}
	},
}

var reads = table[detect.Read]{
	name: "reads",
	columns: []string{"event_time", "access_key", "revision", "actor_kind", "actor", "session_id", "app_role", "impersonating",
		"request_id", "trace_id", "route", "principal", "bypass", "table", "record_id", "owners", "tenant", "columns",
		"verdict", "relation", "reason", "claim", "missing", "count", "env", "origins", "policy", "inserted_at"},
	values: func(r *detect.Read, m *mark) []any {
		owners := make([][]any, len(r.Owners))
		for i, o := range r.Owners {
			owners[i] = []any{o.Column, o.ID}
		}
		return []any{when(r.Time), r.AccessKey, r.Revision, r.Actor.Kind.String(), r.Actor.User, r.Actor.Session, r.Actor.AppRole, r.Actor.Impersonating,
			r.RequestID, r.TraceID, r.Route, r.Principal, r.Bypass.String(), r.Table, r.RecordID, owners, r.Tenant, list(r.Columns),
			r.Verdict.String(), r.Relation, r.Reason, r.Claim.String(), list(r.Missing), count(r.Count), r.Env, origins(r.Origins), m.policy, m.now}
	},
}

var quarantine = table[contract.Quarantined]{
	name:    "quarantine",
	columns: []string{"source", "partition", "offset", "record_time", "reason", "format", "detail", "size", "hash", "inserted_at"},
	values: func(q *contract.Quarantined, m *mark) []any {
		return []any{q.Origin.Source, q.Origin.Partition, q.Origin.Offset, when(q.Time), q.Reason, q.Format, q.Detail, uint64(max(q.Size, 0)), q.Hash, m.now}
	},
}

var facts = table[contract.Fact]{
	name: "facts",
	columns: []string{"kind", "table", "record_id", "column", "user_id", "tenant", "agent", "principal", "value", "columns",
		"valid_from", "valid_to", "retract", "source", "partition", "offset", "inserted_at"},
	values: func(f *contract.Fact, m *mark) []any {
		retract := uint8(0)
		if f.Retract {
			retract = 1
		}
		// A share token is as good as a key, so it is not stored.
		return []any{string(f.Kind), f.Table, f.Record, f.Column, f.User, f.Tenant, f.Agent, f.Principal, f.Value, list(f.Columns),
			when(f.ValidFrom), when(f.ValidTo), retract, f.Origin.Source, f.Origin.Partition, f.Origin.Offset, m.now}
	},
}

// latest is the last time that a DateTime64(6) column and the driver both hold.
const latest = math.MaxInt64 / 2

// when clamps a time into what the column holds: a forged time must not make a
// row that can never be stored.
func when(ns int64) time.Time { return time.Unix(0, min(max(ns, 0), latest)).UTC() }

func count(n int64) uint64 { return uint64(max(n, 0)) }

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

func origins(l []detect.Origin) [][]any {
	out := make([][]any, len(l))
	for i, o := range l {
		out[i] = []any{o.Source, o.Partition, o.Offset}
	}
	return out
}
