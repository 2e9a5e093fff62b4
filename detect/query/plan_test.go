package query

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the plans say into testdata/plans")

// TestPlans reads testdata/plans: statements, one a line, and under each, after =>,
// what its plan says.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans to test: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cache := NewCache(1000)
			var got strings.Builder
			for line := range strings.Lines(string(text)) {
				switch line = strings.TrimRight(line, "\n"); {
				case strings.HasPrefix(line, "=> "):
				case line == "" || strings.HasPrefix(line, "#"):
					fmt.Fprintln(&got, line)
				default:
					fmt.Fprintln(&got, line)
					fmt.Fprintln(&got, "=> "+say(cache.Plan(line)))
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// say puts a plan into one line.
func say(p *Plan, literals []string, err error) string {
	var undecided *Undecided
	if errors.As(err, &undecided) {
		return "undecided " + undecided.Reason
	}
	words := []string{p.Verb.String()}
	for _, flag := range []struct {
		on   bool
		name string
	}{{p.Aggregate, "aggregate"}, {p.Folded, "folded"}, {p.Uncounted, "uncounted"}, {p.Explain, "explain"}, {p.ForeignKey, "foreign-key"}, {p.Catalog, "catalog"}, {p.Prepares, "prepares"}, {p.Multi, "multi"}} {
		if flag.on {
			words = append(words, flag.name)
		}
	}
	for _, f := range p.Functions {
		words = append(words, f+"()")
	}
	for _, d := range p.Doors {
		door := "door:" + d.Change + " on " + d.Table
		if d.Role != "" {
			door += " to " + d.Role
		}
		if d.Granted != "" {
			door += " as " + d.Granted
		}
		if d.Always {
			door += " always"
		}
		words = append(words, door)
	}
	for i := range p.Tables {
		words = append(words, sayTable(&p.Tables[i], literals))
	}
	return strings.Join(words, "; ")
}

func sayTable(t *Table, literals []string) string {
	var b strings.Builder
	b.WriteString(t.Name)
	if t.Write {
		b.WriteString(" written")
	}
	if t.Subquery {
		b.WriteString(" in predicate")
	}
	if t.Optional {
		b.WriteString(" optional")
	}
	switch {
	case !t.Returns:
		b.WriteString(" hidden")
	case t.Star:
		b.WriteString(" gives *")
	case len(t.Columns) == 0:
		b.WriteString(" gives ?")
	default:
		b.WriteString(" gives " + strings.Join(t.Columns, ","))
	}
	if len(t.Filters) > 0 {
		b.WriteString(" where " + sayFilters(t.Filters, literals))
	}
	for _, c := range t.Choices {
		var alternatives []string
		for _, filters := range c.Alternatives {
			alternatives = append(alternatives, sayFilters(filters, literals))
		}
		b.WriteString(" either (" + strings.Join(alternatives, " or ") + ")")
	}
	if len(t.Tested) > 0 {
		b.WriteString(" tests " + strings.Join(t.Tested, ","))
	}
	return b.String()
}

func sayFilters(filters []Filter, literals []string) string {
	var all []string
	for _, f := range filters {
		var values []string
		for _, v := range f.Values {
			values = append(values, sayValue(v, literals))
		}
		all = append(all, f.Column+"="+strings.Join(values, "|"))
	}
	return strings.Join(all, " and ")
}

func sayValue(v Value, literals []string) string {
	s := fmt.Sprintf("$%d", v.Param)
	if v.Literal > 0 {
		s = fmt.Sprintf("%q", literals[v.Literal-1])
	}
	if v.Array {
		s += "[]"
	}
	return s
}
