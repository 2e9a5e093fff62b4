package query

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"trespass.dev/trespass/detect/worktime"
)

const postgrestRead = `WITH pgrst_source AS ( SELECT "public"."orders".* FROM "public"."orders"  WHERE  "public"."orders"."id" = $1 )  SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted FROM ( SELECT * FROM pgrst_source ) _postgrest_t`

const prismaRead = `SELECT "public"."orders"."id", "public"."orders"."user_id" FROM "public"."orders" WHERE ("public"."orders"."id" = '0b9e0d9a-6c1f-4f0e-8a58-0a4b5d5a0002' AND 1=1) LIMIT 1 OFFSET 0 /* traceparent='00-4bf92f3577b34da6' */`

func BenchmarkPlan(b *testing.B) {
	for _, bench := range []struct{ name, sql, column string }{
		{"prisma", prismaRead, "id"},
		{"postgrest", postgrestRead, "id"},
	} {
		b.Run(fmt.Sprintf("%s/same/bytes=%d", bench.name, len(bench.sql)), func(b *testing.B) {
			cache := NewCache(100)
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.sql)))
			for b.Loop() {
				p, _, err := cache.Plan(bench.sql)
				if err != nil || len(p.Tables) != 1 || p.Tables[0].Filters[0].Column != bench.column {
					b.Fatalf("wrong plan %+v, %v", p, err)
				}
			}
		})
		b.Run(fmt.Sprintf("%s/other-comment/bytes=%d", bench.name, len(bench.sql)), func(b *testing.B) {
			cache := NewCache(100)
			var texts [4096]string // more than are kept letter for letter
			for i := range texts {
				texts[i] = bench.sql + fmt.Sprintf(" /* %d */", i)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.sql)))
			i := 0
			for b.Loop() {
				i++
				p, _, err := cache.plan(texts[i%len(texts)])
				if err != nil || len(p.Tables) != 1 || p.Tables[0].Filters[0].Column != bench.column {
					b.Fatalf("wrong plan %+v, %v", p, err)
				}
			}
		})
		b.Run(bench.name+"/miss", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, _, err := NewCache(1).Plan(bench.sql)
				if err != nil || len(p.Tables) != 1 || p.Tables[0].Filters[0].Column != bench.column {
					b.Fatalf("wrong plan %+v, %v", p, err)
				}
			}
		})
	}
}

// TestHostileTextIsBounded gives the cache what an attacker could write into a log.
func TestHostileTextIsBounded(t *testing.T) {
	nest := func(open, middle, end string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	fill := func(before, unit, after string) string { // up to the limit
		return before + strings.Repeat(unit, (MaxText-len(before)-len(after)-16)/len(unit)) + after
	}
	var doubling strings.Builder
	doubling.WriteString("with a0 as (select * from t)")
	for i := range 60 {
		fmt.Fprintf(&doubling, ", a%d as (select * from a%d x, a%d y)", i+1, i, i)
	}
	doubling.WriteString(" select * from a60")
	var stars strings.Builder
	for i := range 60 {
		fmt.Fprintf(&stars, "select *, * from (")
		_ = i
	}
	stars.WriteString("select 1 as x")
	stars.WriteString(strings.Repeat(") s", 60))

	for name, c := range map[string]struct{ sql, want string }{
		"parentheses 64 KiB":        {"select " + nest("(", "1", ")", 32<<10), ReasonTooDeep},
		"parentheses at the limit":  {"select " + nest("(", "1", ")", MaxDepth), ""},
		"parentheses above it":      {"select " + nest("(", "1", ")", MaxDepth+1), ReasonTooDeep},
		"many deep groups":          {fill("select 1", ","+nest("(", "a", ")", MaxDepth), ""), "any"},
		"deep brackets":             {"select array" + nest("[", "1", "]", 5000), ReasonTooDeep},
		"NOT":                       {fill("select ", "not ", "true"), ""},
		"minus":                     {fill("select ", "- ", "x from t"), ""},
		"CASE":                      {"select " + nest("case when a then ", "1", " end", 1400), ""},
		"AND":                       {fill("select * from t where a = $1", " and a = $1", ""), ""},
		"equal columns":             {fill("select * from t where a = $1", " and a = b", ""), ""},
		"self joins":                {fill("select * from t", ",t a", " where x = $1"), "any"},
		"joins":                     {fill("select * from t", " join t on x=y", ""), "any"},
		"outer joins":               {fill("select * from t", " left join t on x=y", ""), "any"},
		"IN":                        {fill("select * from t where a in (1", ",$1", ")"), ""},
		"IN columns":                {fill("select * from t where $1 in (a", ",b", ")"), ""},
		"OR":                        {fill("select * from t where a = $1", " or a = $1", ""), ""},
		"OR of many columns":        {fill("select * from t where a = $1", " or b = $1 and a = b", ""), ""},
		"many ORs":                  {fill("select * from t where a = $1", " and (a = $1 or b = $2)", ""), ""},
		"OR over joins":             {"select * from t" + strings.Repeat(" join t a on x = y", 120) + " where a = $1" + strings.Repeat(" or b = $1", 1000), "any"},
		"OR within OR":              {fill("select * from t where "+nest("(a = $1 or ", "b = $1", ")", 190), " and (a = $1 or b = $2)", ""), ""},
		"UNION of ORs":              {fill("select a from t", " union select a from t where a = $1 or b = $1", ""), "any"},
		"UNION":                     {fill("select a from t", " union select a from t", ""), "any"},
		"statements":                {fill("select 1", ";select a from t", ""), ""},
		"doubling WITH":             {doubling.String(), ReasonTooDeep},
		"doubling stars":            {stars.String(), ReasonTooDeep},
		"nested sub-selects":        {nest("select * from (", "select 1", ") x", 190), ""},
		"casts":                     {fill("select a", "::text", " from t"), ""},
		"quoted":                    {fill(`select "`, `""`, `"`), ""},
		"comment":                   {"select 1 /*" + strings.Repeat("/*", 10000) + strings.Repeat("*/", 10000) + "*/", ""},
		"comment that does not end": {"select 1 /*" + strings.Repeat("/*", 300000), ReasonUnparsable},
		"large constant":            {"select * from t where a = '" + strings.Repeat("''", 400<<10) + "'", ""},
		"too large":                 {fill("select ", "aaaaaaaaaaaaaaaa ", "") + strings.Repeat("a", 1000), ReasonTooLarge},
		"raw too large":             {"select '" + strings.Repeat("x", MaxRaw) + "'", ReasonTooLarge},
		"NUL":                       {"select 1\x00; drop table x", ReasonNUL},
		"cut":                       {"select * from t where a = 'abc", ReasonUnparsable},
		"not SQL":                   {"<previously logged>", ReasonUnparsable},
		"bad UTF-8":                 {"select \xff\xfe from \"\xc3\x28\" where a = '\xff'", "any"},
		"dollars":                   {"select $a$" + strings.Repeat("$b$", 200001), ReasonUnparsable},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			took := time.Duration(math.MaxInt64)
			for range 3 { // the best of three, because the machine has other work
				took = min(took, worktime.Of(func() { _, _, err = NewCache(4).Plan(c.sql) }))
			}
			t.Logf("%v for %d bytes: %v", took.Round(time.Microsecond), len(c.sql), err)
			got := ""
			if err != nil {
				got = err.(*Undecided).Reason
			}
			if got != c.want && c.want != "any" {
				t.Errorf("reason %q, want %q", got, c.want)
			}
			if limit := 50 * time.Millisecond * slowness; took > limit {
				t.Errorf("took %v, want at most %v", took, limit)
			}
		})
	}
}
