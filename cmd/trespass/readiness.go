package main

import (
	"sync/atomic"

	"trespass.dev/trespass/cmd/trespass/service"
)

// readiness answers /-/ready, and /-/reload, before there is a service to ask.
type readiness struct {
	trouble *service.Trouble
	ask     atomic.Pointer[func() (bool, map[string]string)]
	renew   atomic.Pointer[func() error]
	again   atomic.Bool // the policy is to be read again once there is a service
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

// reload reads the policy again. The error says why the old one stays in force. Before
// there is a service it is put off, which is service.ErrNotOpen.
func (r *readiness) reload() error {
	renew := r.renew.Load()
	if renew == nil {
		r.again.Store(true)
		if renew = r.renew.Load(); renew == nil {
			return service.ErrNotOpen
		}
	}
	return (*renew)()
}

// started takes what reads the policy again, and does so if that was put off.
func (r *readiness) started(renew func() error) {
	r.renew.Store(&renew)
	if r.again.Swap(false) {
		_ = renew() // the outcome is in the log and in the metrics
	}
}
