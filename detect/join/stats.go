package join

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/query"
)

// Skip says why a line of Postgres is not judged as a read.
type Skip uint8

const (
	SkipNone       Skip = iota
	SkipSilent          // connections, checkpoints, durations, parse and bind lines
	SkipBackground      // not written for a client
	SkipControl         // transaction control, SET, FETCH, cursors
	SkipCatalog         // reads the catalog, or no table
	SkipForeignKey      // Postgres' own check of a foreign key
	SkipExplain         // EXPLAIN returns no rows
)

var skipNames = [...]string{"none", "silent", "background", "control", "catalog", "foreign_key", "explain"}

// String gives the name used as a label.
func (s Skip) String() string { return skipNames[s] }

// Skips lists the reasons.
func Skips() []Skip {
	return []Skip{SkipSilent, SkipBackground, SkipControl, SkipCatalog, SkipForeignKey, SkipExplain}
}

// Stats counts what a Detector has done since it was made. Replayed lines that decide
// nothing again are counted as events only.
type Stats struct {
	Events      [detect.KindHeartbeat + 1]uint64 // by Kind
	Accesses    uint64                           // decided
	Reviewed    uint64                           // judged again because facts came late, and changed
	Verdicts    [detect.VerdictMalformed + 1]uint64
	Late        uint64            // lines later than Windows.Lateness: judged by themselves
	Apart       uint64            // lines too late to be joined, those included
	Duplicates  uint64            // lines delivered again
	Evicted     uint64            // lines decided early, or by themselves, for want of room
	Forgotten   uint64            // decided accesses that late facts can no longer change, for want of room
	FillsLost   uint64            // responses in shared caches that a later HIT can no longer be judged by, for want of room
	Mixed       uint64            // transactions whose statements name several requests
	StateLost   uint64            // reads whose effective role cannot be told
	Skipped     [7]uint64         // by Skip
	Undecided   map[string]uint64 // statements whose text could not be read, by reason
	Facts       uint64
	Pending     int   // lines that wait
	PendingSize int64 // bytes of their text
	Sessions    int   // database sessions whose state is kept
	Plans       int   // shapes of statements remembered
	PlanMisses  uint64
}

// Coverage says how much of the accesses to one table on one route could be judged.
type Coverage struct {
	Route    string
	Table    string
	Records  [detect.VerdictMalformed + 1]uint64 // by Verdict; VerdictNone where nothing was judged
	Undone   map[string]uint64                   // why the rest could not: missing evidence, by name
	Accesses uint64
}

// maxCoverage bounds the pairs of route and table; the rest are counted as "other".
const maxCoverage = 4096

type counters struct {
	Stats
	coverage map[coverageKey]*Coverage
	last     *Coverage // found last: most accesses are like the one before
}

type coverageKey struct{ route, table string }

func (c *counters) init() {
	c.Undecided = make(map[string]uint64, 4)
	for _, r := range query.Reasons() {
		c.Undecided[r] = 0
	}
	c.coverage = map[coverageKey]*Coverage{}
}

func (c *counters) skip(why Skip) { c.Skipped[why]++ }

func (c *counters) late(marked bool) {
	c.Apart++
	if marked {
		c.Late++
	}
}

// judged counts one access.
func (c *counters) judged(a *detect.Access) {
	c.Accesses++
	c.StateLost += uint64(a.RolesLost)
	last := (*Coverage)(nil)
	for i := range a.Records {
		r := &a.Records[i]
		c.Verdicts[r.Verdict]++
		v := c.covering(a.Route, r.Name)
		v.Records[r.Verdict]++
		if v != last {
			v.Accesses++
			last = v
		}
		switch r.Verdict {
		case detect.VerdictOwnerUnknown, detect.VerdictActorUnknown, detect.VerdictAmbiguous, detect.VerdictMalformed, detect.VerdictNone:
			for _, m := range r.Missing {
				v.Undone[m]++
			}
		}
	}
}

// covering gives the coverage of a route and a table, which it makes if need be.
func (c *counters) covering(route, table string) *Coverage {
	if v := c.last; v != nil && v.Route == route && v.Table == table {
		return v
	}
	k := coverageKey{route, table}
	v := c.coverage[k]
	if v == nil {
		k = coverageKey{strings.Clone(route), strings.Clone(table)}
		if len(c.coverage) >= maxCoverage {
			k = coverageKey{"other", "other"}
		}
		if v = c.coverage[k]; v == nil {
			v = &Coverage{Route: k.route, Table: k.table, Undone: map[string]uint64{}}
			c.coverage[k] = v
		}
	}
	c.last = v
	return v
}

// Stats gives the counts so far. The maps are the caller's.
func (d *Detector) Stats() Stats {
	s := d.stats.Stats
	s.Undecided = maps.Clone(s.Undecided)
	s.Pending, s.PendingSize, s.Sessions = d.nodes.count, d.nodes.bytes, len(d.sessions.byName)
	s.Plans, s.PlanMisses = d.plans.Len(), d.plans.Misses()
	s.FillsLost = d.judging.FillsLost()
	return s
}

// Coverage lists what could be judged, by route and table, in that order. Of at most
// 4,096 pairs; what goes beyond is one entry, "other".
func (d *Detector) Coverage() []Coverage {
	out := make([]Coverage, 0, len(d.stats.coverage))
	for _, c := range d.stats.coverage {
		v := *c
		v.Undone = maps.Clone(c.Undone)
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Coverage) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Table, b.Table))
	})
	return out
}
