package memory

// Slab cuts short slices from large ones that are never used again, for the same
// reason.
type Slab[T any] struct{ free []T }

const slabLength = 256

// Take gives n zero values, with no room behind them.
func (s *Slab[T]) Take(n int) []T {
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

// Keep copies a short list.
func (s *Slab[T]) Keep(list []T) []T {
	out := s.Take(len(list))
	copy(out, list)
	return out
}
