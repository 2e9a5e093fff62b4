package envelope

import (
	"bytes"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
)

// Bounds of what waits for its next piece.
const (
	maxMessages = 64   // messages of one partition
	maxPieces   = 1300 // pieces of 900 bytes make the longest line
)

// Message is a Postgres message put together from its chunks, or what there is of it.
type Message struct {
	Origin detect.Origin // of the first piece
	Time   int64         // of the first piece's frame
	Arrive int64         // of the record that carried it
	Text   []byte        // good until emit returns
	Cut    bool          // pieces are missing
	Note   int           // the caller's own; 0 for a message made of chunks
}

// Chunks puts together the messages that Postgres cut for syslog. Several backends
// write at once, so pieces of several messages may alternate. The last piece does not
// say that it is the last: a message is whole when its sender begins the next, or when
// 64 messages have begun after it. Messages leave in the order in which they began.
// The zero Chunks is ready for use.
type Chunks struct {
	open  []pending
	spare [][]byte // memory of messages that have left
}

type pending struct {
	Message
	sender []byte
	number Chunk // of the last piece
	whole  bool
}

// Held gives the origin of the oldest message that waits; ok is false if none does.
func (c *Chunks) Held() (o detect.Origin, ok bool) {
	if len(c.open) == 0 {
		return detect.Origin{}, false
	}
	return c.open[0].Origin, true
}

// Add takes one piece. continues says whether a text goes on with the message before
// it, such as a DETAIL line. m.Text is the piece. Messages that are whole now are
// passed to emit.
func (c *Chunks) Add(sender []byte, n Chunk, m Message, continues func([]byte) bool, emit func(Message)) {
	p := c.find(sender)
	switch {
	case n.Piece > 1 && p != nil && p.number.Message == n.Message && p.number.Piece+1 == n.Piece && !p.Cut:
		p.add(n, m.Text, continues)
	case n.Piece > 1 && p != nil && p.number.Message == n.Message:
		p.Cut = true // a piece is lost; those after it are of no use
	default:
		if p != nil {
			p.whole = true
		}
		c.begin(sender, n, m)
	}
	c.ready(emit)
}

// ready passes on what is whole at the front.
func (c *Chunks) ready(emit func(Message)) {
	for len(c.open) > 0 && (c.open[0].whole || len(c.open) > maxMessages) {
		c.first(emit)
	}
}

// Behind queues a message that came whole behind those that wait, so that the order
// stays, and says whether there are any; if not, it does nothing.
func (c *Chunks) Behind(m Message, emit func(Message)) bool {
	if len(c.open) == 0 {
		return false
	}
	m.Text = append(c.room(), m.Text...)
	c.open = append(c.open, pending{Message: m, whole: true})
	c.ready(emit)
	return true
}

// Flush passes on everything that waits.
func (c *Chunks) Flush(emit func(Message)) {
	for len(c.open) > 0 {
		c.first(emit)
	}
}

// find gives the message that sender has begun last, or nil.
func (c *Chunks) find(sender []byte) *pending {
	for i := len(c.open) - 1; i >= 0; i-- {
		if p := &c.open[i]; !p.whole && bytes.Equal(p.sender, sender) {
			return p
		}
	}
	return nil
}

func (c *Chunks) begin(sender []byte, n Chunk, m Message) {
	p := pending{Message: m, number: n}
	p.Cut = n.Piece != 1
	p.sender = append(c.room(), sender...)
	p.Text = appendPiece(c.room(), m.Text)
	c.open = append(c.open, p)
}

func (p *pending) add(n Chunk, text []byte, continues func([]byte) bool) {
	p.number = n
	if n.Piece > maxPieces || len(p.Text)+len(text) >= decode.MaxLine {
		p.Cut = true
		return
	}
	if bytes.HasPrefix(text, []byte("\t")) || bytes.HasPrefix(text, []byte("#011")) || continues(text) {
		p.Text = append(p.Text, '\n')
	}
	p.Text = appendPiece(p.Text, text)
}

// first passes on the oldest message.
func (c *Chunks) first(emit func(Message)) {
	p := c.open[0]
	copy(c.open, c.open[1:])
	c.open[len(c.open)-1] = pending{}
	c.open = c.open[:len(c.open)-1]
	emit(p.Message)
	c.spare = append(c.spare, p.Text[:0])
	if p.sender != nil {
		c.spare = append(c.spare, p.sender[:0])
	}
}

func (c *Chunks) room() []byte {
	if n := len(c.spare); n > 0 {
		b := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return b
	}
	return nil
}

// appendPiece adds text, in which rsyslog may have written the tab at the front as #011.
func appendPiece(to, text []byte) []byte {
	if rest, is := bytes.CutPrefix(text, []byte("#011")); is {
		to, text = append(to, '\t'), rest
	}
	return append(to, text...)
}
