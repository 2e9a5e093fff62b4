package detect

import "unsafe"

// chunkSize is how much text shares one allocation.
const chunkSize = 64 << 10

// arena keeps copies of short texts in large chunks. A chunk is never written twice:
// the collector frees it when nothing points into it any more, so that whatever was
// cut from it stays good for as long as somebody holds it.
type arena struct{ free []byte }

// keep copies b.
func (a *arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > len(a.free) {
		if len(b) > chunkSize/4 {
			return string(b)
		}
		a.free = make([]byte, chunkSize)
	}
	n := copy(a.free, b)
	s := unsafe.String(&a.free[0], n)
	a.free = a.free[n:]
	return s
}

// slab cuts short slices from large ones that are never used again, for the same
// reason.
type slab[T any] struct{ free []T }

const slabLength = 256

// take gives n zero values, with no room behind them.
func (s *slab[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	if n > len(s.free) {
		if n > slabLength/4 {
			return make([]T, n)
		}
		s.free = make([]T, slabLength)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

// keep copies a short list.
func (s *slab[T]) keep(list []T) []T {
	out := s.take(len(list))
	copy(out, list)
	return out
}

// extend adds an empty value to a list and gives its place. It is made in place: what
// lines and records are made of is large.
func extend[T any](list *[]T) *T {
	if n := len(*list); n < cap(*list) {
		*list = (*list)[:n+1]
		clear((*list)[n:])
	} else {
		var empty T
		*list = append(*list, empty)
	}
	return &(*list)[len(*list)-1]
}

// scratch lends short slices that are good until it is reset: for what is made of one
// access and not kept.
type scratch[T any] struct {
	room []T
	used int
}

// scratchKept bounds what a scratch holds on to after something large.
const scratchKept = 1 << 12

// take lends n values, whatever is in them, with no room behind them.
func (s *scratch[T]) take(n int) []T {
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

func (s *scratch[T]) reset() {
	s.used = 0
	if len(s.room) > scratchKept {
		s.room = nil
	}
}
