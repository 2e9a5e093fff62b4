package kafka

import "sync"

// State is what a readiness endpoint shows.
type State struct {
	Ready      bool   // reading, or standing by for the member that reads
	Active     bool   // this member holds the partitions
	Reason     string // why, in words; never empty
	Generation int32  // -1 outside a generation
	Member     string
}

// status holds the state that Run moves through.
type status struct {
	mu    sync.Mutex
	state State
}

func newStatus() *status {
	return &status{state: State{Reason: "not started", Generation: -1}}
}

// outside records that this member is in no generation, and why.
func (s *status) outside(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = State{Reason: reason, Generation: -1}
}

func (s *status) set(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

func (s *status) get() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
