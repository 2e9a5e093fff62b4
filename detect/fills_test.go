package detect

import (
	"strconv"
	"testing"
)

// What filled a cache not long ago and is let go for want of room is counted; what is too
// old to be asked for is not.
func TestAFillForgottenForWantOfRoomIsCounted(t *testing.T) {
	const noon = int64(1e18)
	j, _ := failing(t)
	f := &j.fills
	for i := range fillsKept + 2 {
		f.add(strconv.Itoa(i), &fill{time: noon})
	}
	if j.FillsLost() != 2 || len(f.byRequest) != fillsKept {
		t.Errorf("%d are counted of %d kept, want 2", j.FillsLost(), len(f.byRequest))
	}
	f.add("late", &fill{time: noon + fillAge})
	if j.FillsLost() != 2 {
		t.Error("one that no hit could ask for is counted")
	}
	j.Reload(j.policy)
	if j.FillsLost() != 2 || j.fills.byRequest["late"] == nil {
		t.Error("what filled caches is forgotten with the policy")
	}
}

// A hit after a change of the policy is judged by the new one, though the cache was filled
// before.
func TestAHitOfAFillFromBeforeTheReload(t *testing.T) {
	const noon = int64(1e18)
	policy := func(shared bool) *Policy {
		p := &Policy{
			Tables: []Table{{Name: "orders", ID: "id", Owners: []string{"buyer_id"}, Shared: shared}},
			Routes: []Route{{Match: "/**", Kind: RouteUser}},
		}
		if shared {
			p.Tables[0] = Table{Name: "orders", Shared: true}
		}
		if err := p.Compile(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	read := func(id, user string, after int64, cache Cache, records ...Record) *Access {
		return &Access{Key: id, Time: noon + after, Requests: []RequestLine{{Time: noon + after, Request: Request{
			Complete: len(records) > 0, RequestID: id, UserID: user, Kind: ActorUser, Route: "/api", Status: 200, Method: "GET", Cache: cache, Records: records,
		}}}}
	}
	for _, facts := range []bool{false, true} {
		f := NewFacts(policy(false))
		if facts {
			f.Add(&Fact{Kind: FactOwner, Table: "orders", Record: "o9", User: "zed", Column: "buyer_id"}, Origin{})
		}
		j := NewJudge(policy(false), f, "")
		var out Output
		j.Access(read("r0", "ann", 0, Cache{Status: CacheMiss}, Record{Table: "orders", ID: "o1", Owners: []Owner{{Column: "buyer_id", ID: "ann"}}}), false, &out)
		j.Reload(policy(false))
		for user, want := range map[string]Verdict{"bob": VerdictForeign, "ann": VerdictOwn} {
			out = Output{}
			j.Access(read("r-"+user, user, 1e9, Cache{Status: CacheHit, ID: "r0"}), false, &out)
			if len(out.Failures) > 0 {
				t.Fatalf("%s, facts %v: %s", user, facts, out.Failures[0].Stack)
			}
			if len(out.Reads) != 1 || out.Reads[0].Verdict != want {
				t.Errorf("%s, facts %v: %+v, want %v", user, facts, out.Reads, want)
			}
		}
		j.Reload(policy(true))
		out = Output{}
		if j.Access(read("r-cyd", "cyd", 1e9, Cache{Status: CacheHit, ID: "r0"}), false, &out); len(out.Reads)+len(out.Failures) > 0 {
			t.Errorf("facts %v: %+v of a table that is shared now", facts, out)
		}
	}
}
