package join

import (
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/detect/memory"
	"trespass.dev/trespass/detect/progress"
	"trespass.dev/trespass/detect/query"
)

// none stands for no node and no chain.
const none = int32(-1)

// node is one line that waits. Each node but a popped member of a transaction has
// exactly one action in the timeline. It frees the node, or finds it gone: a
// transaction that was claimed.
type node struct {
	time   int64
	line   uint64 // LineID
	data   string // the line, encoded; empty once it is not needed
	plan   *query.Plan
	offset int64 // receipt: the least of its copies'
	part   int32
	seq    int64 // session line number of a statement; 0 unknown

	session chainKey // of a statement
	who     uint64   // request: hash of the user
	hint    uint64   // of a statement: hash to look ahead by, of its request id; 0 none
	ticket  progress.Ticket
	holder  int32 // partition that ticket belongs to; none if nothing is held
	flags   flags
	kind    nodeKind
	stmt    detect.StatementKind
	turn    uint32  // counts the lines that had this place
	links   [2]link // in the chains of its keys
	sibling int32   // next statement of the same sealed transaction
}

// link is a node's place in one chain.
type link struct{ chain, prev, next int32 }

type nodeKind uint8

const (
	nodeRequest nodeKind = iota
	nodeStatement
	nodeUnit // the first statement of a sealed transaction, standing for all of it
)

type flags uint16

const (
	flagEmit     flags = 1 << iota // some copy of it lies where this run decides
	flagComplete                   // request that needs no partner
	flagIdentity                   // request that says whose session it is
	flagHasR                       // has a request id
	flagJoined                     // taken into an access, or a transaction, by an earlier line
	flagDone                       // nothing is left to be decided about it
	flagPopped                     // member of a transaction whose own action is over
	flagDropped                    // the same line came on time: forget this copy
	flagApart                      // judged by itself: too late to be joined, or its key has no room
	flagLate                       // too late to be joined
	flagRead                       // statement that is judged; the others only set state
	flagSets                       // statement that sets some state
	flagNamed                      // registered by its LineID
)

func (n *node) is(f flags) bool { return n.flags&f != 0 }

// nodes holds all lines that wait.
type nodes struct {
	pool  memory.Pool[node]
	count int
	bytes int64
}

func (s *nodes) at(i int32) *node { return s.pool.At(i) }

func (s *nodes) add() int32 {
	s.count++
	i := s.pool.Add()
	*s.at(i) = node{turn: s.at(i).turn, holder: none, sibling: none, links: [2]link{{chain: none}, {chain: none}}}
	return i
}

func (s *nodes) drop(i int32) {
	s.forget(i)
	s.count--
	s.at(i).plan = nil
	s.at(i).turn++
	s.pool.Drop(i)
}

// lineOverhead is about what a waiting line takes besides its text: the node, its share
// of two chains, of the tables, and its action.
const lineOverhead = 320

// memory is about what all waiting lines take.
func (s *nodes) memory() int64 { return s.bytes + int64(s.count)*lineOverhead }

// forget lets go of the line's text.
func (s *nodes) forget(i int32) {
	x := s.at(i)
	s.bytes -= int64(len(x.data))
	x.data = ""
}

// before orders lines by time, then by identity, so that no order of arrival shows.
func (s *nodes) before(a, b int32) int {
	x, y := s.at(a), s.at(b)
	switch {
	case x.time != y.time:
		if x.time < y.time {
			return -1
		}
		return 1
	case x.line < y.line:
		return -1
	case x.line > y.line:
		return 1
	}
	return 0
}
