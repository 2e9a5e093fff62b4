package memory

// Pool holds many small values in blocks, so that it grows without moving them. A
// place stays good, and so does a pointer, until the place is given back.
type Pool[T any] struct {
	blocks []*[poolBlock]T
	free   []int32
	made   int32
}

const poolBlock = 1 << 10

// At gives the value of a place.
func (p *Pool[T]) At(i int32) *T { return &p.blocks[uint32(i)/poolBlock][uint32(i)%poolBlock] }

// Add gives a place, whatever is in it.
func (p *Pool[T]) Add() int32 {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return i
	}
	if int(p.made) == len(p.blocks)*poolBlock {
		p.blocks = append(p.blocks, new([poolBlock]T))
	}
	p.made++
	return p.made - 1
}

// Drop gives a place back.
func (p *Pool[T]) Drop(i int32) { p.free = append(p.free, i) }
