package query

import (
	"slices"
	"strings"
)

// plan puts together what the reader gathered.
func (r *reader) plan() *Plan {
	p := &Plan{Verb: r.verb, Functions: r.functions, Folded: r.folded, Uncounted: r.uncounted, Doors: r.doors}
	p.Tables = r.tables()
	returns := false
	p.Catalog = len(r.functions) == 0
	for _, t := range p.Tables {
		returns = returns || t.Returns
		p.Catalog = p.Catalog && isCatalog(t.Name)
	}
	p.Aggregate = r.aggregates > 0 && !returns && len(p.Tables) > 0 && len(p.Functions) == 0
	p.Explain = r.explained > 0 && r.explained == r.statements
	p.ForeignKey = r.keyChecks > 0 && r.keyChecks == r.statements
	return p
}

// tables puts the instances of one name together, in the order of the text.
func (r *reader) tables() []Table {
	filters, choices := r.filters()
	var tables []Table
	places := make(map[string][]int)
	var names []string
	for i := range r.instances {
		name := r.instances[i].name
		if places[name] == nil {
			names = append(names, name)
		}
		places[name] = append(places[name], i)
	}
	for _, name := range names {
		tables = append(tables, r.table(name, places[name], filters, choices))
	}
	return tables
}

func (r *reader) table(name string, at []int, filters [][]Filter, choices [][]Choice) Table {
	t := Table{Name: name, Subquery: true}
	partial, comes := false, false
	var counted [][]Filter // of the places that come back, or of all if none does
	var chosen [][]Choice
	for _, i := range at {
		in := &r.instances[i]
		t.Returns = t.Returns || in.returns()
		t.Write = t.Write || in.write
		t.Star = t.Star || in.star
		t.Subquery = t.Subquery && in.subquery
		partial = partial || in.partial
		for _, c := range in.columns {
			if !slices.Contains(t.Columns, c) {
				t.Columns = append(t.Columns, c)
			}
		}
		for _, c := range in.tested {
			if !slices.Contains(t.Tested, c) {
				t.Tested = append(t.Tested, c)
			}
		}
	}
	if t.Star || partial {
		t.Columns = nil
	}
	for _, i := range at {
		if !t.Returns || r.instances[i].returns() {
			counted, chosen = append(counted, filters[i]), append(chosen, choices[i])
			comes = comes || r.comes(i)
		}
	}
	t.Optional = t.Returns && !comes
	t.Filters = inAll(counted)
	t.Choices = places(counted, chosen, t.Filters)
	return t
}

// inAll gives the filters that hold in each of several places: on a column that all
// of them filter, any of their values.
func inAll(places [][]Filter) []Filter {
	if len(places) == 1 {
		return places[0]
	}
	var out []Filter
	for _, f := range places[0] {
		values := slices.Clone(f.Values)
		everywhere := true
		for _, other := range places[1:] {
			i := slices.IndexFunc(other, func(g Filter) bool { return g.Column == f.Column })
			if i < 0 {
				everywhere = false
				break
			}
			for _, v := range other[i].Values {
				if !slices.Contains(values, v) {
					values = append(values, v)
				}
			}
		}
		if everywhere {
			out = append(out, Filter{Column: f.Column, Values: values})
		}
	}
	return out
}

// isCatalog knows the relations of the database's own catalog.
func isCatalog(name string) bool {
	schema, _, _ := strings.Cut(name, ".")
	return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast"
}
