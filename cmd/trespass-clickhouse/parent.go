//go:build linux && amd64

package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// watchParent calls stop when the process with the given pid ends. It watches the process
// itself: PR_SET_PDEATHSIG would fire when the thread of the parent that started us ends,
// which in a Go program can be long before the process does.
func watchParent(pid int, stop func(reason string)) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("watching the parent process %d: %w", pid, err)
	}
	go func() {
		defer unix.Close(fd)
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if err != unix.EINTR {
				stop("the parent process ended")
				return
			}
		}
	}()
	return nil
}

// watchStdin calls stop when standard input is at its end: the pipe from whoever started
// us is closed, in whatever way that process ended.
func watchStdin(stop func(reason string)) {
	go func() {
		// What comes in is of no interest, an error is an end as well.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop("standard input was closed")
	}()
}
