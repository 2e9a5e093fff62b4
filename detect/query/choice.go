package query

import (
	"slices"

	"github.com/sqlc-dev/oliphant/ast"
)

// choice is a condition of several alternatives, as OR makes: for each row of an
// instance in its span that comes back, all facts of at least one of them hold.
type choice struct {
	holds        *span
	alternatives [][]fact
}

// maxAlternatives bounds the alternatives of one choice; a longer one says nothing.
// maxChoosing bounds the work that the choices of one text may cost; those beyond say
// nothing.
const (
	maxAlternatives = 1 << 10
	maxChoosing     = 1 << 18
)

// anyOf notes a condition that holds if one of several does. If one of them says
// nothing that can be used, neither does the whole.
func (r *reader) anyOf(args []*ast.Node, sc *scope, holds *span) {
	if len(args) > maxAlternatives {
		return
	}
	r.offer(r.alternatives(nil, args, sc, holds), holds)
}

func (r *reader) offer(alternatives [][]fact, holds *span) {
	if len(alternatives) < 2 || len(alternatives) > maxAlternatives {
		return
	}
	if !slices.ContainsFunc(alternatives, func(a []fact) bool { return len(a) == 0 }) {
		r.choices = append(r.choices, choice{holds, alternatives})
	}
}

// alternatives reads the conditions under an OR, those of an OR within it among them.
func (r *reader) alternatives(list [][]fact, args []*ast.Node, sc *scope, holds *span) [][]fact {
	for _, arg := range args {
		r.spend(0)
		if b := arg.GetBoolExpr(); b.GetBoolop() == ast.BoolExprType_OR_EXPR {
			list = r.alternatives(list, b.GetArgs(), sc, holds)
			continue
		}
		facts, choices := r.facts, r.choices
		r.facts, r.choices = nil, nil
		r.require(arg, sc, holds)
		if len(r.facts) == 0 && len(r.choices) == 1 {
			list = append(list, r.choices[0].alternatives...) // value IN (columns)
		} else {
			list = append(list, r.facts)
		}
		r.facts, r.choices = facts, choices
	}
	return list
}

// oneOfColumns notes value IN (columns): the value is in one of them.
func (r *reader) oneOfColumns(left *ast.Node, list []*ast.Node, sc *scope, holds *span) {
	if len(list) > maxAlternatives {
		return
	}
	before := r.facts
	var alternatives [][]fact
	for _, item := range list {
		r.spend(0)
		r.facts = nil
		r.equality(item, left, sc, holds)
		alternatives = append(alternatives, r.facts)
	}
	r.facts = before
	r.offer(alternatives, holds)
}

// choose adds to the filters of an instance what its choices say: filters that hold
// in every alternative, and the choices that are left.
func (r *reader) choose(i int, filters []Filter) ([]Filter, []Choice) {
	var choices []Choice
	for _, c := range r.choices {
		r.choosing += (len(r.facts) + 1) * (len(r.facts) + 1) * len(c.alternatives)
		if !c.holds.has(i) || r.choosing > maxChoosing {
			continue
		}
		choice := Choice{Alternatives: make([][]Filter, 0, len(c.alternatives))}
		for _, alternative := range c.alternatives {
			all := r.filtersUnder(i, slices.Concat(r.facts, alternative), true)
			own := slices.DeleteFunc(all, func(f Filter) bool { return slices.ContainsFunc(filters, f.equal) })
			if len(own) == 0 {
				choice.Alternatives = nil
				break
			}
			choice.Alternatives = append(choice.Alternatives, own)
		}
		if len(choice.Alternatives) < 2 {
			continue
		}
		common := inAll(choice.Alternatives)
		filters = append(filters, common...)
		if !choice.only(common) {
			choices = append(choices, choice)
		}
	}
	return filters, choices
}

// only says whether the filter that all alternatives have in common says all that they
// say. Of several, each alternative pairs the values in its own way.
func (c *Choice) only(common []Filter) bool {
	return len(common) == 1 && !slices.ContainsFunc(c.Alternatives, func(a []Filter) bool { return len(a) > 1 })
}

// places makes one choice of the several places in which a text names a relation: a
// row that comes back is of one of them.
func places(filters [][]Filter, choices [][]Choice, common []Filter) []Choice {
	if len(filters) == 1 {
		return choices[0]
	}
	var c Choice
	for i, here := range filters {
		switch {
		case len(choices[i]) > 0:
			for _, alternative := range choices[i][0].Alternatives {
				c.Alternatives = append(c.Alternatives, slices.Concat(here, alternative))
			}
		case len(here) > 0:
			c.Alternatives = append(c.Alternatives, here)
		default:
			return nil
		}
	}
	if len(c.Alternatives) < 2 || len(c.Alternatives) > maxAlternatives || c.only(common) {
		return nil
	}
	return []Choice{c}
}
