package detect

// Rule is a named signature over one access. Its prose is what people read of it: the
// README, `trespass rules`, metric labels and runbooks are made from this list.
type Rule struct {
	Name      string // as in findings and labels
	Signature string // S1 to S27 of the published list of signatures
	Family    Family // of its findings; a rule may find something milder in family hygiene
	About     string // what it means when it fires, in one sentence
	Needs     string // what the logs must hold
	Blind     string // what it cannot see
	Next      string // what to do when it fires

	check func(*scene) (hit, bool)
}

// Rules lists every rule over one access, the most specific first: of the rules of one
// family that hold for one table, the first names the finding, and the others become its
// evidence.
func Rules() []Rule {
	return []Rule{
		canaryRead(),
		cachedPrivateResponse(),
		clientStripeID(),
		stripeMappingMismatch(),
		secretKeyOutsideServer(),
		anonymousRead(),
		endedMembership(),
		crossTenantRead(),
		malformedIDSucceeded(),
		foreignRead(),
		suspendedAccount(),
		staleSession(),
		unjustifiedPrivilegedRead(),
		undeclaredJob(),
		previewOnProduction(),
		serviceRoleUserPath(),
		missingPredicate(),
		policyChange(),
		blindness(),
	}
}

// scene is what a rule looks at: one access and one of its tables. The table's name is
// empty for what concerns no table.
type scene struct {
	*Judge
	a       *Access
	table   *Table
	name    string
	recs    []int // records of the table
	foreign []int // those that are foreign
	doors   []doorSeen
}

// hit is what a rule found.
type hit struct {
	family   Family // empty: the rule's own
	severity Severity
	graded   bool // severity is set by the rule; otherwise by the severity of reads
	claim    Claim
	missing  []string
	cause    Cause // empty: decided by the table of causes
	because  string
	evidence []string
	recs     []int
}

// read makes the hit of a rule of the read family: it concerns the foreign records.
func (s *scene) read(because string, evidence ...string) (hit, bool) {
	return hit{recs: s.foreign, because: because, evidence: evidence}, true
}

// some says whether a record of the list has the property.
func (s *scene) some(recs []int, has func(*AccessRecord, *note) bool) bool {
	for _, i := range recs {
		if has(&s.records[i], &s.notes[i]) {
			return true
		}
	}
	return false
}

// outcome gives the claim of a finding that needs only that something came back.
func (s *scene) outcome(recs []int) (Claim, []string) {
	if s.some(recs, func(r *AccessRecord, _ *note) bool { return r.CameBack == Yes }) {
		return Proven, nil
	}
	return Possible, []string{MissingOutcome}
}
