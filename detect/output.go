package detect

// Output is what comes of judging. Everything in it is the receiver's.
type Output struct {
	Findings []Finding
	Reads    []Read
	Failures []Failure // what could not be judged for a bug of ours; empty in a sound program
}

// Extent is how much an Output holds.
type Extent struct{ Findings, Reads, Failures int }

// Extent says how much o holds.
func (o *Output) Extent() Extent { return Extent{len(o.Findings), len(o.Reads), len(o.Failures)} }

// Cut drops what was appended since o was of an extent.
func (o *Output) Cut(to Extent) {
	clear(o.Findings[to.Findings:])
	clear(o.Reads[to.Reads:])
	clear(o.Failures[to.Failures:])
	o.Findings, o.Reads, o.Failures = o.Findings[:to.Findings], o.Reads[:to.Reads], o.Failures[:to.Failures]
}
