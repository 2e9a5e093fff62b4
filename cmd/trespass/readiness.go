package main

import (
	"errors"
	"sync/atomic"

	"trespass.dev/trespass/cmd/trespass/service"
)

// readiness answers /-/ready, and /-/reload, before there is a service to ask.
type readiness struct {
	trouble *service.Trouble
	ask     atomic.Pointer[func() (bool, map[string]string)]
	renew   atomic.Pointer[func() error]
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

// reload reads the policy again. The error says why the old one stays in force.
func (r *readiness) reload() error {
	if renew := r.renew.Load(); renew != nil {
		return (*renew)()
	}
	return errors.New("not started yet: the policy is read at the start")
}
