// Package worktime measures work for tests of hostile input: the processor time that it
// takes, which other work on the machine hardly changes.
package worktime

import (
	"runtime"
	"time"
)

// Of runs work, which must not hand its work to other goroutines, and gives the processor
// time that it took.
func Of(work func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := thread()
	work()
	return thread() - before
}
