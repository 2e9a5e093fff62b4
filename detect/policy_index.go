package detect

// policyIndex makes look-ups of one compiled policy quick.
type policyIndex struct {
	tables map[string]*Table
}
