package service

import (
	"slices"
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/sink/contract"
)

// stored is a refused record as the sink keeps it.
func stored(q *ingest.Quarantine) contract.Quarantined {
	return contract.Quarantined{
		Origin: q.Origin, Time: q.Time, Reason: string(q.Reason), Format: q.Format, Detail: q.Detail, Size: q.Size, Hash: q.Hash,
	}
}

// copyFact copies a fact out of its batch.
func copyFact(e *detect.Event) contract.Fact {
	f := *e.Fact
	for _, s := range []*string{&f.Table, &f.Record, &f.Column, &f.User, &f.Tenant, &f.Agent, &f.Token, &f.Principal, &f.Value} {
		*s = strings.Clone(*s)
	}
	f.Kind = detect.FactKind(strings.Clone(string(f.Kind)))
	f.Columns = slices.Clone(f.Columns)
	for i := range f.Columns {
		f.Columns[i] = strings.Clone(f.Columns[i])
	}
	return contract.Fact{Fact: f, Origin: e.Origin}
}
