package kafka

import (
	"slices"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// oneActive is a group balancer that gives all partitions of all topics to the
// member with the lowest id and nothing to the others, which are hot standbys.
// A member that does not subscribe to all topics of the group, for instance
// during a rolling change of the topic list, is passed over, because kafka-go
// drops what a member did not subscribe to.
type oneActive struct {
	mu       sync.Mutex
	assigned map[string]int // partitions per topic of the last assignment made here
}

// ProtocolName implements kafkago.GroupBalancer.
func (*oneActive) ProtocolName() string { return "trespass-one-active" }

// UserData implements kafkago.GroupBalancer.
func (*oneActive) UserData() ([]byte, error) { return nil, nil }

// AssignGroups implements kafkago.GroupBalancer. The coordinator lets one
// member, the group's leader, run it for all.
func (b *oneActive) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	all := map[string]bool{}
	for _, m := range members {
		for _, t := range m.Topics {
			all[t] = true
		}
	}
	active := ""
	result := kafkago.GroupMemberAssignments{}
	for _, m := range members {
		result[m.ID] = map[string][]int{}
		if subscribesTo(m, all) && (active == "" || m.ID < active) {
			active = m.ID
		}
	}
	counts := map[string]int{}
	if active != "" {
		for _, p := range partitions {
			result[active][p.Topic] = append(result[active][p.Topic], p.ID)
			counts[p.Topic]++
		}
	}
	b.mu.Lock()
	b.assigned = counts
	b.mu.Unlock()
	return result
}

func subscribesTo(m kafkago.GroupMember, topics map[string]bool) bool {
	for t := range topics {
		if !slices.Contains(m.Topics, t) {
			return false
		}
	}
	return true
}

// take returns what this process assigned as the group's leader since the last
// call, and nil if it was not the leader.
func (b *oneActive) take() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := b.assigned
	b.assigned = nil
	return counts
}
