package decode

import (
	"unsafe"

	"trespass.dev/trespass/detect"
)

// Scratch is the memory of the events decoded from one batch of lines. It grows
// to the size of a batch and is then reused without garbage. A Scratch belongs to
// one goroutine at a time; Reset ends the life of everything taken from it.
type Scratch struct {
	bytes      slab[byte]
	requests   slab[detect.Request]
	statements slab[detect.Statement]
	settings   slab[detect.Settings]
	facts      slab[detect.Fact]
	records    slab[detect.Record]
	owners     slab[detect.Owner]
	pairs      slab[detect.Pair]
	counts     slab[detect.Count]
	filters    slab[detect.Filter]
	params     slab[detect.Param]
	strings    slab[string]
}

// Reset gives all memory back to the Scratch.
func (s *Scratch) Reset() {
	s.bytes.reset()
	s.requests.reset()
	s.statements.reset()
	s.settings.reset()
	s.facts.reset()
	s.records.reset()
	s.owners.reset()
	s.pairs.reset()
	s.counts.reset()
	s.filters.reset()
	s.params.reset()
	s.strings.reset()
}

// Request gives a cleared request.
func (s *Scratch) Request() *detect.Request { return &s.requests.take(1, 1)[:1][0] }

// Statement gives a cleared statement.
func (s *Scratch) Statement() *detect.Statement { return &s.statements.take(1, 1)[:1][0] }

// Settings gives cleared settings.
func (s *Scratch) Settings() *detect.Settings { return &s.settings.take(1, 1)[:1][0] }

// Fact gives a cleared fact.
func (s *Scratch) Fact() *detect.Fact { return &s.facts.take(1, 1)[:1][0] }

// Bytes gives n bytes, not cleared, for unescaped text.
func (s *Scratch) Bytes(n int) []byte { return s.bytes.room(n)[:n:n] }

// The Append functions add one element to a list that lives in the Scratch. The
// list is moved when it outgrows its place, so use what they return.

func (s *Scratch) AppendRecord(l []detect.Record, v detect.Record) []detect.Record {
	return s.records.append(l, v)
}

func (s *Scratch) AppendOwner(l []detect.Owner, v detect.Owner) []detect.Owner {
	return s.owners.append(l, v)
}

func (s *Scratch) AppendPair(l []detect.Pair, v detect.Pair) []detect.Pair {
	return s.pairs.append(l, v)
}

func (s *Scratch) AppendCount(l []detect.Count, v detect.Count) []detect.Count {
	return s.counts.append(l, v)
}

func (s *Scratch) AppendFilter(l []detect.Filter, v detect.Filter) []detect.Filter {
	return s.filters.append(l, v)
}

func (s *Scratch) AppendParam(l []detect.Param, v detect.Param) []detect.Param {
	return s.params.append(l, v)
}

func (s *Scratch) AppendString(l []string, v string) []string { return s.strings.append(l, v) }

// String views b as a string without copying. The string is good as long as b is
// not written to.
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// slab hands out pieces of chunks. Chunks never move while in use, so pointers
// into them stay good until reset.
type slab[T any] struct {
	chunk []T   // the chunk being handed out; its length is what is taken
	full  [][]T // chunks taken before it since the last reset
	need  int
}

const firstChunk = 64

// room gives free space for n elements at the end of the chunk.
func (s *slab[T]) room(n int) []T {
	if cap(s.chunk)-len(s.chunk) < n {
		s.grow(n)
	}
	at := len(s.chunk)
	s.chunk = s.chunk[:at+n]
	return s.chunk[at : at+n : at+n]
}

func (s *slab[T]) grow(n int) {
	size := max(firstChunk, 2*cap(s.chunk), n)
	if cap(s.chunk) > 0 {
		s.need += len(s.chunk)
		s.full = append(s.full, s.chunk)
	}
	s.chunk = make([]T, 0, size)
}

// take gives n cleared elements with room for capacity.
func (s *slab[T]) take(n, capacity int) []T {
	r := s.room(capacity)
	clear(r)
	return r[:n:capacity]
}

func (s *slab[T]) append(l []T, v T) []T {
	n := len(l)
	if n < cap(l) {
		return append(l, v)
	}
	// Most lists are made one after the other: the last one grows where it is.
	end := len(s.chunk)
	if n == 0 || end < n || end == cap(s.chunk) || &l[n-1] != &s.chunk[end-1] {
		if n == 0 {
			grown := s.room(1)
			grown[0] = v
			return grown
		}
		grown := s.take(n, 2*n)
		copy(grown, l)
		return append(grown, v)
	}
	s.chunk = s.chunk[:end+1]
	s.chunk[end] = v
	return s.chunk[end-n : end+1 : end+1]
}

// reset keeps one chunk large enough for all that was taken, so that the next
// batch of the same size needs no memory.
func (s *slab[T]) reset() {
	if len(s.full) > 0 {
		need := s.need + len(s.chunk)
		if cap(s.chunk) < need {
			s.chunk = make([]T, 0, need)
		}
		clear(s.full)
		s.full = s.full[:0]
		s.need = 0
	}
	s.chunk = s.chunk[:0]
}
