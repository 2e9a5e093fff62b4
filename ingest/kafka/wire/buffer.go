package wire

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// The smallest and largest buffers a Pool keeps. Larger ones are made when
// needed and left to the garbage collector, so that one huge batch does not
// stay in memory for ever.
const (
	minPooledBits = 12 // 4 KiB
	maxPooledBits = 23 // 8 MiB
)

// A Pool lends byte buffers by size. The zero value is ready. It is safe for
// use by many goroutines.
type Pool struct {
	classes [maxPooledBits - minPooledBits + 1]sync.Pool
}

// A Buffer is pooled memory with a count of its users. Whoever keeps a slice of
// Data beyond the call that handed it over holds a reference with Retain and
// gives it back with Release.
type Buffer struct {
	// Data is the content. Only the goroutine that got the buffer from the
	// pool may write to it or replace it.
	Data []byte

	refs atomic.Int32
	pool *Pool
}

// Get returns a buffer with one reference, length 0 and room for size bytes.
func (p *Pool) Get(size int) *Buffer {
	class := sizeClass(size)
	if class > maxPooledBits {
		b := &Buffer{Data: make([]byte, 0, size), pool: p}
		b.refs.Store(1)
		return b
	}
	b, _ := p.classes[class-minPooledBits].Get().(*Buffer)
	if b == nil {
		b = &Buffer{Data: make([]byte, 0, 1<<class), pool: p}
	}
	b.Data = b.Data[:0]
	b.refs.Store(1)
	return b
}

// Retain adds a reference.
func (b *Buffer) Retain() { b.refs.Add(1) }

// Release gives a reference back. With the last one the memory returns to the
// pool and every slice of it becomes invalid. Releasing more often than
// retained is a bug of the caller and panics.
func (b *Buffer) Release() {
	switch left := b.refs.Add(-1); {
	case left > 0:
		return
	case left < 0:
		panic("wire: a buffer was released more often than retained")
	}
	// A buffer that grew belongs to the class it fills completely.
	class := bits.Len(uint(cap(b.Data))) - 1
	if class < minPooledBits || class > maxPooledBits {
		return
	}
	b.pool.classes[class-minPooledBits].Put(b)
}

// sizeClass returns the power of two that holds size bytes.
func sizeClass(size int) int {
	if size <= 1<<minPooledBits {
		return minPooledBits
	}
	return bits.Len(uint(size - 1))
}
