package detect

// queue holds values in blocks, first in, first out, so that it grows and shrinks without
// moving them.
type queue[T any] struct {
	blocks []*[queueBlock]T
	first  int // of the first block
	length int
	spare  *[queueBlock]T
}

const queueBlock = 1 << 10

// at gives the ith value.
func (q *queue[T]) at(i int) *T {
	i += q.first
	return &q.blocks[uint(i)/queueBlock][uint(i)%queueBlock]
}

// push gives a place at the end, whatever is in it.
func (q *queue[T]) push() *T {
	if q.first+q.length == len(q.blocks)*queueBlock {
		block := q.spare
		if q.spare = nil; block == nil {
			block = new([queueBlock]T)
		}
		q.blocks = append(q.blocks, block)
	}
	q.length++
	return q.at(q.length - 1)
}

// drop takes n values from the front. They keep what is in them until their place is
// used again.
func (q *queue[T]) drop(n int) {
	q.first += n
	q.length -= n
	for q.first >= queueBlock {
		q.spare = q.blocks[0]
		q.blocks = q.blocks[:copy(q.blocks, q.blocks[1:])]
		q.first -= queueBlock
	}
}

// cut takes n values from the end.
func (q *queue[T]) cut(n int) { q.length -= n }
