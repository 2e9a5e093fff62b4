package memory

// Scratch lends short slices that are good until it is reset: for what is made of one
// access and not kept.
type Scratch[T any] struct {
	room []T
	used int
}

// scratchKept bounds what a scratch holds on to after something large.
const scratchKept = 1 << 12

// Take lends n values, whatever is in them, with no room behind them.
func (s *Scratch[T]) Take(n int) []T {
	if n == 0 {
		return nil
	}
	if n > len(s.room)-s.used {
		s.room, s.used = make([]T, max(64, n, 2*len(s.room))), 0
	}
	out := s.room[s.used : s.used+n : s.used+n]
	s.used += n
	return out
}

// Reset takes back all that was lent.
func (s *Scratch[T]) Reset() {
	s.used = 0
	if len(s.room) > scratchKept {
		s.room = nil
	}
}

// Extend adds an empty value to a list and gives its place. It is made in place: what
// lines and records are made of is large.
func Extend[T any](list *[]T) *T {
	if n := len(*list); n < cap(*list) {
		*list = (*list)[:n+1]
		clear((*list)[n:])
	} else {
		var empty T
		*list = append(*list, empty)
	}
	return &(*list)[len(*list)-1]
}
