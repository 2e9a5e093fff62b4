package kafka

import (
	"context"
	"time"
)

// backoff is a pause that doubles with each failure in a row.
type backoff struct {
	first, most time.Duration
	next        time.Duration
}

func newBackoff() backoff { return backoff{first: 100 * time.Millisecond, most: 2 * time.Second} }

func (b *backoff) reset() { b.next = 0 }

// wait pauses and returns false when ctx is done.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(b.first, 2*b.next), b.most)
	return pause(ctx, b.next)
}

// pause waits for d and returns false when ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
