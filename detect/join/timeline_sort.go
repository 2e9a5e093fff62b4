package join

import "slices"

// actionSort sorts actions by merging runs. The lines of a phase are due in about the
// order in which they arrive, so that a slot holds a few long runs that are sorted
// already. Its memory is used again.
type actionSort struct {
	spare []action
	ends  []int // of the runs
}

// sort gives list in order, in its own memory or in that of the list before.
func (s *actionSort) sort(list []action) []action {
	s.ends = s.ends[:0]
	for i := 1; i <= len(list); i++ {
		if i == len(list) || later(&list[i-1], &list[i]) {
			s.ends = append(s.ends, i)
		}
	}
	if len(s.ends) > 1+len(list)/4 { // no order worth the name
		slices.SortFunc(list, compareActions)
		return list
	}
	for len(s.ends) > 1 {
		to := slices.Grow(s.spare[:0], len(list))
		from, runs := 0, 0
		for k := 0; k < len(s.ends); k += 2 {
			middle, end := s.ends[k], len(list)
			if k+1 < len(s.ends) {
				end = s.ends[k+1]
			}
			to = merge(to, list[from:middle], list[middle:end])
			from = end
			s.ends[runs] = end
			runs++
		}
		s.ends = s.ends[:runs]
		list, s.spare = to, list
	}
	if cap(s.spare) > 1<<16 {
		s.spare = nil
	}
	return list
}

// merge appends two lists that are in order, in order.
func merge(to, a, b []action) []action {
	for len(a) > 0 && len(b) > 0 {
		if later(&a[0], &b[0]) {
			to, b = append(to, b[0]), b[1:]
		} else {
			to, a = append(to, a[0]), a[1:]
		}
	}
	return append(append(to, a...), b...)
}

// later says whether a comes after b.
func later(a, b *action) bool {
	return a.due > b.due || a.due == b.due && compareActions(*a, *b) > 0
}
