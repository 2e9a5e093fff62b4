package detect

import "hash/maphash"

// chain is the lines of one key that wait: of a request id, a trace id, or a
// transaction.
type chain struct {
	hash       uint64
	key, extra string // the key, and the transaction within a session
	head, tail int32
	side       uint8 // which of a node's links are this chain's
	length     int32
	// last is the time of the last line whose turn is over, lastBare of the last
	// without request id. A later line is the first of its kind only if it is far
	// enough from them. A chain lives while lines of it wait, and that is long enough:
	// a line near enough to ask was there before the turn was over.
	last, lastBare int64
	free           int32
}

// chains finds chains by key. Hashes are seeded by the process, so that nobody can
// choose keys that meet; a key that meets another all the same has no chain.
type chains struct {
	seed  maphash.Seed
	index table
	all   []chain
	first int32
}

func newChains() chains {
	return chains{seed: maphash.MakeSeed(), first: none}
}

// Spaces of keys: the same text as a request id and as a trace id is not one key.
const (
	spaceRequest = 0x9e3779b97f4a7c15
	spaceTrace   = 0xc2b2ae3d27d4eb4f
	spaceTxn     = 0x165667b19e3779f9
	spaceAudit   = 0x27d4eb2f165667c5
)

func (c *chains) hash(space uint64, key, extra string) uint64 {
	h := maphash.String(c.seed, key) ^ space
	if extra != "" {
		h = h*0xff51afd7ed558ccd ^ maphash.String(c.seed, extra)
	}
	return h
}

// get gives the chain of a key, and makes it if need be. The key must live on.
func (c *chains) get(space uint64, key, extra string, side uint8) int32 {
	h := c.hash(space, key, extra)
	if i, ok := c.index.get(h); ok {
		if c.all[i].key != key || c.all[i].extra != extra {
			return none
		}
		return i
	}
	return c.add(h, key, extra, side)
}

func (c *chains) add(h uint64, key, extra string, side uint8) int32 {
	i := c.first
	if i != none {
		c.first = c.all[i].free
	} else {
		i = int32(len(c.all))
		c.all = append(c.all, chain{})
	}
	c.all[i] = chain{hash: h, key: key, extra: extra, head: none, tail: none, side: side, last: never, lastBare: never}
	c.index.set(h, i)
	return i
}

// fingerprint gives the chain of the audited executions of one text in one session.
// Texts whose hashes meet share it: whoever looks compares plans.
func (c *chains) fingerprint(session string, text uint64) int32 {
	h := c.hash(spaceAudit, session, "") ^ text
	if i, ok := c.index.get(h); ok {
		if c.all[i].key != session || c.all[i].side != 1 {
			return none
		}
		return i
	}
	return c.add(h, session, "", 1)
}

// findFingerprint gives the same chain, or none.
func (c *chains) findFingerprint(session string, text uint64) int32 {
	i, ok := c.index.get(c.hash(spaceAudit, session, "") ^ text)
	if !ok || c.all[i].key != session || c.all[i].side != 1 {
		return none
	}
	return i
}

// append puts a node at the end of a chain.
func (c *chains) append(ns *nodes, chainIndex, n int32) {
	ch := &c.all[chainIndex]
	l := &ns.all[n].links[ch.side]
	*l = link{chain: chainIndex, prev: ch.tail, next: none}
	if ch.tail != none {
		ns.all[ch.tail].links[ch.side].next = n
	} else {
		ch.head = n
	}
	ch.tail = n
	ch.length++
}

// remove takes a node out of the chain of a side, and the chain away with its last node.
func (c *chains) remove(ns *nodes, n int32, side uint8) {
	l := &ns.all[n].links[side]
	if l.chain == none {
		return
	}
	ch := &c.all[l.chain]
	if l.prev != none {
		ns.all[l.prev].links[side].next = l.next
	} else {
		ch.head = l.next
	}
	if l.next != none {
		ns.all[l.next].links[side].prev = l.prev
	} else {
		ch.tail = l.prev
	}
	ch.length--
	if ch.length == 0 {
		c.index.delete(ch.hash)
		*ch = chain{free: c.first}
		c.first = l.chain
	}
	l.chain = none
}
