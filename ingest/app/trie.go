package app

import "strings"

// maxAliases bounds the paths of one field, so that a rank, doubled, fits its type.
const maxAliases = 100

// leaf says that a value is wanted, as what, and how strongly: rank 1 is the first
// path of a field.
type leaf struct {
	field field
	rank  uint8
	table string // of recordID
}

// node is one level of keys of a compiled mapping. Keys are found in a small open
// hash table, because a line has many keys that nobody asked for.
type node struct {
	leaves []leaf
	slots  []slot // a power of two, at most half full
	wants  int    // keys
}

type slot struct {
	key  string
	node *node
}

// find gives the node of key, or nil.
func (n *node) find(key []byte) *node {
	if len(n.slots) == 0 {
		return nil
	}
	mask := len(n.slots) - 1
	for i := spread(key) & mask; ; i = (i + 1) & mask {
		s := &n.slots[i]
		if s.node == nil {
			return nil
		}
		if s.key == string(key) {
			return s.node
		}
	}
}

// spread tells most keys of a log line apart by their length and three bytes.
func spread(key []byte) int {
	n := len(key)
	if n == 0 {
		return 0
	}
	return n*131 ^ int(key[0])*31 ^ int(key[n-1])*7 ^ int(key[n/2])
}

// child gives the node of key, which it makes if it is not there.
func (n *node) child(key string) *node {
	if c := n.find([]byte(key)); c != nil {
		return c
	}
	if n.wants++; 2*n.wants > len(n.slots) {
		old := n.slots
		n.slots = make([]slot, max(4, 2*len(old)))
		for _, s := range old {
			if s.node != nil {
				n.place(s)
			}
		}
	}
	c := &node{}
	n.place(slot{key, c})
	return c
}

func (n *node) place(s slot) {
	mask := len(n.slots) - 1
	i := spread([]byte(s.key)) & mask
	for n.slots[i].node != nil {
		i = (i + 1) & mask
	}
	n.slots[i] = s
}

// compile makes the tree of a valid mapping. A path with dots is put in twice: as
// nested keys and as one key that holds the dots.
func compile(m Mapping) *node {
	root := &node{}
	for name, paths := range m {
		f, table, _ := fieldOf(name)
		for i, p := range paths {
			l := leaf{f, uint8(i + 1), table}
			if strings.Contains(p, ".") {
				root.want(l, p)
			}
			root.want(l, strings.Split(p, ".")...)
		}
	}
	return root
}

func (n *node) want(l leaf, keys ...string) {
	for _, key := range keys {
		n = n.child(key)
	}
	n.leaves = append(n.leaves, l)
}
