package detect_test

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
)

// storyEvent is one event with the line that tells it.
type storyEvent struct {
	event detect.Event
	line  int
}

// storyDay is the day of all stories.
var storyDay = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func parseEvents(text string) ([]storyEvent, error) {
	var out []storyEvent
	number := 0
	for raw := range strings.Lines(text) {
		number++
		line := strings.TrimSpace(raw)
		if line == "" || line[0] == '#' {
			continue
		}
		var err error
		if raw[0] == ' ' || raw[0] == '\t' {
			if len(out) == 0 {
				return nil, fmt.Errorf("line %d: nothing to add to", number)
			}
			e := &out[len(out)-1]
			err = addTo(&e.event, line)
			e.event.LineID = lineID(e.event.LineID, line)
		} else {
			var e detect.Event
			e, err = parseEvent(line)
			e.Origin = detect.Origin{Source: "story", Partition: -1, Offset: int64(number)}
			e.LineID = lineID(0, line)
			if e.Statement != nil {
				e.Statement.Line = int64(number)
			}
			out = append(out, storyEvent{e, number})
		}
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", number, line, err)
		}
	}
	// A line told twice is one line delivered twice.
	first := map[uint64]storyEvent{}
	for i, e := range out {
		if have, ok := first[e.event.LineID]; ok {
			if e.event.Statement != nil {
				e.event.Statement.Line = have.event.Statement.Line
			}
			out[i].event.Origin = have.event.Origin
			continue
		}
		first[e.event.LineID] = e
	}
	return out, nil
}

func lineID(before uint64, line string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", before, line)
	return h.Sum64()
}

// words cuts a line at white space, with quotes taken off.
func words(line string) []string {
	list := storyWord.FindAllString(line, -1)
	for i, w := range list {
		list[i] = strings.ReplaceAll(w, `"`, "")
	}
	return list
}

func parseEvent(line string) (e detect.Event, err error) {
	w := words(line)
	if len(w) < 2 {
		return e, fmt.Errorf("too few words")
	}
	if w[0] == "fact" {
		e.Kind = detect.KindFact
		e.Fact, err = parseFact(w[1], w[2:])
		return e, err
	}
	e.Time, err = clockTime(w[0])
	if err != nil {
		return e, err
	}
	switch w[1] {
	case "app", "log", "edge":
		e.Kind = detect.KindRequest
		e.Request, err = parseRequest(w[1], w[2:])
	case "sql", "set":
		e.Kind = detect.KindStatement
		e.Statement, err = parseStatement(w[1], w[2:])
	default:
		err = fmt.Errorf("unknown kind %q", w[1])
	}
	return e, err
}

func clockTime(text string) (int64, error) {
	layout := "15:04:05"
	if strings.Count(text, ":") == 1 {
		layout = "15:04"
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		return 0, err
	}
	return storyDay.Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())).UnixNano(), nil
}

func parseRequest(kind string, w []string) (*detect.Request, error) {
	if len(w) < 4 {
		return nil, fmt.Errorf("want ID METHOD ROUTE STATUS")
	}
	status, err := strconv.Atoi(w[3])
	if err != nil {
		return nil, err
	}
	r := &detect.Request{Method: w[1], Status: status, Complete: kind == "app"}
	if w[0] != "-" {
		r.RequestID = w[0]
	}
	if kind == "edge" {
		r.Path = w[2]
	} else {
		r.Route = w[2]
	}
	for _, word := range w[4:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "user":
			r.UserID = value
		case "nobody":
			r.NoUser = true
		case "session":
			r.SessionID = value
		case "service":
			r.Kind = detect.ActorService
		case "app_role":
			r.AppRole = value
		case "tenant":
			r.Tenant = value
		case "by":
			r.ImpersonatedBy = value
		case "justification":
			r.Justification = value
		case "share":
			r.ShareToken = value
		case "issued":
			r.TokenIssued, err = clockTime(value)
		case "expires":
			r.TokenExpires, err = clockTime(value)
		case "principal":
			r.Principal = value
		case "bypass":
			r.Bypass = detect.Yes
		case "secret":
			r.SecretKey = detect.Yes
		case "browser":
			r.Browser = detect.Yes
		case "env":
			r.Env = value
		case "database":
			r.Database = value
		case "trace":
			r.TraceID = value
		case "path":
			r.Path = value
		case "cache":
			status, ok := map[string]detect.CacheStatus{"hit": detect.CacheHit, "stale": detect.CacheStale, "miss": detect.CacheMiss, "bypass": detect.CacheBypass}[value]
			if !ok {
				return nil, fmt.Errorf("unknown cache status %q", value)
			}
			r.Cache.Status = status
		case "filled":
			r.Cache.ID = value
		case "public":
			r.Cache.Public = detect.Yes
		case "per_user":
			r.Cache.PerUser = detect.Yes
		case "asked":
			r.Requested = strings.Split(value, ",")
		case "stripe":
			r.StripeIDs = strings.Split(value, ",")
		case "stripe_user":
			r.StripeUser = value
		default:
			return nil, fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func parseStatement(kind string, w []string) (*detect.Statement, error) {
	if len(w) == 0 {
		return nil, fmt.Errorf("want SESSION/TXN")
	}
	s := &detect.Statement{Kind: detect.StatementAudit, Client: true, Rows: -1, Login: "authenticator", Class: "READ", Command: "SELECT"}
	s.Session, s.Txn, _ = strings.Cut(w[0], "/")
	var set detect.Settings
	for _, word := range w[1:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "role":
			set.Role = value
		case "sub":
			set.HasClaims, set.Sub = true, value
		case "session":
			set.HasClaims, set.SessionID = true, value
		case "expires":
			set.HasClaims = true
			set.Expires, err = clockTime(value)
		case "claims":
			set.HasClaims = true
		case "path":
			set.Path = value
		case "browser":
			set.Browser = detect.Yes
		case "method":
			set.Method = value
		case "req":
			s.RequestID, set.RequestID = value, value
		case "trace":
			s.TraceID, set.TraceID = value, value
		case "login":
			s.Login = value
		case "app":
			s.App = value
		case "database":
			s.Database = value
		case "rows":
			s.Rows, err = strconv.ParseInt(value, 10, 64)
		case "params":
			s.ParamsKnown = true
			for p := range strings.SplitSeq(value, ",") {
				p = strings.ReplaceAll(p, ";", ",")
				s.Params = append(s.Params, detect.Param{Value: p, Null: p == "NULL", Unknown: p == "?"})
			}
		case "class":
			s.Class = value
		case "command":
			s.Command = value
		case "stmt":
			s.StmtID, err = strconv.ParseInt(value, 10, 64)
		case "text":
			s.Kind = detect.StatementText
		case "error":
			s.Kind, s.SQLState = detect.StatementError, value
		case "twin":
			s.Kind = detect.StatementTwin
		case "previous":
			s.Previous = true
		case "object":
			s.Object = value
		case "route":
			s.Route = value
		default:
			return nil, fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return nil, err
		}
	}
	if kind == "set" {
		s.Kind, s.Settings = detect.StatementSetting, &set
	} else if set != (detect.Settings{RequestID: set.RequestID, TraceID: set.TraceID}) {
		return nil, fmt.Errorf("a role and claims are set by a set line")
	}
	return s, nil
}

// addTo takes an indented line.
func addTo(e *detect.Event, line string) error {
	if text, ok := strings.CutPrefix(line, "|"); ok {
		if e.Statement == nil {
			return fmt.Errorf("only a statement has text")
		}
		text = strings.TrimSpace(text)
		// Text of any length is written as (a long text of N bytes).
		if n, err := fmt.Sscanf(text, "(a long text of %d bytes)", new(int)); n == 1 && err == nil {
			var size int
			fmt.Sscanf(text, "(a long text of %d bytes)", &size)
			text = "select id from orders where id in (" + strings.Repeat("(select 1), ", size/12) + "1)"
		}
		e.Statement.SQL = strings.TrimSpace(e.Statement.SQL + " " + text)
		return nil
	}
	w := words(line)
	if e.Request == nil || len(w) < 2 {
		return fmt.Errorf("want row or count below a request")
	}
	switch w[0] {
	case "row":
		table, id, _ := strings.Cut(w[1], "/")
		rec := detect.Record{Table: table, ID: id}
		for _, word := range w[2:] {
			key, value, _ := strings.Cut(word, "=")
			column, isState := strings.CutPrefix(key, "state.")
			switch {
			case isState:
				rec.State = append(rec.State, detect.Pair{Name: column, Value: value})
			case key == "tenant":
				rec.Tenant = value
			case key == "cols":
				rec.Columns = strings.Split(value, ",")
			case key == "owner":
				rec.Owners = append(rec.Owners, detect.Owner{ID: value})
			default:
				rec.Owners = append(rec.Owners, detect.Owner{Column: key, ID: value})
			}
		}
		e.Request.Records = append(e.Request.Records, rec)
	case "count":
		if len(w) < 3 {
			return fmt.Errorf("want count TABLE ROWS")
		}
		c := detect.Count{Table: w[1], Rows: -1}
		if w[2] != "?" {
			rows, err := strconv.ParseInt(w[2], 10, 64)
			if err != nil {
				return err
			}
			c.Rows = rows
		}
		for _, word := range w[3:] {
			key, value, _ := strings.Cut(word, "=")
			if key == "cols" {
				c.Columns = strings.Split(value, ",")
				continue
			}
			c.Filter = append(c.Filter, detect.Filter{Column: key, Value: value})
		}
		e.Request.Counts = append(e.Request.Counts, c)
	default:
		return fmt.Errorf("unknown part %q", w[0])
	}
	return nil
}

func parseFact(kind string, w []string) (*detect.Fact, error) {
	f := &detect.Fact{Kind: detect.FactKind(kind)}
	for _, word := range w {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "table":
			f.Table = value
		case "record":
			f.Record = value
		case "column":
			f.Column = value
		case "user":
			f.User = value
		case "tenant":
			f.Tenant = value
		case "agent":
			f.Agent = value
		case "token":
			f.Token = value
		case "principal":
			f.Principal = value
		case "value":
			f.Value = value
		case "cols":
			f.Columns = strings.Split(value, ",")
		case "from":
			f.ValidFrom, err = clockTime(value)
		case "to":
			f.ValidTo, err = clockTime(value)
		case "retract":
			f.Retract = true
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// detectStory runs the events through a Detector: first as they stand, the facts in one
// partition and all other lines in another; with shuffle, spread over three partitions
// besides those of the facts, read in any interleaving.
func detectStory(t *testing.T, policy *detect.Policy, events []storyEvent, shuffle *rand.Rand) detect.Output {
	t.Helper()
	const lines = 3
	queues := make([][]detect.Event, 1+lines)
	for i := range events {
		e := events[i].event
		at := 1
		switch {
		case e.Kind == detect.KindFact:
			at = 0
		case shuffle != nil:
			at = 1 + shuffle.IntN(lines)
		}
		queues[at] = append(queues[at], e)
	}
	if shuffle != nil {
		facts := queues[0]
		shuffle.Shuffle(len(facts), func(i, k int) { facts[i], facts[k] = facts[k], facts[i] })
	}
	d := join.New(policy, join.Options{})
	parts := make([]join.Part, len(queues))
	left := 0
	for i := range queues {
		slices.SortStableFunc(queues[i], func(a, b detect.Event) int { return cmp.Compare(a.Time, b.Time) })
		parts[i] = d.Open(join.Start{Source: "story", Partition: int32(i), Facts: i == 0})
		left += len(queues[i])
	}
	at := make([]int, len(queues))
	for next := 0; left > 0; left-- {
		if shuffle != nil {
			next = shuffle.IntN(len(queues))
		}
		for at[next] == len(queues[next]) {
			next = (next + 1) % len(queues)
		}
		e := queues[next][at[next]]
		e.Origin = detect.Origin{Source: "story", Partition: int32(next), Offset: int64(at[next])}
		at[next]++
		d.Observe(parts[next], &e)
	}
	for _, part := range parts {
		d.End(part)
	}
	var out detect.Output
	d.Take(&out)
	for _, f := range out.Failures {
		t.Errorf("%s failed: %s\n%s", f.Rule, f.Cause, f.Stack)
	}
	return out
}
