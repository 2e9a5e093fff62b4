package query

import (
	"hash/maphash"
	"strings"
)

// Cache keeps one plan for each normalised text, so that the parser sees a shape of
// statement once. It holds a bounded number of texts and bytes and lets go of those
// not asked for lately. Texts that could not be read are kept too. A Cache serves
// one goroutine.
type Cache struct {
	scan    scanner
	index   map[string]int
	entries []entry
	limit   int
	bytes   int
	hand    int // of the clock: where to look next for an entry to let go

	exact  [exactSlots]exactText
	seen   [exactSlots]uint64 // hashes of texts that went by once
	seed   maphash.Seed
	misses uint64
}

// exactText is a statement that came again letter for letter but for the comment at its
// end, as those with parameters do. It is answered without a pass over it.
type exactText struct {
	hash     uint64
	sql      string
	plan     *Plan
	literals []string
}

// Bounds of the exact texts: where many differ in their constants only, none is
// kept, because none comes twice.
const (
	exactSlots  = 1 << 10
	exactLength = 4 << 10
)

type entry struct {
	text      string
	plan      *Plan
	undecided *Undecided
	used      bool // since the hand went by
}

// bytesPerEntry sets how much text a cache may hold, with its limit of entries.
const bytesPerEntry = 2 << 10

// NewCache gives an empty cache for at most limit texts; below 1 means 1.
func NewCache(limit int) *Cache {
	return &Cache{index: make(map[string]int), limit: max(limit, 1), seed: maphash.MakeSeed()}
}

// Plan says what a statement's text reads, with the constants of the text in the
// order in which the plan counts them. The constants are good until the next call
// and as long as sql is. The error is always an *Undecided, which is shared and never
// changed. For a known text Plan makes at most one pass over it, two if it cannot be
// read, and allocates nothing.
func (c *Cache) Plan(sql string) (*Plan, []string, error) {
	text := withoutComment(sql)
	if len(text) > exactLength {
		return c.plan(sql)
	}
	hash := maphash.String(c.seed, text)
	slot := hash % exactSlots
	exact := &c.exact[slot]
	if exact.hash == hash && exact.sql == text && exact.plan != nil {
		return exact.plan, exact.literals, nil
	}
	if c.seen[slot] != hash {
		c.seen[slot] = hash
		return c.plan(sql)
	}
	plan, literals, err := c.plan(text)
	switch {
	case err != nil && len(text) < len(sql):
		return c.plan(sql) // what looks like a comment may stand in a string
	case err != nil:
		return nil, nil, err
	}
	// The second time. The constants must outlive the caller's text.
	*exact = exactText{hash: hash, sql: strings.Clone(text), plan: plan}
	for _, l := range literals {
		exact.literals = append(exact.literals, strings.Clone(l))
	}
	return plan, exact.literals, nil
}

// withoutComment cuts off the comment that ends sql, in which sqlcommenter and others
// name the request, so that a statement is the same for each. Where that was no comment,
// what is left cannot be read by itself, since a string or a name in it does not end; or
// it was inside of another comment, to the end of the line.
func withoutComment(sql string) string {
	at := strings.Index(sql, "/*")
	if at < 0 {
		return sql
	}
	body, ends := strings.CutSuffix(sql[at+2:], "*/")
	if !ends || len(sql) > MaxRaw || strings.HasSuffix(body, "/") { // which opens another: /*/*/
		return sql
	}
	for i := range len(body) {
		if c := body[i]; c == '*' || c == '\n' || c == '\r' || c == 0 {
			return sql
		}
	}
	return sql[:at]
}

// plan answers for a text by its normalised form.
func (c *Cache) plan(sql string) (*Plan, []string, error) {
	if reason := c.scan.scan(sql); reason != "" {
		return nil, nil, undecided(reason)
	}
	i, ok := c.index[string(c.scan.text)]
	if !ok {
		i = c.add()
	}
	e := &c.entries[i]
	e.used = true
	if e.undecided != nil {
		return nil, nil, e.undecided
	}
	return e.plan, c.scan.literals, nil
}

// Misses counts the texts that had to be parsed.
func (c *Cache) Misses() uint64 { return c.misses }

// Len counts the texts held.
func (c *Cache) Len() int { return len(c.index) }

// add parses the scanned text and keeps what came of it.
func (c *Cache) add() int {
	c.misses++
	e := entry{text: string(c.scan.text)}
	plan, reason := parse(c.scan.text)
	if reason != "" {
		e.undecided = undecided(reason)
	} else {
		e.plan = plan
	}
	for len(c.index) > 0 && c.bytes+len(e.text) > c.limit*bytesPerEntry {
		c.drop(c.victim())
	}
	i := len(c.entries)
	if i < c.limit {
		c.entries = append(c.entries, e)
	} else {
		i = c.victim()
		c.drop(i)
		c.entries[i] = e
	}
	c.index[e.text] = i
	c.bytes += len(e.text)
	return i
}

// victim is the next entry that was not used since the hand last went by. Entries
// dropped before are the first choice.
func (c *Cache) victim() int {
	for {
		i := c.hand
		c.hand = (c.hand + 1) % len(c.entries)
		if !c.entries[i].used {
			return i
		}
		c.entries[i].used = false
	}
}

func (c *Cache) drop(i int) {
	e := &c.entries[i]
	if e.text == "" && e.plan == nil && e.undecided == nil {
		return
	}
	delete(c.index, e.text)
	c.bytes -= len(e.text)
	*e = entry{}
}

// One value for each reason, so that refusing costs nothing.
var (
	tooLarge   = &Undecided{Reason: ReasonTooLarge}
	tooDeep    = &Undecided{Reason: ReasonTooDeep}
	holdsNUL   = &Undecided{Reason: ReasonNUL}
	unparsable = &Undecided{Reason: ReasonUnparsable}
)

func undecided(reason string) *Undecided {
	switch reason {
	case ReasonTooLarge:
		return tooLarge
	case ReasonTooDeep:
		return tooDeep
	case ReasonNUL:
		return holdsNUL
	default:
		return unparsable
	}
}
