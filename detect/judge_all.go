package detect

// access judges one access: it fills the second part of a, and appends to out one Read
// for each record that came back, or may have, and the findings, in a fixed order. If
// judging fails, nothing of the access is given out but the failure, and it has no records.
//
// Of a provisional access, which is one Complete request line that is not joined yet,
// only the proven findings of the read family are appended, and no reads. Revisions are
// left to the caller.
//
// What is appended to out is the receiver's for ever.
func (j *judge) access(a *Access, provisional bool, out *Output) {
	j.owned.Reset()
	j.seen.Reset()
	j.turn(0, a)
	j.try((*judge).collect)
	j.lookUp(j.inquiries[:1])
	j.try((*judge).verdicts)
	j.tell(provisional, out)
}

// accesses judges several, each as access does, and calls told when one is done. Each
// part is done for all of them before the next: the processor does not keep the whole at
// hand. Only where a shared cache gave a response is what came before it finished first,
// since it may be what filled the cache.
func (j *judge) accesses(list []*decision, out *Output, told func(c *decision, before extent)) {
	for len(list) > 0 {
		n := 1
		for n < len(list) && n < len(j.inquiries) && !list[n].fromCache() {
			n++
		}
		j.owned.Reset()
		j.seen.Reset()
		for i, c := range list[:n] {
			j.turn(i, &c.Access)
			j.try((*judge).collect)
		}
		j.lookUp(j.inquiries[:n])
		for i := range list[:n] {
			j.inquiry = &j.inquiries[i]
			j.try((*judge).verdicts)
		}
		for i, c := range list[:n] {
			j.inquiry = &j.inquiries[i]
			before := out.extent()
			j.tell(false, out)
			told(c, before)
		}
		list = list[n:]
	}
}

// conclude gives out what came of the access at hand.
func (j *judge) conclude() {
	j.remember()
	if !j.provisional {
		j.reads(j.out)
	}
	if j.suspicious() {
		j.findings(j.provisional, j.out)
	}
}

// turn begins an inquiry.
func (j *judge) turn(i int, a *Access) {
	j.inquiry = &j.inquiries[i]
	*j.inquiry = inquiry{acc: a, records: a.Records[:0], notes: j.notes[:0], index: j.index}
	if len(j.index) > 0 {
		clear(j.index)
	}
}

// fromCache says whether a line of the access says that a shared cache answered.
func (a *Access) fromCache() bool {
	for i := range a.Requests {
		if a.Requests[i].Cache.Status.shared() {
			return true
		}
	}
	return false
}

// collect finds who read by which route, and what came back.
func (j *judge) collect() {
	j.begin()
	j.place()
	j.actor()
	j.response()
	j.gather()
	j.keys()
}

// verdicts gives each record its verdict.
func (j *judge) verdicts() {
	for i := range j.records {
		j.decide(i)
	}
	j.acc.Records = j.records
	j.acc.Returned = len(j.records) > 0
}

// tell appends what came of the access at hand to out.
func (j *judge) tell(provisional bool, out *Output) {
	before := out.extent()
	j.out, j.provisional = out, provisional
	j.try((*judge).conclude)
	if j.failed != nil {
		out.cut(before)
		j.acc.Records, j.acc.Returned = nil, false
		out.Failures = append(out.Failures, *j.failed)
	}
}
