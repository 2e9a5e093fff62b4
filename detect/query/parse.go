package query

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/sqlc-dev/oliphant/ast"
	"github.com/sqlc-dev/oliphant/parser"
)

// maxSteps bounds the work that one tree may cost. A text of MaxText bytes needs
// fewer, unless its WITH clauses or stars multiply one another.
const maxSteps = 1 << 15

// exhausted is what reader.spend panics with; parse turns it into a reason.
type exhausted struct{}

// parse reads a normalised text. Constants stand in the parsed text as values of
// their kind that no grammar refuses, so that a plan, and a failure too, depends on
// the normalised text alone: one statement with a broken constant cannot make the
// cache refuse all others like it.
func parse(normal []byte) (plan *Plan, reason string) {
	defer func() {
		switch recover().(type) {
		case nil:
		case exhausted:
			plan, reason = nil, ReasonTooDeep
		default: // the parser met something it cannot handle
			plan, reason = nil, ReasonUnparsable
		}
	}()
	text, places := readable(normal)
	tree, err := parser.ParseToTree(text)
	if err != nil {
		return nil, ReasonUnparsable
	}
	r := reader{places: places}
	for _, raw := range tree.GetStmts() {
		r.statement(raw.GetStmt())
	}
	plan = r.plan()
	plan.Multi = len(tree.GetStmts()) > 1
	plan.Prepares = len(tree.GetStmts()) == 1 && tree.GetStmts()[0].GetStmt().GetPrepareStmt() != nil
	h := fnv.New64a()
	_, _ = h.Write(normal)
	plan.Fingerprint = h.Sum64()
	return plan, ""
}

// readable puts a constant of each kind where the normalised text has a mark, and
// gives the offsets of all of them.
func readable(normal []byte) (text string, places []int32) {
	var b strings.Builder
	b.Grow(len(normal) + 16)
	for i := 0; i < len(normal); i++ {
		if normal[i] != mark {
			b.WriteByte(normal[i])
			continue
		}
		i++
		places = append(places, int32(b.Len()))
		switch normal[i] {
		case markString:
			b.WriteString("''")
		case markNumber:
			b.WriteString("1")
		default:
			b.WriteString("true")
		}
	}
	return b.String(), places
}

// reader gathers what the statements of one text read. A relation becomes one
// instance for each place in which the text names it; the plan puts those of one
// name together.
type reader struct {
	places    []int32
	instances []instance
	facts     []fact
	choices   []choice
	functions []string
	doors     []Door
	verb      Verb // of the first statement that has one
	writes    Verb // of the first writing WITH clause of the statement at hand
	steps     int
	choosing  int // work spent on choices

	testing     bool // inside WHERE or ON
	inPredicate int  // above 0 inside a query that shows nothing
	level       int  // nesting of selects
	statements  int  // statements that read or write
	explained   int  // how many of them are only explained
	keyChecks   int  // how many are foreign key checks
	aggregates  int  // count, sum and their like among the outputs
	folded      bool
	uncounted   bool
}

// instance is one place in which a relation is read or written.
type instance struct {
	name     string
	write    bool
	subquery bool
	optional *span // the widest part of the text that may give no row where the whole gives one
	opaque   bool  // its columns were given other names
	star     bool
	partial  bool // columns come back that cannot be named
	columns  []string
	tested   []string
	assigned []string // columns that an UPDATE sets: a filter on their old value tells nothing of the row that comes back
}

func (i *instance) returns() bool { return i.star || i.partial || len(i.columns) > 0 }

// column is one column of one instance. Its name is empty if the text does not
// tell it, and * for all.
type column struct {
	instance int
	name     string
}

// span is a range of instances. A fact holds for each row of an instance in its
// span that comes back.
type span struct{ lo, hi int }

func (s *span) has(i int) bool { return i >= s.lo && i < s.hi }

func always() *span { return &span{0, math.MaxInt} }

// open begins a span at the next instance; close ends it.
func (r *reader) open() *span { return &span{len(r.instances), math.MaxInt} }

func (r *reader) close(s *span) { s.hi = len(r.instances) }

// optional marks what was read in a span: the whole may give a row without one of it.
func (r *reader) optional(s *span) {
	r.spend(s.hi - s.lo)
	for i := s.lo; i < s.hi; i++ {
		r.instances[i].optional = s
	}
}

// comes says whether each row of the whole holds a row of instance i: nothing makes it
// optional, or a condition on the whole fails where its columns are NULL.
func (r *reader) comes(i int) bool {
	part := r.instances[i].optional
	if part == nil || len(r.facts)*len(r.instances) > maxClosure {
		return part == nil
	}
	return slices.ContainsFunc(r.facts, func(f fact) bool {
		names := f.left.instance == i || f.values == nil && f.right.instance == i
		return names && f.holds.lo <= part.lo && f.holds.hi >= part.hi && *f.holds != *part
	})
}

// fact is an equality of a column with values, or with another column.
type fact struct {
	holds  *span
	left   column
	right  column // if values is nil
	values []Value
	set    bool // by an UPDATE or INSERT, so it tells of the new row
}

func (r *reader) spend(n int) {
	if r.steps += n + 1; r.steps > maxSteps {
		panic(exhausted{})
	}
}

// statement reads one statement of the text.
func (r *reader) statement(node *ast.Node) {
	r.spend(0)
	r.writes = VerbOther
	verb := VerbOther
	reads := true
	switch n := node.GetNode().(type) {
	case *ast.Node_SelectStmt:
		verb = VerbSelect
		if isKeyCheck(n.SelectStmt) {
			r.keyChecks++
		}
		outputs := r.query(node, nil, nil, always())
		if n.SelectStmt.GetIntoClause() == nil {
			r.comeBack(outputs)
		} else {
			verb = VerbDDL
		}
	case *ast.Node_InsertStmt:
		verb = VerbInsert
		r.comeBack(r.query(node, nil, nil, always()))
	case *ast.Node_UpdateStmt, *ast.Node_MergeStmt:
		verb = VerbUpdate
		r.comeBack(r.query(node, nil, nil, always()))
	case *ast.Node_DeleteStmt:
		verb = VerbDelete
		r.comeBack(r.query(node, nil, nil, always()))
	case *ast.Node_CopyStmt:
		verb = VerbCopy
		r.copyStatement(n.CopyStmt)
	case *ast.Node_DeclareCursorStmt:
		verb, r.uncounted = VerbSelect, true
		r.comeBack(r.query(n.DeclareCursorStmt.GetQuery(), nil, nil, always()))
	case *ast.Node_PrepareStmt:
		// At EXECUTE pgaudit logs this text again, with the parameters.
		r.statement(n.PrepareStmt.GetQuery())
		return
	case *ast.Node_ExplainStmt:
		before := r.mark()
		r.statement(n.ExplainStmt.GetQuery())
		r.forget(before)
		r.explained++
		return
	case *ast.Node_CreateTableAsStmt:
		verb = VerbDDL
		r.query(n.CreateTableAsStmt.GetQuery(), nil, nil, always())
	case *ast.Node_TruncateStmt:
		verb = VerbDelete
		for _, relation := range n.TruncateStmt.GetRelations() {
			r.relation(relation.GetRangeVar()).write = true
		}
	case *ast.Node_CallStmt:
		r.call(n.CallStmt.GetFunccall())
		r.arguments(n.CallStmt.GetFunccall(), nil, false)
	case *ast.Node_FetchStmt:
		verb = VerbFetch
	default:
		reads = false
		verb = r.otherStatement(node)
	}
	if reads {
		r.statements++
	}
	if verb == VerbSelect && r.writes != VerbOther {
		verb = r.writes
	}
	if r.verb == VerbOther || (r.verb == VerbSet || r.verb == VerbTransaction) && verb != VerbOther {
		r.verb = verb
	}
}

// otherStatement takes the statements that read no rows.
func (r *reader) otherStatement(node *ast.Node) Verb {
	switch node.GetNode().(type) {
	case *ast.Node_VariableSetStmt, *ast.Node_VariableShowStmt, *ast.Node_DiscardStmt:
		return VerbSet
	case *ast.Node_TransactionStmt:
		return VerbTransaction
	case *ast.Node_ExecuteStmt, *ast.Node_DeallocateStmt, *ast.Node_ClosePortalStmt, *ast.Node_DoStmt,
		*ast.Node_ListenStmt, *ast.Node_UnlistenStmt, *ast.Node_NotifyStmt, *ast.Node_LockStmt,
		*ast.Node_VacuumStmt, *ast.Node_CheckPointStmt, *ast.Node_LoadStmt, *ast.Node_ConstraintsSetStmt:
		return VerbOther
	}
	r.doorsOf(node)
	return VerbDDL
}

// isKeyCheck knows the statement that Postgres runs for a foreign key:
// SELECT 1 FROM ONLY "s"."t" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x.
// A partitioned table is named without ONLY. It shows the client nothing.
func isKeyCheck(s *ast.SelectStmt) bool {
	if len(s.GetTargetList()) != 1 || len(s.GetFromClause()) != 1 || len(s.GetLockingClause()) != 1 || s.GetWhereClause() == nil {
		return false
	}
	relation := s.GetFromClause()[0].GetRangeVar()
	constant := s.GetTargetList()[0].GetResTarget().GetVal().GetAConst()
	strength := s.GetLockingClause()[0].GetLockingClause().GetStrength()
	return relation != nil && constant != nil && strength == ast.LockClauseStrength_LCS_FORKEYSHARE &&
		(!relation.GetInh() || relation.GetAlias().GetAliasname() == "x")
}

func (r *reader) copyStatement(c *ast.CopyStmt) {
	if c.GetQuery() != nil {
		r.comeBack(r.query(c.GetQuery(), nil, nil, always()))
		return
	}
	table := r.relation(c.GetRelation())
	r.uncounted = r.uncounted || !c.GetIsFrom()
	switch {
	case c.GetIsFrom():
		table.write = true
	case len(c.GetAttlist()) == 0:
		table.star = true
	default:
		table.columns = texts(c.GetAttlist())
	}
}

// relation adds an instance for a named relation.
func (r *reader) relation(v *ast.RangeVar) *instance {
	schema := v.GetSchemaname()
	if schema == "" && strings.HasPrefix(v.GetRelname(), "pg_") {
		schema = "pg_catalog" // searched before all others
	}
	r.instances = append(r.instances, instance{
		name:     canonicalParts(schema, v.GetRelname()),
		subquery: r.inPredicate > 0,
	})
	return &r.instances[len(r.instances)-1]
}

// comeBack notes that the data behind outputs goes to the client.
func (r *reader) comeBack(outputs []output) {
	for _, o := range outputs {
		for _, c := range o.uses {
			in := &r.instances[c.instance]
			switch {
			case c.name == "*":
				in.star = true
			case c.name == "":
				in.partial = true
			case !slices.Contains(in.columns, c.name):
				in.columns = append(in.columns, c.name)
			}
		}
	}
}

// readerMark is how much a reader held at one moment.
type readerMark struct{ instances, aggregates int }

func (r *reader) mark() readerMark { return readerMark{len(r.instances), r.aggregates} }

// forget takes back what came to the client since a mark.
func (r *reader) forget(m readerMark) {
	for i := m.instances; i < len(r.instances); i++ {
		in := &r.instances[i]
		in.star, in.partial, in.columns = false, false, nil
	}
	r.aggregates = m.aggregates
}

// texts gives the strings of a list of string nodes.
func texts(nodes []*ast.Node) []string {
	var out []string
	for _, n := range nodes {
		if s, ok := n.GetNode().(*ast.Node_String_); ok {
			out = append(out, s.String_.GetSval())
		}
	}
	return out
}
