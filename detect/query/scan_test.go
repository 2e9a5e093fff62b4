package query

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/sqlc-dev/oliphant/ast"
	"github.com/sqlc-dev/oliphant/parser"
)

// shown is a normalised text with its marks in a form that can be read.
func shown(text []byte) string {
	return strings.NewReplacer("\x00s", "<s>", "\x00n", "<n>", "\x00b", "<b>").Replace(string(text))
}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		sql, want string
		literals  []string
	}{
		{"SELECT  *\n\tFROM Orders ;; ", "select * from orders", nil},
		{`select "Id" from "My ""Table" where A = 'it''s'`, `select "Id" from "My ""Table" where a = <s>`, []string{"it's"}},
		{"select 'a' 'b'", "select <s> <s>", []string{"a", "b"}},
		{"select 'a'\n  'b''c'\n'd', 'e'", "select <s>, <s>", []string{"ab'cd", "e"}},
		{`select E'a\'b\n\x41\101\u00e9\\'`, "select <s>", []string{"a'b\nAAé\\"}},
		{`select 'a\'`, "select <s>", []string{`a\`}},
		{`select B'01', x'1F', n'ü', U&'\0041\+000042\\'`, "select <s>, <s>, <s>, <s>", []string{"01", "1F", "ü", `AB\`}},
		{"select $$a'b$$, $tag$ $$ $tag$, $1, $23", "select <s>, <s>, $1, $23", []string{"a'b", " $$ "}},
		{"select 1, 1.5, .5, 1e-3, 0x1F, 1_000, a1, t1.c2", "select <n>, <n>, <n>, <n>, <n>, <n>, a1, t1.c2", []string{"1", "1.5", ".5", "1e-3", "0x1F", "1_000"}},
		{"select 1__0, 0_, 1_a", "select <n>__0, <n>_, <n>_a", []string{"1", "0", "1"}}, // no digit follows: a name begins
		{"select a -1, a-1, -1, (-1), a * -1.5", "select a -<n>, a-<n>, <n>, (<n>), a * <n>", []string{"1", "1", "-1", "-1", "-1.5"}},
		{"select -1", "select -<n>", []string{"1"}},
		{"where x = -5", "where x = <n>", []string{"-5"}},
		{"select TRUE, false, truer, t.x", "select <b>, <b>, truer, t.x", []string{"true", "false"}},
		{"select 1 -- one\n, /* two /* three */ 'no' */ 2 /* end", "", nil},
		{"select 1 -- one 'x'\n, /* two /* three */ 'no' */ 2", "select <n> , <n>", []string{"1", "2"}},
		{"-- request_id=abc-123\nselect 1", "select <n>", []string{"1"}},
		{"select a/*c*/b", "select a b", nil},
		{"select '/* no comment */', \"-- nor this\"", "select <s>, \"-- nor this\"", []string{"/* no comment */"}},
		{"create policy p on t using (1 = 1 and 'a' = 'A')", "create policy p on t using (1 = 1 and 'a' = 'A')", nil},
		{"select 1; GRANT x TO y; select 2", "select <n>; grant x to y; select <n>", []string{"1", "2"}},
		{"select ÄÖ, e, b, x, n, u", "select ÄÖ, e, b, x, n, u", nil},
		{"select a$1$b", "select a$1$b", nil},
		{"", "", nil},
		{" ; ; ", "", nil},
	} {
		var s scanner
		reason := s.scan(c.sql)
		if c.want == "" && strings.TrimSpace(strings.ReplaceAll(c.sql, ";", "")) != "" {
			if reason != ReasonUnparsable {
				t.Errorf("scan(%q): reason %q, want %q", c.sql, reason, ReasonUnparsable)
			}
			continue
		}
		if reason != "" || strings.Trim(shown(s.text), "; ") != c.want {
			t.Errorf("scan(%q) = %q, %q, want %q", c.sql, shown(s.text), reason, c.want)
		}
		if diff := cmp.Diff(c.literals, slices.Clone(s.literals)); diff != "" && len(c.literals)+len(s.literals) > 0 {
			t.Errorf("scan(%q) (-want +got):\n%s", c.sql, diff)
		}
	}
}

// TestConstantsDoNotDecide shows that a constant that the parser would refuse does
// not spoil the statements that differ from it in that constant only.
func TestConstantsDoNotDecide(t *testing.T) {
	cache := NewCache(10)
	for _, sql := range []string{`select a from t where b = B'xyz'`, `select a from t where b = U&'\zzzz'`, `select a from t where b = 'x'`, `select a from t where b = $$x$$`} {
		p, literals, err := cache.Plan(sql)
		if err != nil || len(literals) != 1 || len(p.Tables[0].Filters) != 1 {
			t.Errorf("Plan(%q) = %+v, %v", sql, p, err)
		}
	}
	if cache.Misses() != 1 {
		t.Errorf("%d texts were parsed, want 1", cache.Misses())
	}
}

// FuzzScan holds the scanner against the parser's own: where the parser takes a
// statement, the constants that it finds are those of the scanner.
func FuzzScan(f *testing.F) {
	for _, l := range corpus(f) {
		f.Add(l.SQL)
	}
	f.Add("select 'a'\n'b', E'\\'', $x$y$x$, -1, .5e3, true")
	f.Add("0__$")
	f.Add("select 1_000, 1__0, 0_")
	f.Fuzz(func(t *testing.T, sql string) {
		var s scanner
		if s.scan(sql) != "" || len(sql) > 4<<10 || !utf8.ValidString(sql) {
			return
		}
		again := shown(s.text)
		literals := slices.Clone(s.literals)
		if marks := strings.Count(string(s.text), "\x00"); marks != len(literals) {
			t.Fatalf("%d marks, %d constants in %q", marks, len(literals), again)
		}
		// A normalised text is its own normal form.
		text, _ := readable(s.text)
		var s2 scanner
		if reason := s2.scan(text); reason != "" {
			t.Fatalf("%q is read, its normal form %q is not: %s", sql, text, reason)
		}
		tree, err := parser.ParseToTree(sql)
		if err != nil || len(tree.GetStmts()) != 1 {
			return
		}
		switch tree.GetStmts()[0].GetStmt().GetNode().(type) {
		case *ast.Node_SelectStmt:
		default:
			return
		}
		for _, want := range stringConstants(tree) {
			if !slices.Contains(literals, want) {
				t.Fatalf("the parser finds the string %q, the scanner only %q in %q", want, literals, sql)
			}
		}
	})
}

// stringConstants gives the string constants of a tree's WHERE clause's equalities,
// which is what the plans need.
func stringConstants(tree *ast.ParseResult) []string {
	var out []string
	var walk func(n *ast.Node)
	walk = func(n *ast.Node) {
		if e := n.GetAExpr(); e != nil && isEquals(e.GetName()) {
			for _, side := range []*ast.Node{e.GetLexpr(), e.GetRexpr()} {
				if c, ok := side.GetAConst().GetVal().(*ast.A_Const_Sval); ok {
					out = append(out, c.Sval.GetSval())
				}
			}
		}
		eachChild(n, walk)
	}
	walk(tree.GetStmts()[0].GetStmt())
	return out
}
