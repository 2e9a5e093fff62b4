package detect

// JudgedTogether is how many accesses a Judge takes through each part of judging before
// the next. A list of this length is judged fastest.
const JudgedTogether = 16

// Access judges one access: it fills the second part of a, and appends to out one Read
// for each record that came back, or may have, and the findings, in a fixed order. If
// judging fails, nothing of the access is given out but the failure, and it has no records.
//
// Of a provisional access, which is one Complete request line that is not joined yet,
// only the proven findings of the read family are appended, and no reads. Revisions are
// left to the caller.
//
// What is appended to out is the receiver's for ever.
func (j *Judge) Access(a *Access, provisional bool, out *Output) {
	j.owned.Reset()
	j.seen.Reset()
	j.turn(0, a)
	j.try((*Judge).collect)
	j.lookUp(j.inquiries[:1])
	j.try((*Judge).verdicts)
	j.tell(provisional, out)
}

// Accesses judges several, each as Access does, and calls told with the place in the list
// of one that is done, and with what out held before it. Each
// part is done for all of them before the next: the processor does not keep the whole at
// hand. Only where a shared cache gave a response is what came before it finished first,
// since it may be what filled the cache.
func (j *Judge) Accesses(list []*Access, out *Output, told func(i int, before Extent)) {
	for done, n := 0, 0; done < len(list); done += n {
		list := list[done:]
		n = 1
		for n < len(list) && n < len(j.inquiries) && !list[n].fromCache() {
			n++
		}
		j.owned.Reset()
		j.seen.Reset()
		for i, a := range list[:n] {
			j.turn(i, a)
			j.try((*Judge).collect)
		}
		j.lookUp(j.inquiries[:n])
		for i := range list[:n] {
			j.inquiry = &j.inquiries[i]
			j.try((*Judge).verdicts)
		}
		for i := range list[:n] {
			j.inquiry = &j.inquiries[i]
			before := out.Extent()
			j.tell(false, out)
			told(done+i, before)
		}
	}
}

// conclude gives out what came of the access at hand.
func (j *Judge) conclude() {
	j.remember()
	if !j.provisional {
		j.reads(j.out)
	}
	if j.suspicious() {
		j.findings(j.provisional, j.out)
	}
}

// turn begins an inquiry.
func (j *Judge) turn(i int, a *Access) {
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
func (j *Judge) collect() {
	j.begin()
	j.place()
	j.actor()
	j.response()
	j.gather()
	j.keys()
}

// verdicts gives each record its verdict.
func (j *Judge) verdicts() {
	for i := range j.records {
		j.decide(i)
	}
	j.acc.Records = j.records
	j.acc.Returned = len(j.records) > 0
}

// tell appends what came of the access at hand to out.
func (j *Judge) tell(provisional bool, out *Output) {
	before := out.Extent()
	j.out, j.provisional = out, provisional
	j.try((*Judge).conclude)
	if j.failed != nil {
		out.Cut(before)
		j.acc.Records, j.acc.Returned = nil, false
		out.Failures = append(out.Failures, *j.failed)
	}
}
