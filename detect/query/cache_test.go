package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOneShapeIsParsedOnce(t *testing.T) {
	cache := NewCache(10)
	var first *Plan
	for i := range 100 {
		id := fmt.Sprintf("id-%d", i)
		p, literals, err := cache.Plan("SELECT * FROM orders WHERE id = '" + id + "' -- request " + id)
		if err != nil || len(literals) != 1 || literals[0] != id {
			t.Fatalf("Plan: %v, %q, %v", p, literals, err)
		}
		if first == nil {
			first = p
		}
		if p != first {
			t.Fatal("one shape has two plans")
		}
	}
	if cache.Misses() != 1 || cache.Len() != 1 {
		t.Errorf("%d parsed and %d held, want 1 and 1", cache.Misses(), cache.Len())
	}
}

// The comment at the end of a statement, which names the request, costs no pass over the
// text, and nothing else that looks like one is cut off.
func TestCommentAtTheEnd(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"select 1 /*a='b'*/", "select 1 "}, {"select 1 /**/", "select 1 "}, {"select 1", "select 1"}, {"/*a*/ select 1", "/*a*/ select 1"},
		{"select 1 /*a*/ /*b*/", "select 1 /*a*/ /*b*/"}, {"select 1 /* /*a*/", "select 1 /* /*a*/"}, {"select 1 /*/", "select 1 /*/"}, {"select 1 /*/*/", "select 1 /*/*/"},
		{"select 1 -- /*a\n*/", "select 1 -- /*a\n*/"}, {"select 1 /*a\x00*/", "select 1 /*a\x00*/"},
	} {
		if got := withoutComment(c.sql); got != c.want {
			t.Errorf("%q: %q, want %q", c.sql, got, c.want)
		}
	}
	cache := NewCache(10)
	for i := range 5 {
		p, _, err := cache.Plan(fmt.Sprintf("select a from b /*request_id='%d'*/", i))
		if err != nil || p.Tables[0].Name != "b" {
			t.Fatal(p, err)
		}
		p, _, err = cache.Plan(fmt.Sprintf("select a from c -- /*\n where id = '%d' /* */", i))
		if err != nil || len(p.Tables) != 1 || p.Tables[0].Name != "c" {
			t.Fatal(p, err)
		}
		if _, literals, err := cache.Plan("select a from b where c = '/* x */'"); err != nil || len(literals) != 1 {
			t.Fatal(literals, err)
		}
	}
}

func TestTheSameTextAgainHasTheSameAnswer(t *testing.T) {
	cache := NewCache(10)
	for i := range 5 {
		text := strings.Clone(`select * from orders where id = 'it''s' and user_id = 'b'`)
		p, literals, err := cache.Plan(text)
		if err != nil || p.Tables[0].Name != "orders" || len(literals) != 2 || literals[0] != "it's" || literals[1] != "b" {
			t.Fatalf("time %d: %v, %q, %v", i, p, literals, err)
		}
		if _, _, err := cache.Plan("select 'and something' , 'between the two', 3"); err != nil {
			t.Fatal(err)
		}
		var undecided *Undecided
		if _, _, err := cache.Plan("select from where"); !errors.As(err, &undecided) || undecided.Reason != ReasonUnparsable {
			t.Fatalf("time %d: %v", i, err)
		}
	}
	if cache.Misses() != 3 {
		t.Errorf("%d parsed, want 3", cache.Misses())
	}
}

func TestCacheIsBounded(t *testing.T) {
	cache := NewCache(8)
	for i := range 1000 {
		if _, _, err := cache.Plan("select * from hot where id = $1"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := cache.plan(fmt.Sprintf("select * from cold_%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if cache.Len() > 8 {
		t.Errorf("%d texts held, want at most 8", cache.Len())
	}
	if cache.Misses() > 1000+2 {
		t.Errorf("%d texts parsed: the hot one was let go", cache.Misses())
	}
	long := NewCache(4)
	for i := range 20 {
		if _, _, err := long.Plan(fmt.Sprintf("select * from t%d where %s", i, strings.Repeat("a = b and ", 1500)+"a = b")); err != nil {
			t.Fatal(err)
		}
		if long.bytes > 4*bytesPerEntry+MaxText {
			t.Fatalf("%d bytes held", long.bytes)
		}
	}
	held := 0
	for _, e := range long.entries {
		held += len(e.text)
	}
	if held != long.bytes || len(long.index) > 4 {
		t.Errorf("%d bytes counted, %d held, %d texts", long.bytes, held, len(long.index))
	}
}

func TestFingerprintIsStable(t *testing.T) {
	p, _, err := NewCache(1).Plan("SELECT  * from orders where id = 'x';")
	q, _, err2 := NewCache(1).Plan("select * FROM orders /* y */ where id = 'z'")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	const want = 0xabf5e24637fea2a2 // stored in findings, so that it must not change
	if p.Fingerprint != want || q.Fingerprint != want {
		t.Errorf("fingerprints %#x and %#x, want %#x", p.Fingerprint, q.Fingerprint, uint64(want))
	}
}

func TestKnownTextsCostNothing(t *testing.T) {
	cache := NewCache(10)
	texts := []string{postgrestRead, prismaRead, prismaRead + " /* request_id=r-1 */", "select from where", "select '\x00'"}
	for range 3 {
		for _, text := range texts {
			_, _, _ = cache.Plan(text)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, text := range texts {
			_, _, _ = cache.Plan(text)
		}
		if p, _, _ := cache.plan(prismaRead); len(p.Tables) != 1 {
			t.Fatal("wrong plan")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzPlan gives any text to a cache: it must answer the same with and without its
// memory, and never fail otherwise than by an Undecided.
func FuzzPlan(f *testing.F) {
	for _, l := range corpus(f) {
		f.Add(l.SQL)
		f.Add(l.SQL + " /* x */")
	}
	for _, sql := range []string{
		"select a from b /*x*/", "select a from b -- /* \n, c */", "select a from b -- /* \r, c */", "select '/* x */", "select '/* ' /* x */", "select \"/*\" from b /*x*/",
		"select $$/* x */", "select $/* x */", "select 1 /* /* x */", "select 1 /* x */ */", "select 1 /*/", "select 1./* x */", "select 1 /* x\x00 */", "select -/* x */1", "select a from b;/* x */",
	} {
		f.Add(sql)
	}
	shared := NewCache(64)
	f.Fuzz(func(t *testing.T, sql string) {
		p, literals, err := NewCache(1).Plan(sql)
		answer := ""
		if err != nil {
			var undecided *Undecided
			if !errors.As(err, &undecided) {
				t.Fatalf("%T: %v", err, err)
			}
		}
		answer = say(p, literals, err)
		for range 2 {
			q, literals, err := shared.Plan(sql)
			if got := say(q, literals, err); got != answer {
				t.Fatalf("%q:\nfirst %s\nthen  %s", sql, answer, got)
			}
		}
	})
}
