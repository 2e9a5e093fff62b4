package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"trespass.dev/trespass/sink"
	"trespass.dev/trespass/sink/lines"
)

// shown follows the findings of the demo in its store, as any reader of the store
// would see them.
type shown struct {
	out  *sink.Opened
	dir  string
	all  map[string]shownFinding
	seen map[string]bool
	past map[string]bool // requests of earlier rounds
}

type shownFinding struct{ id, request, rule, severity, claim, summary string }

func newShown(out *sink.Opened, dir string) *shown {
	return &shown{out: out, dir: dir, all: map[string]shownFinding{}, seen: map[string]bool{}, past: map[string]bool{}}
}

// look gives the findings that are new since the last look.
func (s *shown) look(ctx context.Context) ([]shownFinding, error) {
	current, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	s.all = map[string]shownFinding{}
	var fresh []shownFinding
	for _, f := range current {
		s.all[f.id] = f
		if !s.seen[f.id] {
			s.seen[f.id] = true
			fresh = append(fresh, f)
		}
	}
	return fresh, nil
}

func (s *shown) read(ctx context.Context) ([]shownFinding, error) {
	if s.out.Store == nil {
		return readFindings(filepath.Join(s.dir, "findings.ndjson"))
	}
	rows, err := s.out.Store.Strings(ctx, "SELECT finding_id, request_id, rule, severity, claim, summary FROM "+s.out.Store.Database()+".findings_v WHERE status = 'open' ORDER BY detected_at, finding_id")
	if err != nil {
		return nil, err
	}
	var all []shownFinding
	for _, r := range rows {
		all = append(all, shownFinding{r[0], r[1], r[2], r[3], r[4], r[5]})
	}
	return all, nil
}

// readFindings reads a file of lines; the last line of an id stands.
func readFindings(path string) ([]shownFinding, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	last := map[string]lines.Finding{}
	var order []string
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l lines.Finding
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return nil, err
		}
		if _, known := last[l.FindingID]; !known {
			order = append(order, l.FindingID)
		}
		if l.Revision >= last[l.FindingID].Revision {
			last[l.FindingID] = l
		}
	}
	var all []shownFinding
	for _, id := range order {
		if l := last[id]; !l.Resolved {
			all = append(all, shownFinding{l.FindingID, l.RequestID, l.Rule, l.Severity, l.Claim, l.Summary})
		}
	}
	return all, scanner.Err()
}

// round ends: its findings are no longer extra.
func (s *shown) round() {
	for _, f := range s.all {
		s.past[f.request] = true
	}
}

// compared is what was found against what was planted.
type compared struct{ missing, extra []string }

// of compares the findings of the requests in want, and of requests that are in no
// round's ledger. want maps request ids to rules.
func (s *shown) of(want map[string]string) compared {
	var c compared
	got := map[string][]string{}
	for _, f := range s.all {
		got[f.request] = append(got[f.request], f.rule)
	}
	for request, rule := range want {
		rules := got[request]
		if !slices.Contains(rules, rule) {
			c.missing = append(c.missing, rule+" in request "+request)
		}
	}
	for request, rules := range got {
		for _, rule := range rules {
			if s.past[request] || want[request] == rule {
				continue
			}
			c.extra = append(c.extra, rule+" in request "+request)
		}
	}
	slices.Sort(c.missing)
	slices.Sort(c.extra)
	return c
}
