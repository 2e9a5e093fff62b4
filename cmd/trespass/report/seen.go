package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/detect"
)

// seen is what a policy would have to speak of: the tables and routes in the logs.
// It is collected only when no policy is given, and is bounded, because names come
// from the logs.
type seen struct {
	tables map[string]*seenTable
	routes map[string]int64
}

type seenTable struct {
	records int64
	owners  map[string]bool // columns
	tenant  bool
}

const (
	mostSeen  = 1000 // names kept of each kind, and columns of a table
	mostShown = 20
)

func newSeen() seen { return seen{tables: map[string]*seenTable{}, routes: map[string]int64{}} }

func (s *seen) read(d *detect.Read, n int64) {
	if _, known := s.routes[d.Route]; known {
		s.routes[d.Route] += n
	} else if d.Route != "" && len(s.routes) < mostSeen {
		s.routes[strings.Clone(d.Route)] = n
	}
	t := s.tables[d.Table]
	if t == nil {
		if d.Table == "" || len(s.tables) >= mostSeen {
			return
		}
		t = &seenTable{owners: map[string]bool{}}
		s.tables[strings.Clone(d.Table)] = t
	}
	t.records += n
	t.tenant = t.tenant || d.Tenant != ""
	for _, o := range d.Owners {
		if o.Column != "" && !t.owners[o.Column] && len(t.owners) < mostSeen {
			t.owners[strings.Clone(o.Column)] = true
		}
	}
}

// noPolicy says what the logs hold, and what they do not tell.
func (p *printer) noPolicy(s *seen) {
	p.line("No policy was given: a record is judged by the owners that are logged with it, and every")
	p.line("route as a user's. Write a policy.yaml (a dozen lines; see deploy/policy.yaml) that says")
	p.line("whose the rows are and which routes are not for users, and run again with --policy.")
	if len(s.tables) > 0 {
		p.line("Tables in these logs:")
	}
	names := slices.SortedFunc(maps.Keys(s.tables), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.tables[b].records, s.tables[a].records), strings.Compare(a, b))
	})
	for i, name := range names {
		if i == mostShown {
			p.line("  and %d more", len(names)-i)
			break
		}
		p.line("  %-20s %s; %s", screen.Clean(name), Plural(int(s.tables[name].records), "record"), s.tables[name].about())
	}
	if len(s.routes) > 0 {
		p.line("Routes in these logs:")
	}
	routes := slices.SortedFunc(maps.Keys(s.routes), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.routes[b], s.routes[a]), strings.Compare(a, b))
	})
	for i, route := range routes {
		if i == mostShown {
			p.line("  and %d more", len(routes)-i)
			break
		}
		p.line("  %s (%s)", screen.Clean(route), strconv.FormatInt(s.routes[route], 10))
	}
}

func (t *seenTable) about() string {
	text := "the logs name no owner: say which columns own a row, or send facts"
	if len(t.owners) > 0 {
		text = "owners are logged in " + clean(slices.Sorted(maps.Keys(t.owners)), 5)
	}
	if t.tenant {
		text += "; a tenant is logged"
	}
	return text
}
