package join

import (
	"hash/maphash"
	"math/bits"

	"trespass.dev/trespass/detect/memory"
)

// chain is the lines of one key that wait: of a request id, a trace id, or a
// transaction.
type chain struct {
	hash, check uint64 // of the key
	head, tail  int32
	length      int32
	side        uint8 // which of a node's links are this chain's
	full        bool  // of a text: an execution found no room, so that the nearest may not be here
	// last is the time of the last line whose turn is over, lastBare of the last
	// without request id. A later line is the first of its kind only if it is far
	// enough from them. A chain lives while lines of it wait, and that is long enough:
	// a line near enough to ask was there before the turn was over.
	last, lastBare int64
}

// chains finds chains by key. A key is known by two hashes that are seeded by the
// process, so that nobody can choose keys that meet; where the first alone meets
// another key's, there is no chain for it.
type chains struct {
	pool         memory.Pool[chain]
	seed, second maphash.Seed
	index        memory.Table
}

func (c *chains) at(i int32) *chain { return c.pool.At(i) }

func newChains() chains { return chains{seed: maphash.MakeSeed(), second: maphash.MakeSeed()} }

// chainKey is what a chain is found by.
type chainKey struct{ hash, check uint64 }

// Spaces of keys: the same text as a request id and as a trace id is not one key.
const (
	spaceRequest = 0x9e3779b97f4a7c15
	spaceTrace   = 0xc2b2ae3d27d4eb4f
	spaceTxn     = 0x165667b19e3779f9
	spaceSession = 0x27d4eb2f165667c5
)

// hash is the first half of the key of an id.
func (c *chains) hash(space uint64, id string) uint64 { return maphash.String(c.seed, id) ^ space }

// key is the key of an id.
func (c *chains) key(space uint64, id string) chainKey {
	return chainKey{c.hash(space, id), maphash.String(c.second, id)}
}

// txn is the key of a transaction's name, which counts in one session only.
func (c *chains) txn(session chainKey, name string) chainKey {
	k := c.key(spaceTxn, name)
	return chainKey{session.hash*0xff51afd7ed558ccd ^ k.hash, session.check*0xff51afd7ed558ccd ^ k.check}
}

// text is, of a session, the key of the executions of one text in one span of time. Texts
// whose fingerprints meet share it: whoever looks compares plans.
func (session chainKey) text(fingerprint uint64, span int64) chainKey {
	mixed := fingerprint*0xff51afd7ed558ccd ^ uint64(span)*0x9e3779b97f4a7c15
	return chainKey{session.hash ^ mixed, session.check ^ bits.RotateLeft64(mixed, 32)}
}

// find gives the chain of a key, or none.
func (c *chains) find(k chainKey) int32 {
	i, ok := c.index.Get(k.hash)
	if !ok || c.at(i).check != k.check {
		return none
	}
	return i
}

// get gives the chain of a key, and makes it if need be. It is none if another key
// stands in the way.
func (c *chains) get(k chainKey, side uint8) int32 {
	if i, ok := c.index.Get(k.hash); ok {
		if x := c.at(i); x.check != k.check || x.side != side {
			return none
		}
		return i
	}
	i := c.pool.Add()
	*c.at(i) = chain{hash: k.hash, check: k.check, head: none, tail: none, side: side, last: never, lastBare: never}
	c.index.Set(k.hash, i)
	return i
}

// append puts a node at the end of a chain.
func (c *chains) append(ns *nodes, chainIndex, n int32) {
	ch := c.at(chainIndex)
	l := &ns.at(n).links[ch.side]
	*l = link{chain: chainIndex, prev: ch.tail, next: none}
	if ch.tail != none {
		ns.at(ch.tail).links[ch.side].next = n
	} else {
		ch.head = n
	}
	ch.tail = n
	ch.length++
}

// remove takes a node out of the chain of a side, and the chain away with its last node.
func (c *chains) remove(ns *nodes, n int32, side uint8) {
	l := &ns.at(n).links[side]
	if l.chain == none {
		return
	}
	ch := c.at(l.chain)
	if l.prev != none {
		ns.at(l.prev).links[side].next = l.next
	} else {
		ch.head = l.next
	}
	if l.next != none {
		ns.at(l.next).links[side].prev = l.prev
	} else {
		ch.tail = l.prev
	}
	ch.length--
	if ch.length == 0 {
		c.index.Delete(ch.hash)
		c.pool.Drop(l.chain)
	}
	l.chain = none
}
