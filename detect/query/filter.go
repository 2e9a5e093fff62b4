package query

import (
	"slices"

	"github.com/sqlc-dev/oliphant/ast"
)

// predicate reads a condition: what it tests, and the equalities that must hold
// for it to hold.
func (r *reader) predicate(node *ast.Node, sc *scope, holds *span) {
	if node == nil {
		return
	}
	before := r.testing
	r.testing = true
	r.inspect(node, sc)
	r.testing = before
	r.require(node, sc, holds)
}

// require notes the equalities that follow from a condition. It looks through AND;
// of those under an OR one must hold, and those under NOT need not.
func (r *reader) require(node *ast.Node, sc *scope, holds *span) {
	r.spend(0)
	if b := node.GetBoolExpr(); b != nil {
		switch b.GetBoolop() {
		case ast.BoolExprType_AND_EXPR:
			for _, arg := range b.GetArgs() {
				r.require(arg, sc, holds)
			}
		case ast.BoolExprType_OR_EXPR:
			r.anyOf(b.GetArgs(), sc, holds)
		}
		return
	}
	e := node.GetAExpr()
	if e == nil || !isEquals(e.GetName()) {
		return
	}
	left, right := e.GetLexpr(), e.GetRexpr()
	switch e.GetKind() {
	case ast.A_Expr_Kind_AEXPR_OP, ast.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		r.equality(left, right, sc, holds)
	case ast.A_Expr_Kind_AEXPR_IN:
		r.oneOf(left, right.GetList().GetItems(), sc, holds)
	case ast.A_Expr_Kind_AEXPR_OP_ANY:
		right = uncast(right)
		if list := right.GetAArrayExpr(); list != nil {
			r.oneOf(left, list.GetElements(), sc, holds)
			return
		}
		if v, ok := r.value(right); ok {
			v.Array = true
			r.bind(r.copied(left, sc), []Value{v}, holds)
		}
	}
}

// isEquals knows =, also as OPERATOR(pg_catalog.=). IS NOT DISTINCT FROM has it too.
func isEquals(name []*ast.Node) bool {
	names := texts(name)
	return len(names) > 0 && names[len(names)-1] == "=" && (len(names) == 1 || names[0] == "pg_catalog")
}

func (r *reader) equality(left, right *ast.Node, sc *scope, holds *span) {
	if a, b := left.GetRowExpr(), right.GetRowExpr(); a != nil && b != nil && len(a.GetArgs()) == len(b.GetArgs()) {
		for i := range a.GetArgs() {
			r.equality(a.GetArgs()[i], b.GetArgs()[i], sc, holds)
		}
		return
	}
	a, b := r.copied(left, sc), r.copied(right, sc)
	if len(a) > 0 && len(b) > 0 {
		r.equal(a, b, holds)
		return
	}
	if v, ok := r.value(right); ok {
		r.bind(a, []Value{v}, holds)
	} else if v, ok := r.value(left); ok {
		r.bind(b, []Value{v}, holds)
	}
}

// oneOf notes column IN (values), if all of them are values, and value IN (columns).
func (r *reader) oneOf(left *ast.Node, list []*ast.Node, sc *scope, holds *span) {
	values := make([]Value, 0, len(list))
	for _, item := range list {
		v, ok := r.value(item)
		if !ok {
			r.oneOfColumns(left, list, sc, holds)
			return
		}
		values = append(values, v)
	}
	if len(values) > 0 {
		r.bind(r.copied(left, sc), values, holds)
	}
}

// bind notes that each of the columns has one of the values.
func (r *reader) bind(columns []column, values []Value, holds *span) {
	for _, c := range columns {
		r.spend(0)
		r.facts = append(r.facts, fact{holds: holds, left: c, values: values})
	}
}

// equal notes that the columns on both sides are equal.
func (r *reader) equal(a, b []column, holds *span) {
	for _, x := range a {
		for _, y := range b {
			r.spend(0)
			r.facts = append(r.facts, fact{holds: holds, left: x, right: y})
		}
	}
}

func uncast(node *ast.Node) *ast.Node {
	for {
		switch n := node.GetNode().(type) {
		case *ast.Node_TypeCast:
			node = n.TypeCast.GetArg()
		case *ast.Node_CollateClause:
			node = n.CollateClause.GetArg()
		default:
			return node
		}
	}
}

// value finds where a parameter or constant stands.
func (r *reader) value(node *ast.Node) (Value, bool) {
	switch n := uncast(node).GetNode().(type) {
	case *ast.Node_ParamRef:
		if number := n.ParamRef.GetNumber(); number > 0 {
			return Value{Param: int(number)}, true
		}
	case *ast.Node_AConst:
		if i, ok := slices.BinarySearch(r.places, n.AConst.GetLocation()); ok && !n.AConst.GetIsnull() {
			return Value{Literal: i + 1}, true
		}
	}
	return Value{}, false
}

// maxClosure bounds facts times instances for which equalities are followed from
// column to column; beyond it only those with values count.
const maxClosure = 1 << 18

// filters gives, for each instance, the equalities with values that hold for its
// rows that come back: those of the text, and those that follow through equal
// columns; and the choices.
func (r *reader) filters() (filters [][]Filter, choices [][]Choice) {
	filters, choices = make([][]Filter, len(r.instances)), make([][]Choice, len(r.instances))
	if len(r.facts) == 0 && len(r.choices) == 0 {
		return filters, choices
	}
	follow := len(r.facts)*len(r.instances) <= maxClosure
	for i := range r.instances {
		filters[i] = r.filtersUnder(i, r.facts, follow)
		if len(r.choices) > 0 && follow {
			filters[i], choices[i] = r.choose(i, filters[i])
		}
	}
	return filters, choices
}

// filtersUnder gives the filters of one instance that follow from facts.
func (r *reader) filtersUnder(i int, facts []fact, follow bool) []Filter {
	classes := equalColumns{}
	var mine []column // columns of this instance that the facts name
	note := func(c column) {
		if c.instance == i && c.name != "" && !slices.Contains(mine, c) {
			mine = append(mine, c)
		}
	}
	relevant := false
	for _, f := range facts {
		if !f.holds.has(i) {
			continue
		}
		note(f.left)
		if f.values == nil {
			note(f.right)
			if follow {
				classes.unite(f.left, f.right)
			}
		}
		relevant = relevant || f.values != nil
	}
	if !relevant || len(mine) == 0 {
		return nil
	}
	var filters []Filter
	for _, f := range facts {
		if f.values == nil || !f.holds.has(i) {
			continue
		}
		class := classes.find(f.left)
		for _, c := range mine {
			if c != f.left && classes.find(c) != class {
				continue
			}
			if slices.Contains(r.instances[i].assigned, c.name) && !f.set {
				continue
			}
			filter := Filter{Column: c.name, Values: f.values}
			if !slices.ContainsFunc(filters, filter.equal) {
				filters = append(filters, filter)
			}
		}
	}
	return filters
}

func (f Filter) equal(g Filter) bool {
	return f.Column == g.Column && slices.Equal(f.Values, g.Values)
}

// equalColumns is a union-find over columns.
type equalColumns map[column]column

func (e equalColumns) find(c column) column {
	for {
		parent, ok := e[c]
		if !ok || parent == c {
			return c
		}
		if grand, ok := e[parent]; ok {
			e[c] = grand
		}
		c = parent
	}
}

func (e equalColumns) unite(a, b column) {
	if a, b := e.find(a), e.find(b); a != b {
		e[a] = b
	}
}
