package main

import (
	"sync/atomic"

	"trespass.dev/trespass/cmd/trespass/service"
)

// readiness answers /-/ready before there is a service to ask.
type readiness struct {
	trouble *service.Trouble
	ask     atomic.Pointer[func() (bool, map[string]string)]
}

func (r *readiness) set(ask func() (bool, map[string]string)) { r.ask.Store(&ask) }

func (r *readiness) get() (bool, map[string]string) {
	if ask := r.ask.Load(); ask != nil {
		return (*ask)()
	}
	reason := "opening it"
	if why, failing := r.trouble.Failing(); failing {
		reason += ", " + why
	}
	return false, map[string]string{"sink": reason, "kafka": "not joined before the sink is open"}
}
