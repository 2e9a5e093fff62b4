package memory

import "unsafe"

// chunkSize is how much text shares one allocation.
const chunkSize = 64 << 10

// Arena keeps copies of short texts in large chunks. A chunk is never written twice:
// the collector frees it when nothing points into it any more, so that whatever was
// cut from it stays good for as long as somebody holds it.
type Arena struct{ free []byte }

// Keep copies b.
func (a *Arena) Keep(b []byte) string {
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
