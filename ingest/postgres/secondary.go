package postgres

// Secondary says whether line is a DETAIL, STATEMENT or the like, with a prefix of its
// own, of the record before it.
func (d *Stderr) Secondary(line []byte) bool {
	return d.match(firstLine(line)) && partOf(d.matcher.head.severity) != partPrimary
}
