package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/detect"
)

// listed is how many single findings a block shows; the rest is a number and a
// way to see them.
const listed = 5

// Write prints the report for a person.
func (r *Report) Write(w io.Writer, colour bool) error {
	p := &printer{w: w, colour: colour}
	groups := r.Groups()
	for i := range groups {
		p.group(&groups[i])
	}
	if len(groups) == 0 {
		p.line("No findings.")
		p.line("")
	}
	p.coverage(r)
	return p.err
}

type printer struct {
	w      io.Writer
	colour bool
	err    error
}

func (p *printer) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", a...)
	}
}

func (p *printer) paint(s detect.Severity, text string) string {
	if !p.colour {
		return text
	}
	code := "36"
	switch s {
	case detect.Critical, detect.High:
		code = "1;31"
	case detect.Medium:
		code = "33"
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// group prints one cause: who, whose, how many, how sure, and what to do.
func (p *printer) group(g *Group) {
	title := strings.ToUpper(g.Worst.String()) + "  " + string(g.Cause)
	p.line("%s", p.paint(g.Worst, title))
	p.line("  what    %s", Plural(len(g.Findings), "finding")+" by "+clean(g.Rules, 4))
	p.line("  who     %s", clean(g.Actors, 4))
	p.line("  whose   %s", g.whose())
	p.line("  where   %s on %s", orNone(clean(g.Tables, 4), "no table"), orNone(clean(g.Routes, 3), "no route in the logs"))
	p.line("  when    %s", span(g.First, g.Last))
	p.line("  proof   %s", g.proof())
	for i := range g.Findings {
		if i == listed {
			p.line("          and %d more: use -o ndjson to see all", len(g.Findings)-listed)
			break
		}
		f := &g.Findings[i]
		p.line("  %-8s%s", cmp.Or(map[bool]string{true: "seen"}[i == 0], ""), screen.Clean(f.Summary))
		p.line("          %s  %s", f.ID.String()[:12], screen.Clean(places(f.Origins)))
	}
	for i, e := range evidence(g) {
		p.line("  %-8s%s", cmp.Or(map[bool]string{true: "why"}[i == 0], ""), screen.Clean(e))
	}
	p.line("  next    %s", Next(g.Cause))
	p.line("")
}

func (g *Group) whose() string {
	text := Plural(int(g.Records), "record")
	switch {
	case len(g.People) > 0:
		text += " of " + Plural(len(g.People), "person") + ": " + clean(g.People, 4)
	case g.Unnamed > 0:
		text += ", of people that the logs do not name"
	}
	return text
}

func (g *Group) proof() string {
	possible := len(g.Findings) - g.Proven
	switch {
	case possible == 0:
		return "proven"
	case g.Proven == 0:
		return "possible: missing " + clean(missing(g), 5)
	}
	return fmt.Sprintf("%d proven, %d possible: missing %s", g.Proven, possible, clean(missing(g), 5))
}

func missing(g *Group) []string {
	var all []string
	for i := range g.Findings {
		all = append(all, g.Findings[i].Missing...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func evidence(g *Group) []string {
	var all []string
	for i := range g.Findings {
		for _, e := range g.Findings[i].Evidence {
			if !slices.Contains(all, e) && len(all) < 3 {
				all = append(all, e)
			}
		}
	}
	return all
}

// coverage says how much could be judged, and why the rest could not.
func (p *printer) coverage(r *Report) {
	all, judged := r.Records()
	p.line("Read %s from %s.", Plural(int(r.Lines), "line"), Plural(r.Sources, "file"))
	if all == 0 {
		p.line("Coverage: no record came back in these logs, so there was nothing to judge.")
	} else {
		p.line("Coverage: %d of %s that came back could be judged (%.1f %%).", judged, Plural(int(all), "record"), 100*float64(judged)/float64(all))
	}
	p.reasons("not judged", r.Unjudged)
	p.reasons("undecided", r.Undecided)
	p.reasons("quarantined", r.Quarantined)
	if r.Silent > 0 {
		p.line("  said nothing: %d × blank, or without a time: if they are your log, say in the policy's fields which key is the time", r.Silent)
	}
	if r.NoPolicy {
		p.line("")
		p.noPolicy(&r.seen)
	}
}

func (p *printer) reasons(what string, counts map[string]int64) {
	type pair struct {
		name string
		n    int64
	}
	var all []pair
	for name, n := range counts {
		if n > 0 {
			all = append(all, pair{name, n})
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.name, b.name)) })
	for i, each := range all {
		if i == 8 {
			p.line("  %s: and %d more reasons", what, len(all)-i)
			return
		}
		p.line("  %s: %d × %s", what, each.n, screen.Clean(each.name))
	}
}

// clean joins at most n names, safe to print.
func clean(names []string, n int) string {
	var b strings.Builder
	for i, name := range names {
		if i == n {
			fmt.Fprintf(&b, " and %d more", len(names)-n)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(screen.Clean(name))
	}
	return b.String()
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// Plural gives "1 record" or "3 records".
func Plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case one == "person":
		return fmt.Sprintf("%d people", n)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func span(first, last int64) string {
	from, to := time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
	if first == last {
		return from.Format("2006-01-02 15:04:05.000 UTC")
	}
	return from.Format("2006-01-02 15:04:05") + " to " + to.Format("2006-01-02 15:04:05 UTC")
}

func places(l []detect.Origin) string {
	var b strings.Builder
	for i, o := range l {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more lines", len(l)-i)
			break
		}
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(o.String())
	}
	return b.String()
}

// Next says what to do about a cause.
func Next(c detect.Cause) string {
	switch c {
	case detect.CauseMissingRLS:
		return "Enable and force row-level security on the table, add a policy for its owners, and revoke what anon does not need."
	case detect.CauseOverbroadPolicy:
		return "Narrow the policy to the owner columns (auth.uid() = owner), and test it as two different users."
	case detect.CauseServiceRole:
		return "Move the service role out of the user's request path, or check the owner on the server before answering."
	case detect.CauseSecretKey:
		return "Rotate the key now. Then find how it left the server, and keep it out of client bundles."
	case detect.CauseStripeMapping:
		return "Take the Stripe customer from the signed-in user on the server, never from the client, and mend the mapping."
	case detect.CauseCachedResponse:
		return "Mark the route private and not cacheable, and purge the cache."
	case detect.CauseMissingScope:
		return "Add the tenant or owner to the query's WHERE, or let row-level security do it for this role."
	case detect.CauseMalformedID:
		return "Refuse ids that are not of their type before the query is built; a dropped filter returns everything."
	case detect.CauseStale:
		return "End access when the session or membership ends: check it on each request, or shorten the token's life."
	case detect.CausePreview:
		return "Give preview deployments a database of their own."
	case detect.CausePolicyDrift:
		return "Undo the policy or grant change, then see what was read since."
	case detect.CauseMixedSessions:
		return "Look for state shared between requests: a global client, a cached session, a pooled connection that kept its role."
	}
	return "The logs at hand do not tell the cause. See the finding's evidence for what would."
}
