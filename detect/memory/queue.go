package memory

// Queue holds values in blocks, first in, first out, so that it grows and shrinks without
// moving them.
type Queue[T any] struct {
	blocks []*[queueBlock]T
	first  int // of the first block
	length int
	spare  *[queueBlock]T
}

const queueBlock = 1 << 10

// Len is how many values there are.
func (q *Queue[T]) Len() int { return q.length }

// At gives the ith value.
func (q *Queue[T]) At(i int) *T {
	i += q.first
	return &q.blocks[uint(i)/queueBlock][uint(i)%queueBlock]
}

// Push gives a place at the end, whatever is in it.
func (q *Queue[T]) Push() *T {
	if q.first+q.length == len(q.blocks)*queueBlock {
		block := q.spare
		if q.spare = nil; block == nil {
			block = new([queueBlock]T)
		}
		q.blocks = append(q.blocks, block)
	}
	q.length++
	return q.At(q.length - 1)
}

// Drop takes n values from the front. They keep what is in them until their place is
// used again.
func (q *Queue[T]) Drop(n int) {
	q.first += n
	q.length -= n
	for q.first >= queueBlock {
		q.spare = q.blocks[0]
		q.blocks = q.blocks[:copy(q.blocks, q.blocks[1:])]
		q.first -= queueBlock
	}
}

// Cut takes n values from the end.
func (q *Queue[T]) Cut(n int) { q.length -= n }
