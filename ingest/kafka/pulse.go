package kafka

import (
	"sync"
	"time"
)

// pulse notices that this process did not run for longer than the group
// tolerates, for instance after SIGSTOP or a frozen virtual machine. The group
// has then given the partitions to somebody else, and the generation's context
// may not know yet when the process wakes up. Whoever wakes first, the ticker or
// a commit, sees the missing beats.
type pulse struct {
	limit time.Duration
	now   func() time.Time // monotonic

	mu   sync.Mutex
	last time.Time
	dead bool
}

func newPulse(limit time.Duration, now func() time.Time) *pulse {
	return &pulse{limit: limit, now: now, last: now()}
}

// beat reports whether this member may still believe in its generation. Once
// false, it stays false.
func (p *pulse) beat() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.last) >= p.limit {
		p.dead = true
	}
	p.last = now
	return !p.dead
}
