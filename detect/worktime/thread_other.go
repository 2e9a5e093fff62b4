//go:build !linux

package worktime

import "time"

var began = time.Now()

// thread is the time since the start, where threads have no clock of their own.
func thread() time.Duration { return time.Since(began) }
