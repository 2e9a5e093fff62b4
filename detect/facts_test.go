package detect

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func emptyFacts(t testing.TB) *Facts {
	t.Helper()
	p := &Policy{}
	if err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	return NewFacts(p)
}

// ownersAt asks who owns a record by a column at a moment.
func ownersAt(f *Facts, record, column string, at int64) []string {
	table, ok := f.ids.find("orders")
	r, also := f.ids.find(record)
	c, named := f.ids.find(column)
	if !ok || !also || !named {
		return nil
	}
	var owners []string
	for _, s := range f.holding(nil, factKey{sortOwner, table, r, c, 0}, at, at) {
		owners = append(owners, f.ids.name(f.spans[s].value))
	}
	slices.Sort(owners)
	return owners
}

func ownerFact(user string, from, to int64) Fact {
	return Fact{Kind: FactOwner, Table: "public.orders", Record: "o1", Column: "buyer_id", User: user, ValidFrom: from, ValidTo: to}
}

func TestOwnerAsOfEventTime(t *testing.T) {
	back := ownerFact("bob", 100, 0)
	back.Retract = true
	for _, test := range []struct {
		name  string
		facts []Fact
		want  map[int64]string
	}{
		{"always", []Fact{ownerFact("ann", 0, 0)}, map[int64]string{1: "[ann]", 1e18: "[ann]"}},
		{"half open", []Fact{ownerFact("ann", 100, 200)}, map[int64]string{99: "[]", 100: "[ann]", 199: "[ann]", 200: "[]"}},
		{"a later one ends an open one", []Fact{ownerFact("ann", 0, 0), ownerFact("bob", 100, 0)}, map[int64]string{99: "[ann]", 100: "[bob]"}},
		{"after the later one's end nobody", []Fact{ownerFact("ann", 0, 0), ownerFact("bob", 100, 200)}, map[int64]string{150: "[bob]", 200: "[]"}},
		{"an end that was said stands", []Fact{ownerFact("ann", 0, 500), ownerFact("bob", 100, 200)}, map[int64]string{150: "[ann bob]", 300: "[ann]"}},
		{"its end comes later", []Fact{ownerFact("ann", 0, 0), ownerFact("ann", 0, 100)}, map[int64]string{99: "[ann]", 100: "[]"}},
		{"of two ends the earlier", []Fact{ownerFact("ann", 0, 300), ownerFact("ann", 0, 100)}, map[int64]string{99: "[ann]", 150: "[]"}},
		{"taken back", []Fact{ownerFact("ann", 0, 0), ownerFact("bob", 100, 0), back}, map[int64]string{99: "[ann]", 150: "[ann]"}},
		{"two from one moment contest it", []Fact{ownerFact("ann", 100, 0), ownerFact("bob", 100, 0)}, map[int64]string{150: "[ann bob]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(20) {
				f := emptyFacts(t)
				order := rand.New(rand.NewPCG(seed, 7)).Perm(len(test.facts))
				for _, twice := range [...]int{1, 2} {
					for range twice {
						for _, i := range order {
							f.Add(&test.facts[i], Origin{Source: "facts", Offset: int64(i)})
						}
					}
				}
				for at, want := range test.want {
					if got := fmt.Sprint(ownersAt(f, "o1", "buyer_id", at)); got != want {
						t.Fatalf("order %v: at %d %s, want %s", order, at, got, want)
					}
				}
			}
		})
	}
}

// TestFactsDoNotDependOnTheirOrder holds that facts in any order, some of them said again,
// give the same answers.
func TestFactsDoNotDependOnTheirOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		users := []string{"ann", "bob", "cid"}
		facts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Fact {
			from := int64(rapid.IntRange(0, 5).Draw(rt, "from")) * 10
			to := int64(0)
			if rapid.Bool().Draw(rt, "ends") {
				to = from + int64(rapid.IntRange(1, 5).Draw(rt, "length"))*10
			}
			f := ownerFact(rapid.SampledFrom(users).Draw(rt, "user"), from, to)
			f.Retract = rapid.IntRange(0, 5).Draw(rt, "retract") == 0
			if f.Retract && rapid.Bool().Draw(rt, "any") {
				f.User = ""
			}
			return f
		}), 1, 8).Draw(rt, "facts")
		order := rapid.Permutation(facts).Draw(rt, "order")
		again := rapid.SliceOf(rapid.SampledFrom(facts)).Draw(rt, "again")
		a, b := emptyFacts(t), emptyFacts(t)
		for i := range facts {
			a.Add(&facts[i], Origin{Source: "facts"})
		}
		for i := range order {
			b.Add(&order[i], Origin{Source: "facts"})
		}
		for i := range again {
			b.Add(&again[i], Origin{Source: "facts"})
		}
		for at := int64(0); at < 120; at += 5 {
			x, y := ownersAt(a, "o1", "buyer_id", at), ownersAt(b, "o1", "buyer_id", at)
			if !slices.Equal(x, y) {
				rt.Fatalf("at %d: %v in one order, %v in another", at, x, y)
			}
		}
	})
}

func TestFactsKeepTheirOwnCopies(t *testing.T) {
	f := emptyFacts(t)
	line := []byte("orders o1 buyer_id ann")
	text := func(from, to int) string { return string(line[from:to]) }
	borrowed := Fact{Kind: FactOwner, Table: text(0, 6), Record: text(7, 9), Column: text(10, 18), User: text(19, 22)}
	f.Add(&borrowed, Origin{Source: "facts"})
	if got := fmt.Sprint(ownersAt(f, "o1", "buyer_id", 1)); got != "[ann]" {
		t.Errorf("owners %s, want [ann]", got)
	}
	f.Add(&Fact{Kind: "weather", Table: "orders", Record: "o1"}, Origin{})
	f.Add(&Fact{Kind: FactOwner, Table: "orders"}, Origin{})
	if f.Refused() != 2 {
		t.Errorf("refused %d facts, want 2", f.Refused())
	}
}

func TestMembershipStandings(t *testing.T) {
	f := emptyFacts(t)
	const second = int64(1e9)
	f.Add(&Fact{Kind: FactMember, User: "ann", Tenant: "x", ValidFrom: 100 * second, ValidTo: 200 * second}, Origin{})
	for _, test := range []struct {
		user, tenant string
		at           int64
		want         standing
	}{
		{"ann", "x", 150 * second, standingHolds},
		{"ann", "x", 95 * second, standingGrace},
		{"ann", "x", 80 * second, standingNever},
		{"ann", "x", 205 * second, standingGrace},
		{"ann", "x", 300 * second, standingEnded},
		{"ann", "y", 150 * second, standingNever},
		{"bob", "x", 150 * second, standingNever},
		{"bob", "y", 150 * second, standingUnknown},
	} {
		if got, _ := f.member(test.user, test.tenant, test.at); got != test.want {
			t.Errorf("%s in %s at %ds: standing %d, want %d", test.user, test.tenant, test.at/second, got, test.want)
		}
	}
}

// BenchmarkFactsAdd adds owner facts of distinct records, and tells what one costs.
func BenchmarkFactsAdd(b *testing.B) {
	f := emptyFacts(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	record := make([]byte, 0, 16)
	n := 0
	for b.Loop() {
		record = fmt.Appendf(record[:0], "order-%d", n)
		fact := Fact{Kind: FactOwner, Table: "orders", Record: string(record), Column: "buyer_id", User: users[n%len(users)]}
		f.Add(&fact, Origin{Source: "facts", Offset: int64(n)})
		n++
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/fact")
	if got := fmt.Sprint(ownersAt(f, "order-0", "buyer_id", 1)); got != "["+users[0]+"]" {
		b.Fatalf("owner of the first record is %s", got)
	}
	runtime.KeepAlive(f)
}

var users = []string{"ann", "bob", "cid", "dan", "eve"}
