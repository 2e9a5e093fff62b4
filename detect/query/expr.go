package query

import (
	"reflect"
	"slices"

	"github.com/sqlc-dev/oliphant/ast"
)

// source finds what the names before a column or star mean: t, or s.t.
func (sc *scope) source(names []string) *source {
	name, schema := names[len(names)-1], ""
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	for ; sc != nil; sc = sc.parent {
		for i := range sc.sources {
			s := &sc.sources[i]
			if s.name == name && (schema == "" || s.schema == schema || s.schema == "" && s.base >= 0) {
				return s
			}
		}
	}
	return nil
}

// meaning is what a column reference stands for.
type meaning struct {
	values []column
	uses   []column
}

// lookup finds a column in one source. Certain tells that the source has it;
// otherwise it may have.
func (r *reader) lookup(s *source, name string) (m meaning, certain, possible bool) {
	if s.base >= 0 {
		c := column{s.base, name}
		if r.instances[s.base].opaque {
			return meaning{uses: []column{{s.base, ""}}}, false, true
		}
		return meaning{values: []column{c}, uses: []column{c}}, false, true
	}
	if !s.opaque {
		for _, o := range s.outputs {
			if !o.star && o.name == name {
				return meaning{values: o.values, uses: o.uses}, true, true
			}
		}
	}
	possible = s.opaque
	for _, o := range s.outputs {
		switch {
		case o.star && !s.opaque:
			for _, u := range o.uses {
				c := column{u.instance, name}
				m.values = append(m.values, c)
				m.uses = append(m.uses, c)
			}
			possible = true
		case o.star:
			for _, u := range o.uses {
				m.uses = r.join(m.uses, []column{{u.instance, ""}})
			}
		case s.opaque || o.name == "":
			m.uses = r.join(m.uses, o.uses)
			possible = true
		}
	}
	return m, false, possible
}

// among finds a column that one of several sources must have.
func (r *reader) among(sources []source, name string) []column {
	var columns []column
	for i := range sources {
		m, certain, _ := r.lookup(&sources[i], name)
		if certain {
			return m.values
		}
		columns = append(columns, m.values...)
	}
	return columns
}

// resolve finds what a column reference means.
func (r *reader) resolve(ref *ast.ColumnRef, sc *scope) meaning {
	r.spend(0)
	names, star := fields(ref)
	switch {
	case len(names) == 0:
		return meaning{uses: r.everything(sc)}
	case star:
		if s := sc.source(names); s != nil {
			return meaning{uses: r.whole(s)}
		}
		return meaning{uses: r.unknown(sc)}
	case len(names) > 1:
		if s := sc.source(names[:len(names)-1]); s != nil {
			m, _, _ := r.lookup(s, names[len(names)-1])
			return m
		}
		if s := sc.source(names[:1]); s != nil { // a field of a composite column
			m, _, _ := r.lookup(s, names[1])
			return meaning{uses: m.uses}
		}
		return meaning{uses: r.unknown(sc)}
	}
	return r.resolveBare(names[0], sc)
}

// resolveBare finds what a name without a table means: a column that a source is
// known to have, else the whole row of a source of that name, else a column of the
// sources that may have it, in the nearest scope that has any.
func (r *reader) resolveBare(name string, sc *scope) meaning {
	for ; sc != nil; sc = sc.parent {
		var sure, maybe []meaning
		for i := range sc.sources {
			m, certain, possible := r.lookup(&sc.sources[i], name)
			if certain {
				sure = append(sure, m)
			} else if possible {
				maybe = append(maybe, m)
			}
		}
		if len(sure) > 0 {
			return r.united(sure, false)
		}
		for i := range sc.sources {
			if sc.sources[i].name == name {
				return meaning{uses: r.whole(&sc.sources[i])}
			}
		}
		if len(maybe) > 0 {
			return r.united(maybe, len(maybe) > 1 && !slices.Contains(sc.shared, name))
		}
	}
	return meaning{}
}

// united puts several meanings together. Doubtful tells that only one of them
// holds, so that no column can be said to come back.
func (r *reader) united(all []meaning, doubtful bool) meaning {
	if len(all) == 1 {
		return all[0]
	}
	var m meaning
	for _, one := range all {
		m.values = r.join(m.values, one.values)
		uses := one.uses
		if doubtful {
			uses = unnamed(uses)
		}
		m.uses = r.join(m.uses, uses)
	}
	return m
}

func unnamed(columns []column) []column {
	out := make([]column, len(columns))
	for i, c := range columns {
		out[i] = column{c.instance, ""}
	}
	return out
}

// whole is the data of all columns of a source.
func (r *reader) whole(s *source) []column {
	var uses []column
	for _, o := range r.all(s) {
		uses = r.join(uses, o.uses)
	}
	return uses
}

func (r *reader) everything(sc *scope) []column {
	var uses []column
	for i := range sc.sources {
		uses = r.join(uses, r.whole(&sc.sources[i]))
	}
	return uses
}

// unknown is what a reference may show whose table cannot be told: some column of
// each source in sight.
func (r *reader) unknown(sc *scope) []column { return unnamed(r.everything(sc)) }

// copied gives the columns that an expression is a plain copy of.
func (r *reader) copied(node *ast.Node, sc *scope) []column {
	for {
		switch n := node.GetNode().(type) {
		case *ast.Node_ColumnRef:
			return r.resolve(n.ColumnRef, sc).values
		case *ast.Node_CollateClause:
			node = n.CollateClause.GetArg()
		case *ast.Node_TypeCast:
			if !keepsIdentity(n.TypeCast.GetTypeName()) {
				return nil
			}
			node = n.TypeCast.GetArg()
		default:
			return nil
		}
	}
}

// keepsIdentity knows the types to which an id is cast without becoming another.
func keepsIdentity(t *ast.TypeName) bool {
	names := texts(t.GetNames())
	if len(names) == 0 || len(t.GetArrayBounds()) > 0 || len(t.GetTypmods()) > 0 {
		return false
	}
	switch names[len(names)-1] {
	case "text", "varchar", "uuid", "citext", "int8", "int4", "bigint", "integer", "numeric":
		return true
	}
	return false
}

// uses gives the columns whose data an expression shows. Folds tells that an
// aggregate in it makes one row of all.
func (r *reader) uses(node *ast.Node, sc *scope, folds bool) []column {
	if node == nil {
		return nil
	}
	r.spend(0)
	var out []column
	each := func(nodes ...*ast.Node) []column {
		for _, n := range nodes {
			out = r.join(out, r.uses(n, sc, folds))
		}
		return out
	}
	switch n := node.GetNode().(type) {
	case *ast.Node_ColumnRef:
		return r.resolve(n.ColumnRef, sc).uses
	case *ast.Node_AConst, *ast.Node_ParamRef, *ast.Node_SqlvalueFunction, nil:
		return nil
	case *ast.Node_TypeCast:
		return each(n.TypeCast.GetArg())
	case *ast.Node_FuncCall:
		return r.function(n.FuncCall, sc, folds)
	case *ast.Node_SubLink:
		return r.subLink(n.SubLink, sc)
	case *ast.Node_CaseExpr:
		r.inspect(n.CaseExpr.GetArg(), sc)
		for _, when := range n.CaseExpr.GetArgs() {
			r.inspect(when.GetCaseWhen().GetExpr(), sc)
			each(when.GetCaseWhen().GetResult())
		}
		return each(n.CaseExpr.GetDefresult())
	case *ast.Node_AExpr:
		return each(n.AExpr.GetLexpr(), n.AExpr.GetRexpr())
	case *ast.Node_BoolExpr:
		return each(n.BoolExpr.GetArgs()...)
	case *ast.Node_CoalesceExpr:
		return each(n.CoalesceExpr.GetArgs()...)
	case *ast.Node_AArrayExpr:
		return each(n.AArrayExpr.GetElements()...)
	case *ast.Node_RowExpr:
		return each(n.RowExpr.GetArgs()...)
	case *ast.Node_List:
		return each(n.List.GetItems()...)
	case *ast.Node_NamedArgExpr:
		return each(n.NamedArgExpr.GetArg())
	case *ast.Node_NullTest:
		return each(n.NullTest.GetArg())
	}
	eachChild(node, func(child *ast.Node) { each(child) })
	return out
}

// function reads a call among the outputs.
func (r *reader) function(f *ast.FuncCall, sc *scope, folds bool) []column {
	r.inspect(f.GetAggFilter(), sc)
	for _, order := range f.GetAggOrder() {
		r.inspect(order, sc)
	}
	for _, node := range f.GetOver().GetPartitionClause() {
		r.inspect(node, sc)
	}
	for _, node := range f.GetOver().GetOrderClause() {
		r.inspect(node, sc)
	}
	names := texts(f.GetFuncname())
	name := ""
	if len(names) > 0 {
		name = names[len(names)-1]
	}
	switch kindOf(name) {
	case counting:
		if f.GetOver() == nil && r.inPredicate == 0 {
			r.aggregates++
		}
		for _, arg := range f.GetArgs() {
			r.inspect(arg, sc)
		}
		return nil
	case folding:
		if f.GetOver() == nil && folds {
			r.folded = true
		}
	}
	return r.arguments(f, sc, folds)
}

func (r *reader) arguments(f *ast.FuncCall, sc *scope, folds bool) []column {
	var out []column
	for _, arg := range f.GetArgs() {
		out = r.join(out, r.uses(arg, sc, folds))
	}
	return out
}

type aggregateKind uint8

const (
	plain    aggregateKind = iota
	counting               // shows no row
	folding                // shows all rows in one
)

func kindOf(function string) aggregateKind {
	switch function {
	case "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp",
		"bit_and", "bit_or", "corr", "percentile_cont", "percentile_disc", "mode", "regr_slope":
		return counting
	case "json_agg", "jsonb_agg", "array_agg", "string_agg", "xmlagg", "json_object_agg", "jsonb_object_agg", "json_agg_strict", "jsonb_agg_strict":
		return folding
	}
	return plain
}

// subLink reads a query inside an expression of the outputs. Its rows come back
// unless it only answers yes or no.
func (r *reader) subLink(s *ast.SubLink, sc *scope) []column {
	switch s.GetSubLinkType() {
	case ast.SubLinkType_EXPR_SUBLINK, ast.SubLinkType_ARRAY_SUBLINK, ast.SubLinkType_MULTIEXPR_SUBLINK:
	default:
		r.inspect(s.GetTestexpr(), sc)
		r.within(s.GetSubselect(), sc.environment(), sc)
		return nil
	}
	holds := r.open()
	outputs := r.query(s.GetSubselect(), sc.environment(), sc, holds)
	r.close(holds)
	r.optional(holds)
	var uses []column
	for _, o := range outputs {
		uses = r.join(uses, o.uses)
	}
	return uses
}

func (sc *scope) environment() *env {
	if sc == nil {
		return nil
	}
	return sc.env
}

// inspect reads an expression that decides or orders, and shows nothing: its
// queries are part of a predicate, and so are its columns while r.testing is set.
func (r *reader) inspect(node *ast.Node, sc *scope) {
	if node == nil {
		return
	}
	r.spend(0)
	switch n := node.GetNode().(type) {
	case *ast.Node_ColumnRef:
		if !r.testing {
			return
		}
		for _, c := range r.resolve(n.ColumnRef, sc).uses {
			in := &r.instances[c.instance]
			if c.name != "" && c.name != "*" && !slices.Contains(in.tested, c.name) {
				in.tested = append(in.tested, c.name)
			}
		}
	case *ast.Node_AConst, *ast.Node_ParamRef, nil:
	case *ast.Node_AExpr:
		r.inspect(n.AExpr.GetLexpr(), sc)
		r.inspect(n.AExpr.GetRexpr(), sc)
	case *ast.Node_TypeCast:
		r.inspect(n.TypeCast.GetArg(), sc)
	case *ast.Node_BoolExpr:
		for _, arg := range n.BoolExpr.GetArgs() {
			r.inspect(arg, sc)
		}
	case *ast.Node_SubLink:
		r.inspect(n.SubLink.GetTestexpr(), sc)
		r.within(n.SubLink.GetSubselect(), sc.environment(), sc)
	default:
		eachChild(node, func(child *ast.Node) { r.inspect(child, sc) })
	}
}

// eachChild gives the nodes directly below a node, whatever its type.
func eachChild(node *ast.Node, visit func(*ast.Node)) {
	if inner := node.GetNode(); inner != nil {
		nodesIn(reflect.ValueOf(inner), visit)
	}
}

// nodesIn finds the nodes nearest to v: the tree's types are structs of nodes, of
// lists of nodes, and of one another.
func nodesIn(v reflect.Value, visit func(*ast.Node)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if node, ok := v.Interface().(*ast.Node); ok {
			visit(node)
			return
		}
		nodesIn(v.Elem(), visit)
	case reflect.Slice:
		if kind := v.Type().Elem().Kind(); kind != reflect.Pointer && kind != reflect.Interface {
			return
		}
		for i := range v.Len() {
			nodesIn(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				nodesIn(v.Field(i), visit)
			}
		}
	}
}
