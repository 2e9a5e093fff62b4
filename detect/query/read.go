package query

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/oliphant/ast"
)

// output is one column of a result.
type output struct {
	name   string   // empty if the text does not tell it
	star   bool     // all columns of the instances in uses, under their own names
	values []column // columns that it is a plain copy of
	uses   []column // columns whose data it shows
}

// env holds the WITH clauses in sight, the nearest first.
type env struct {
	cte  *cte
	next *env
}

type cte struct {
	name    string
	columns []string
	query   *ast.Node
	env     *env // what its own text sees
	scope   *scope
	reading bool
	used    bool
	writes  bool
	outputs []output // of a writing clause, which is read once
}

func (e *env) find(name string) *cte {
	for ; e != nil; e = e.next {
		if e.cte.name == name {
			return e.cte
		}
	}
	return nil
}

// scope is what the names of an expression can mean.
type scope struct {
	sources []source
	shared  []string // columns of USING, which have one meaning in several sources
	parent  *scope
	env     *env
}

// source is one item of a FROM clause.
type source struct {
	name    string
	schema  string // of a relation without an alias
	base    int    // instance; -1 for all else
	outputs []output
	opaque  bool // its columns cannot be named
}

// query reads a statement that gives rows: what it reads is added to r, what it
// gives is returned. Each row that it gives comes with a row of its instances, and
// that is true of the instances in holds.
func (r *reader) query(node *ast.Node, e *env, parent *scope, holds *span) []output {
	r.spend(0)
	switch n := node.GetNode().(type) {
	case *ast.Node_SelectStmt:
		return r.selectStatement(n.SelectStmt, e, parent, holds)
	case *ast.Node_InsertStmt:
		return r.insert(n.InsertStmt, e, parent)
	case *ast.Node_UpdateStmt:
		return r.update(n.UpdateStmt, e, parent, holds)
	case *ast.Node_DeleteStmt:
		return r.delete(n.DeleteStmt, e, parent, holds)
	case *ast.Node_MergeStmt:
		return r.merge(n.MergeStmt, e, parent)
	}
	return nil
}

// within reads a query as part of a predicate: nothing of it comes back.
func (r *reader) within(node *ast.Node, e *env, parent *scope) {
	before := r.testing
	r.testing = false
	r.inPredicate++
	s := r.open()
	r.query(node, e, parent, s)
	r.close(s)
	r.inPredicate--
	r.testing = before
}

func (r *reader) selectStatement(s *ast.SelectStmt, e *env, parent *scope, holds *span) []output {
	r.spend(0)
	e, clauses := r.with(s.GetWithClause(), e, parent)
	defer r.readUnused(clauses)
	if s.GetOp() > ast.SetOperation_SETOP_NONE {
		return r.setOperation(s, e, parent)
	}
	r.level++
	defer func() { r.level-- }()

	sc := &scope{parent: parent, env: e}
	before := len(r.instances)
	for _, item := range s.GetFromClause() {
		r.from(item, sc, holds)
	}
	tableless := len(r.instances) == before
	r.predicate(s.GetWhereClause(), sc, holds)
	folds := len(s.GetGroupClause()) == 0 && r.level == 1
	var outputs []output
	for _, row := range s.GetValuesLists() {
		for _, value := range row.GetList().GetItems() {
			outputs = append(outputs, output{uses: r.uses(value, sc, false)})
		}
	}
	outputs = append(outputs, r.targets(s.GetTargetList(), sc, folds)...)
	if tableless && r.inPredicate == 0 {
		for _, target := range s.GetTargetList() {
			r.call(called(target.GetResTarget().GetVal()))
		}
	}
	for _, list := range [][]*ast.Node{s.GetGroupClause(), s.GetWindowClause(), s.GetSortClause(), s.GetDistinctClause(), {s.GetHavingClause(), s.GetLimitCount(), s.GetLimitOffset()}} {
		for _, n := range list {
			r.inspect(n, sc)
		}
	}
	return outputs
}

// called finds the function whose result is an output, behind casts and (f()).*.
func called(node *ast.Node) *ast.FuncCall {
	for {
		switch n := node.GetNode().(type) {
		case *ast.Node_FuncCall:
			return n.FuncCall
		case *ast.Node_TypeCast:
			node = n.TypeCast.GetArg()
		case *ast.Node_AIndirection:
			node = n.AIndirection.GetArg()
		default:
			return nil
		}
	}
}

// setOperation reads UNION, INTERSECT and EXCEPT. A row comes from one of the two
// sides, so what holds on one side says nothing of the other.
func (r *reader) setOperation(s *ast.SelectStmt, e *env, parent *scope) []output {
	first := r.open()
	left := r.selectStatement(s.GetLarg(), e, parent, first)
	r.close(first)
	holds := r.open()
	if s.GetOp() == ast.SetOperation_SETOP_EXCEPT {
		r.inPredicate++
	}
	right := r.selectStatement(s.GetRarg(), e, parent, holds)
	r.close(holds)
	if s.GetOp() == ast.SetOperation_SETOP_EXCEPT {
		r.inPredicate--
		return left
	}
	if s.GetOp() == ast.SetOperation_SETOP_UNION {
		r.oneOfTwo(first, holds)
	}
	r.spend(len(left) + len(right))
	byPlace := len(left) == len(right)
	for i := range left {
		byPlace = byPlace && !left[i].star && !right[i].star
	}
	if !byPlace {
		out := slices.Clone(left)
		for _, o := range right {
			out = append(out, output{uses: o.uses})
		}
		return out
	}
	out := make([]output, len(left))
	for i := range left {
		out[i] = output{
			name:   left[i].name,
			values: r.join(left[i].values, right[i].values),
			uses:   r.join(left[i].uses, right[i].uses),
		}
	}
	return out
}

// oneOfTwo marks what one side of a UNION reads and the other does not.
func (r *reader) oneOfTwo(left, right *span) {
	for _, sides := range [2][2]*span{{left, right}, {right, left}} {
		names := make(map[string]bool)
		for i := sides[1].lo; i < sides[1].hi; i++ {
			names[r.instances[i].name] = true
		}
		for i := sides[0].lo; i < sides[0].hi; i++ {
			if !names[r.instances[i].name] {
				r.instances[i].optional = sides[0]
			}
		}
	}
}

// with puts the clauses of a WITH in sight. A writing clause is read at once,
// because the database runs it whether or not it is named; a reading one is read
// where it is named, so that what holds there holds for it.
func (r *reader) with(w *ast.WithClause, e *env, parent *scope) (*env, []*cte) {
	var clauses []*cte
	for _, node := range w.GetCtes() {
		n := node.GetCommonTableExpr()
		c := &cte{name: n.GetCtename(), columns: texts(n.GetAliascolnames()), query: n.GetCtequery(), env: e, scope: parent}
		if r.level == 0 && c.name == "pgrst_source" {
			r.folded = true
		}
		e = &env{cte: c, next: e}
		clauses = append(clauses, c)
	}
	for _, c := range clauses {
		if w.GetRecursive() {
			c.env = e
		}
		switch c.query.GetNode().(type) {
		case *ast.Node_InsertStmt:
			r.write(c, VerbInsert)
		case *ast.Node_UpdateStmt, *ast.Node_MergeStmt:
			r.write(c, VerbUpdate)
		case *ast.Node_DeleteStmt:
			r.write(c, VerbDelete)
		}
	}
	return e, clauses
}

func (r *reader) write(c *cte, verb Verb) {
	if r.writes == VerbOther {
		r.writes = verb
	}
	holds := r.open()
	c.reading = true
	c.outputs = r.query(c.query, c.env, c.scope, holds)
	c.reading = false
	r.close(holds)
	c.writes = true
}

// readUnused reads the clauses that the statement never named: the database checks
// them, and audits them, but gives nothing of them.
func (r *reader) readUnused(clauses []*cte) {
	for _, c := range clauses {
		if !c.used && !c.writes {
			c.reading = true
			r.within(c.query, c.env, c.scope)
			c.reading = false
		}
	}
}

// from adds one item of a FROM clause to the scope.
func (r *reader) from(node *ast.Node, sc *scope, holds *span) {
	r.spend(0)
	switch n := node.GetNode().(type) {
	case *ast.Node_RangeVar:
		sc.sources = append(sc.sources, r.rangeVar(n.RangeVar, sc, holds))
	case *ast.Node_RangeSubselect:
		outputs := r.query(n.RangeSubselect.GetSubquery(), sc.env, sc, holds)
		sc.sources = append(sc.sources, derived(n.RangeSubselect.GetAlias(), outputs))
	case *ast.Node_RangeFunction:
		sc.sources = append(sc.sources, r.rangeFunction(n.RangeFunction, sc))
	case *ast.Node_JoinExpr:
		r.joinItems(n.JoinExpr, sc, holds)
	case *ast.Node_RangeTableSample:
		r.from(n.RangeTableSample.GetRelation(), sc, holds)
	case *ast.Node_RangeTableFunc:
		sc.sources = append(sc.sources, source{name: n.RangeTableFunc.GetAlias().GetAliasname(), base: -1, opaque: true, outputs: []output{{uses: r.uses(node, sc, false)}}})
	case *ast.Node_JsonTable:
		sc.sources = append(sc.sources, source{name: n.JsonTable.GetAlias().GetAliasname(), base: -1, opaque: true, outputs: []output{{uses: r.uses(node, sc, false)}}})
	}
}

// derived makes a source of a query's outputs under an alias.
func derived(alias *ast.Alias, outputs []output) source {
	return source{name: alias.GetAliasname(), base: -1}.renamed(texts(alias.GetColnames()), outputs)
}

// renamed gives the source its outputs, the first of them under new names.
func (s source) renamed(names []string, outputs []output) source {
	s.outputs = outputs
	if len(names) == 0 {
		return s
	}
	s.outputs = slices.Clone(outputs)
	for i := range s.outputs {
		switch {
		case s.outputs[i].star:
			s.opaque = true // the names fall on columns that the text does not list
			return s
		case i < len(names):
			s.outputs[i].name = names[i]
		}
	}
	return s
}

func (r *reader) rangeVar(v *ast.RangeVar, sc *scope, holds *span) source {
	name := v.GetRelname()
	alias := v.GetAlias()
	if alias != nil {
		name = alias.GetAliasname()
	}
	if v.GetSchemaname() == "" {
		if c := sc.env.find(v.GetRelname()); c != nil {
			return r.clause(c, name, alias, holds)
		}
	}
	in := r.relation(v)
	in.opaque = len(alias.GetColnames()) > 0
	s := source{name: name, base: len(r.instances) - 1}
	if alias == nil {
		s.schema = v.GetSchemaname()
	}
	return s
}

// clause makes a source of a WITH clause that the text names.
func (r *reader) clause(c *cte, name string, alias *ast.Alias, holds *span) source {
	s := source{name: name, base: -1}
	switch {
	case c.reading: // the clause names itself
		s.opaque = true
		return s
	case c.writes:
		outputs := c.outputs
		if c.used {
			// Named twice: what holds of one does not hold of the other.
			outputs = slices.Clone(outputs)
			for i := range outputs {
				outputs[i].values = nil
			}
		}
		c.used = true
		return s.renamed(c.columns, outputs).again(alias)
	}
	c.used = true
	c.reading = true
	outputs := r.query(c.query, c.env, c.scope, holds)
	c.reading = false
	return s.renamed(c.columns, outputs).again(alias)
}

// again renames the columns of a source by the alias under which it is named.
func (s source) again(alias *ast.Alias) source {
	return s.renamed(texts(alias.GetColnames()), s.outputs)
}

func (r *reader) rangeFunction(f *ast.RangeFunction, sc *scope) source {
	s := source{name: f.GetAlias().GetAliasname(), base: -1, opaque: true}
	var uses []column
	for _, item := range f.GetFunctions() {
		call := item.GetList().GetItems()[0]
		if fn := call.GetFuncCall(); fn != nil {
			r.call(fn)
			if names := texts(fn.GetFuncname()); s.name == "" && len(names) > 0 {
				s.name = names[len(names)-1]
			}
			uses = r.join(uses, r.arguments(fn, sc, false))
			continue
		}
		uses = r.join(uses, r.uses(call, sc, false))
	}
	s.outputs = []output{{uses: uses}}
	return s
}

// joinItems reads a join. On the side that a join may fill with NULL, the ON
// condition holds for each row that comes back; on the other side it does not.
func (r *reader) joinItems(j *ast.JoinExpr, sc *scope, holds *span) {
	left, right, on := holds, holds, holds
	switch j.GetJointype() {
	case ast.JoinType_JOIN_LEFT:
		right = nil
	case ast.JoinType_JOIN_RIGHT:
		left = nil
	case ast.JoinType_JOIN_FULL:
		left, right, on = nil, nil, &span{}
	}
	first := len(sc.sources)
	on = r.side(j.GetLarg(), sc, left, on)
	middle := len(sc.sources)
	on = r.side(j.GetRarg(), sc, right, on)
	for _, name := range texts(j.GetUsingClause()) {
		sc.shared = append(sc.shared, name)
		a := r.among(sc.sources[first:middle], name)
		b := r.among(sc.sources[middle:], name)
		r.equal(a, b, on)
	}
	r.predicate(j.GetQuals(), sc, on)
}

// side reads one side of a join. Without a span of its own to hold in, the side
// gets one, and the join's condition holds in it too, unless it holds nowhere.
func (r *reader) side(node *ast.Node, sc *scope, holds, on *span) *span {
	if holds != nil {
		r.from(node, sc, holds)
		return on
	}
	own := r.open()
	r.from(node, sc, own)
	r.close(own)
	r.optional(own)
	if on.hi == 0 {
		return on
	}
	return own
}

// targets reads a list of outputs. Folds tells that an aggregate here makes one row
// of all.
func (r *reader) targets(list []*ast.Node, sc *scope, folds bool) []output {
	var outputs []output
	for _, node := range list {
		target := node.GetResTarget()
		value := target.GetVal()
		if ref := value.GetColumnRef(); ref != nil {
			if names, star := fields(ref); star {
				outputs = append(outputs, r.expand(names, sc)...)
				r.spend(len(outputs))
				continue
			}
		}
		o := output{name: target.GetName(), values: r.copied(value, sc), uses: r.uses(value, sc, folds)}
		if o.name == "" {
			o.name = columnName(value)
		}
		outputs = append(outputs, o)
	}
	return outputs
}

// expand gives the outputs of * and t.*.
func (r *reader) expand(names []string, sc *scope) []output {
	if len(names) == 0 {
		var outputs []output
		for i := range sc.sources {
			outputs = append(outputs, r.all(&sc.sources[i])...)
		}
		return outputs
	}
	if s := sc.source(names); s != nil {
		return r.all(s)
	}
	return []output{{uses: r.unknown(sc)}}
}

// all gives every output of a source.
func (r *reader) all(s *source) []output {
	if s.base >= 0 {
		return []output{{star: true, uses: []column{{s.base, "*"}}}}
	}
	return s.outputs
}

// columnName is the name that Postgres gives an output without one, where it is
// needed to follow it.
func columnName(node *ast.Node) string {
	switch n := node.GetNode().(type) {
	case *ast.Node_ColumnRef:
		if names, _ := fields(n.ColumnRef); len(names) > 0 {
			return names[len(names)-1]
		}
	case *ast.Node_FuncCall:
		if names := texts(n.FuncCall.GetFuncname()); len(names) > 0 {
			return names[len(names)-1]
		}
	case *ast.Node_TypeCast:
		return columnName(n.TypeCast.GetArg())
	case *ast.Node_CollateClause:
		return columnName(n.CollateClause.GetArg())
	case *ast.Node_CoalesceExpr:
		return "coalesce"
	}
	return ""
}

// fields gives the names of a column reference, and whether it ends in a star.
func fields(ref *ast.ColumnRef) (names []string, star bool) {
	list := ref.GetFields()
	if n := len(list); n > 0 && list[n-1].GetAStar() != nil {
		return texts(list[:n-1]), true
	}
	return texts(list), false
}

// join unites two sets of columns.
func (r *reader) join(a, b []column) []column {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	out := slices.Clone(a)
	for _, c := range b {
		r.spend(len(out) / 16)
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// call notes a function that gives rows or an only output.
func (r *reader) call(f *ast.FuncCall) {
	names := texts(f.GetFuncname())
	if len(names) == 0 || builtin(names) {
		return
	}
	schema := ""
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	if name := canonicalParts(schema, names[len(names)-1]); !slices.Contains(r.functions, name) {
		r.functions = append(r.functions, name)
	}
}

// builtin knows the functions of Postgres itself that applications call for an only
// output or in FROM. A function that it does not know is named in the plan, which
// costs a line in the coverage report and nothing else.
func builtin(names []string) bool {
	name := names[len(names)-1]
	if len(names) > 1 {
		return names[len(names)-2] == "pg_catalog"
	}
	switch name {
	case "set_config", "current_setting", "now", "version", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "txid_current",
		"unnest", "generate_series", "generate_subscripts", "nextval", "currval", "lastval", "setval", "gen_random_uuid",
		"coalesce", "nullif", "greatest", "least", "array_length", "string_to_array", "regexp_split_to_table", "regexp_matches", "string_to_table",
		"has_table_privilege", "has_schema_privilege", "to_regclass", "row_to_json", "to_json", "to_jsonb", "count", "concat", "format", "lower", "upper", "md5":
		return true
	}
	return strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "json_") || strings.HasPrefix(name, "jsonb_")
}
