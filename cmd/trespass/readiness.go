package main

import "sync/atomic"

// readiness answers /-/ready before there is a service to ask.
type readiness struct {
	reason string
	ask    atomic.Pointer[func() (bool, map[string]string)]
}

func (r *readiness) set(ask func() (bool, map[string]string)) { r.ask.Store(&ask) }

func (r *readiness) get() (bool, map[string]string) {
	if ask := r.ask.Load(); ask != nil {
		return (*ask)()
	}
	return false, map[string]string{"start": r.reason}
}
