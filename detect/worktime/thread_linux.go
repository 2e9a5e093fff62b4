package worktime

import (
	"syscall"
	"time"
)

// thread is the processor time that this thread has used.
func thread() time.Duration {
	const self = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(self, &u); err != nil {
		panic(err) // only a wrong argument fails
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
