package query

import "github.com/sqlc-dev/oliphant/ast"

// target adds the relation that a statement writes, as a source of its own scope.
func (r *reader) target(v *ast.RangeVar, sc *scope) int {
	r.relation(v).write = true
	s := source{name: v.GetRelname(), base: len(r.instances) - 1, schema: v.GetSchemaname()}
	if alias := v.GetAlias(); alias != nil {
		s.name, s.schema = alias.GetAliasname(), ""
	}
	sc.sources = append(sc.sources, s)
	return s.base
}

func (r *reader) insert(s *ast.InsertStmt, e *env, parent *scope) []output {
	e, clauses := r.with(s.GetWithClause(), e, parent)
	defer r.readUnused(clauses)
	own := r.open()
	sc := &scope{parent: parent, env: e}
	table := r.target(s.GetRelation(), sc)
	r.close(own)
	conflict := s.GetOnConflictClause()
	rows := s.GetSelectStmt().GetSelectStmt().GetValuesLists()
	if conflict.GetAction() != ast.OnConflictAction_ONCONFLICT_UPDATE {
		r.inserted(table, s.GetCols(), rows, own)
	}
	if query := s.GetSelectStmt(); query != nil {
		holds := r.open()
		r.query(query, e, parent, holds)
		r.close(holds)
	}
	r.inspect(conflict.GetWhereClause(), sc)
	for _, assigned := range conflict.GetTargetList() {
		r.inspect(assigned.GetResTarget().GetVal(), sc)
	}
	return r.targets(s.GetReturningClause().GetExprs(), sc, false)
}

// inserted notes that a column holds one of the values that the rows give it.
func (r *reader) inserted(table int, columns, rows []*ast.Node, own *span) {
	for i, c := range columns {
		var values []Value
		for _, row := range rows {
			items := row.GetList().GetItems()
			if i >= len(items) {
				return
			}
			v, ok := r.value(items[i])
			if !ok {
				values = nil
				break
			}
			values = append(values, v)
		}
		if len(values) > 0 {
			r.set(column{table, c.GetResTarget().GetName()}, values, own)
		}
	}
}

// set notes a value that the statement itself writes.
func (r *reader) set(c column, values []Value, own *span) {
	in := &r.instances[c.instance]
	in.assigned = append(in.assigned, c.name)
	if values != nil {
		r.facts = append(r.facts, fact{holds: own, left: c, values: values, set: true})
	}
}

func (r *reader) update(s *ast.UpdateStmt, e *env, parent *scope, holds *span) []output {
	e, clauses := r.with(s.GetWithClause(), e, parent)
	defer r.readUnused(clauses)
	own := r.open()
	sc := &scope{parent: parent, env: e}
	table := r.target(s.GetRelation(), sc)
	r.close(own)
	for _, item := range s.GetFromClause() {
		r.from(item, sc, holds)
	}
	r.predicate(s.GetWhereClause(), sc, holds)
	for _, node := range s.GetTargetList() {
		assigned := node.GetResTarget()
		r.inspect(assigned.GetVal(), sc)
		var values []Value
		if v, ok := r.value(assigned.GetVal()); ok {
			values = []Value{v}
		}
		r.set(column{table, assigned.GetName()}, values, own)
	}
	return r.targets(s.GetReturningClause().GetExprs(), sc, false)
}

func (r *reader) delete(s *ast.DeleteStmt, e *env, parent *scope, holds *span) []output {
	e, clauses := r.with(s.GetWithClause(), e, parent)
	defer r.readUnused(clauses)
	sc := &scope{parent: parent, env: e}
	r.target(s.GetRelation(), sc)
	for _, item := range s.GetUsingClause() {
		r.from(item, sc, holds)
	}
	r.predicate(s.GetWhereClause(), sc, holds)
	return r.targets(s.GetReturningClause().GetExprs(), sc, false)
}

// merge reads a MERGE. Its condition holds for the rows that match only, so it
// gives no filter.
func (r *reader) merge(s *ast.MergeStmt, e *env, parent *scope) []output {
	e, clauses := r.with(s.GetWithClause(), e, parent)
	defer r.readUnused(clauses)
	sc := &scope{parent: parent, env: e}
	r.target(s.GetRelation(), sc)
	holds := r.open()
	r.from(s.GetSourceRelation(), sc, holds)
	r.close(holds)
	r.inspect(s.GetJoinCondition(), sc)
	for _, when := range s.GetMergeWhenClauses() {
		r.inspect(when, sc)
	}
	return r.targets(s.GetReturningClause().GetExprs(), sc, false)
}
