package detect_test

import (
	"testing"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/join"
)

// TestARoleThatNobodySwitchedIsKnown holds that a pool which never sets a role is asked as
// its login, and counts as undecided only where the role cannot be told.
func TestARoleThatNobodySwitchedIsKnown(t *testing.T) {
	policy := storyPolicy(t, "testdata/policy.yaml", readFile(t, "testdata/policy.yaml"))
	for name, c := range map[string]struct {
		events string
		want   uint64
	}{
		"a pool with a login of its own": {`
12:00:00 sql pg1/1 login=app params=o1 rows=1
  | SELECT id FROM orders WHERE id = $1`, 0},
		"a request of that pool": {`
12:00:00 app r1 GET /api/orders 200 user=ann
12:00:00 sql pg1/1 login=app params=o1 rows=1 req=r1
  | SELECT id FROM orders WHERE id = $1`, 0},
		"a role that was set": {`
12:00:00 set pg1/1 role=authenticated sub=ann
12:00:00 sql pg1/1 params=o1
  | SELECT id FROM orders WHERE id = $1`, 0},
		"a login that always switches, and no line that did": {`
12:00:00 sql pg1/1 params=o1
  | SELECT id FROM orders WHERE id = $1`, 1},
		"two such reads of one transaction": {`
12:00:00 sql pg1/1 params=o1
  | SELECT id FROM orders WHERE id = $1
12:00:00 sql pg1/1 params=t1
  | SELECT id FROM tickets WHERE id = $1`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := statsOf(t, policy, c.events).StateLost; got != c.want {
				t.Errorf("%d reads with a role that cannot be told, want %d", got, c.want)
			}
		})
	}
}

// TestATransactionOfSeveralRequestsIsCounted holds that it does not go unseen.
func TestATransactionOfSeveralRequestsIsCounted(t *testing.T) {
	policy := storyPolicy(t, "testdata/policy.yaml", readFile(t, "testdata/policy.yaml"))
	got := statsOf(t, policy, `
12:00:00 sql pg1/1 login=app params=ann rows=1 req=r1
  | SELECT id FROM tickets WHERE user_id = $1
12:00:00 sql pg1/1 login=app params=t2 rows=1 req=r2
  | SELECT id FROM tickets WHERE id = $1`).Mixed
	if got != 1 {
		t.Errorf("%d transactions of several requests, want 1", got)
	}
}

// statsOf gives what a detector counts of the events of a story.
func statsOf(t *testing.T, policy *detect.Policy, story string) join.Stats {
	t.Helper()
	events, err := parseEvents(story)
	if err != nil {
		t.Fatal(err)
	}
	d := join.New(policy, join.Options{})
	part := d.Open(join.Start{Source: "story"})
	for i := range events {
		d.Observe(part, &events[i].event)
	}
	d.End(part)
	return d.Stats()
}
