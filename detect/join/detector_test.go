package join

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"trespass.dev/trespass/detect"
)

// The stories here are about joining, so a stand-in for judging writes down what it
// is given: one read for each access, whose reason is the access in short, and one
// finding for each request line that lists a record of somebody else.
type scribe struct {
	simple
	seen []string
}

// simple is what is the same of all stand-ins.
type simple struct{}

func (simple) Plain(*detect.Request) bool { return false }
func (simple) Reload(*detect.Policy)      {}
func (simple) FillsLost() uint64          { return 0 }

func (s *scribe) Accesses(list []*detect.Access, out *detect.Output, told func(int, detect.Extent)) {
	oneByOne(s, list, out, told)
}

// oneByOne judges several accesses as a Judge does, one after the other.
func oneByOne(j judging, list []*detect.Access, out *detect.Output, told func(int, detect.Extent)) {
	for i, a := range list {
		before := out.Extent()
		j.Access(a, false, out)
		told(i, before)
	}
}

func (s *scribe) Access(a *detect.Access, provisional bool, out *detect.Output) {
	slices.SortFunc(a.Requests, func(x, y detect.RequestLine) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.LineID, y.LineID))
	})
	text := describe(a)
	if !provisional {
		s.seen = append(s.seen, text)
		out.Reads = append(out.Reads, detect.Read{Reading: &detect.Reading{AccessKey: a.Key, Revision: 1, Time: a.Time}, Reason: text, Origins: receipts(a)})
	}
	foreign := false
	for i := range a.Requests {
		for _, r := range a.Requests[i].Records {
			foreign = foreign || r.ID == "foreign"
		}
	}
	for i := range a.Statements {
		// A statement by the share link explains the read after all.
		foreign = foreign && a.Statements[i].Object != "share_links"
	}
	if foreign && (!provisional || a.Requests[0].Complete) {
		h := fnv.New128a()
		h.Write([]byte(a.Key))
		f := detect.Finding{Rule: "foreign_read", Family: detect.FamilyRead, Time: a.Time, Summary: text, Origins: receipts(a)}
		copy(f.ID[:], h.Sum(nil))
		out.Findings = append(out.Findings, f)
	}
}

// receipts lists where the lines of an access are. Of a line that came so late that
// copies of it cannot be told any more, any copy's receipt will do.
func receipts(a *detect.Access) []detect.Origin {
	var out []detect.Origin
	if a.Late {
		return out
	}
	for _, r := range a.Requests {
		out = append(out, r.Origin)
	}
	for _, s := range a.Statements {
		out = append(out, s.Origin)
		out = append(out, s.Twins...)
		out = append(out, s.SettingsFrom...)
	}
	return out
}

// describe writes an access in one line: the request lines with their users, the
// statements with role and user of their state.
func describe(a *detect.Access) string {
	var b strings.Builder
	for i, r := range a.Requests {
		if i > 0 {
			b.WriteString(" + ")
		}
		fmt.Fprintf(&b, "%s by %s", r.EventID, cmp.Or(r.UserID, "?"))
		if r.Shared {
			b.WriteString(" (shared)")
		}
	}
	b.WriteString(" |")
	for _, s := range a.Statements {
		fmt.Fprintf(&b, " %s", cmp.Or(s.Object, s.Undecided, "text"))
		if s.RoleKnown {
			fmt.Fprintf(&b, " as %s", s.Role)
		}
		if s.HasClaims {
			fmt.Fprintf(&b, " for %s", cmp.Or(s.Sub, "nobody"))
		}
		if len(s.Params) > 0 {
			fmt.Fprintf(&b, " $1=%s", s.Params[0].Value)
		}
		if s.Failed {
			b.WriteString(" failed")
		}
		if len(s.Twins) > 0 {
			fmt.Fprintf(&b, " x%d", 1+len(s.Twins))
		}
		if s.Shared {
			b.WriteString(" (shared)")
		}
		b.WriteString(";")
	}
	if a.Late {
		b.WriteString(" late")
	}
	if a.Cold {
		b.WriteString(" cold")
	}
	return b.String()
}

// story is a Detector with a stand-in for judging.
type story struct {
	t *testing.T
	*Detector
	scribe *scribe
	at     map[Part]int64
}

func newStory(t *testing.T, o Options, partitions int) *story {
	t.Helper()
	s := &story{t: t, Detector: newDetector(o), scribe: &scribe{}, at: map[Part]int64{}}
	s.facts = detect.NewFacts(&detect.Policy{})
	s.judging = s.scribe
	for i := range partitions {
		s.Open(Start{Source: "log", Partition: int32(i)})
	}
	return s
}

// see observes an event as the next of a partition.
func (s *story) see(p Part, e detect.Event) {
	e.Origin = detect.Origin{Source: "log", Partition: int32(p), Offset: s.at[p]}
	s.Observe(p, &e)
	s.Skip(p, s.at[p])
	s.at[p]++
}

// end ends all partitions and gives what was decided, sorted.
func (s *story) end() []string {
	for i := range s.parts {
		s.End(Part(i))
	}
	var out detect.Output
	s.Take(&out)
	if n := s.Stats().Pending; n != 0 || s.timeline.length != 0 || s.named.Len() != 0 || s.chains.index.Len() != 0 || s.nodes.bytes != 0 {
		s.t.Errorf("left over after the end: %d lines, %d actions, %d names, %d chains, %d bytes", n, s.timeline.length, s.named.Len(), s.chains.index.Len(), s.nodes.bytes)
	}
	for i := range s.parts {
		if h := s.parts[i].track.Held(); h != 0 {
			s.t.Errorf("partition %d still holds %d records", i, h)
		}
	}
	got := slices.Clone(s.scribe.seen)
	slices.Sort(got)
	return got
}

const second = int64(time.Second)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano()

func lineID(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, parts...)
	return h.Sum64()
}

// req is a request line some seconds after noon.
func req(name string, at float64, id, user string) detect.Event {
	t := noon + int64(at*float64(second))
	return detect.Event{Kind: detect.KindRequest, Time: t, LineID: lineID(name), Request: &detect.Request{EventID: name, RequestID: id, UserID: user}}
}

// event is a complete request line.
func event(name string, at float64, id, user, record string) detect.Event {
	e := req(name, at, id, user)
	e.Request.Complete = true
	e.Request.Records = []detect.Record{{Table: "orders", ID: record}}
	return e
}

// stmt is an audit line of a session's transaction.
func stmt(session, txn string, line int64, at float64, object string) detect.Event {
	t := noon + int64(at*float64(second))
	return detect.Event{Kind: detect.KindStatement, Time: t, LineID: lineID(session, line), Statement: &detect.Statement{
		Kind: detect.StatementAudit, Session: session, Txn: txn, Line: line, Client: true, Login: "authenticator",
		Class: "READ", Command: "SELECT", ObjectType: "TABLE", Object: object, StmtID: line, SubstmtID: 1, Rows: -1,
	}}
}

// set is PostgREST's settings line.
func set(session, txn string, line int64, at float64, id, role, sub string) detect.Event {
	e := stmt(session, txn, line, at, "")
	e.Statement.Kind, e.Statement.Class = detect.StatementSetting, ""
	e.Statement.Settings = &detect.Settings{RequestID: id, Role: role, HasClaims: sub != "", Sub: sub}
	return e
}

func tick(at float64) detect.Event {
	return detect.Event{Kind: detect.KindHeartbeat, Time: noon + int64(at*float64(second))}
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
}

func TestARequestIsJoinedWithItsStatements(t *testing.T) {
	s := newStory(t, Options{}, 2)
	s.see(0, req("get", 1, "r1", "ann"))
	s.see(1, set("s", "3/1", 1, 1.1, "r1", "authenticated", "ann"))
	s.see(1, stmt("s", "3/1", 2, 1.2, "orders"))
	s.see(1, set("s", "3/2", 3, 2, "r2", "service_role", ""))
	s.see(1, stmt("s", "3/2", 4, 2.1, "profiles"))
	check(t, s.end(),
		"get by ann | orders as authenticated for ann;",
		" | profiles as service_role;")
}
