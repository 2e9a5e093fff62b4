package detect

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
)

// Failure is a part of judging that broke off because of a bug: a rule, or the verdicts
// of a whole access. One such access must not end a service that would meet it again
// after each restart, and must not pass in silence either: the caller counts it, says
// so, and puts its lines aside.
type Failure struct {
	Rule    string // FailedVerdicts where no rule was at work
	Cause   string // in words that hold nothing of any line
	Stack   string // where it happened
	Origins []Origin
}

// FailedVerdicts stands in for a rule's name where an access got no verdicts at all.
const FailedVerdicts = "verdicts"

// failure describes what was recovered while judging the access at hand.
func (j *Judge) failure(rule string, cause any) Failure {
	f := Failure{Rule: rule, Stack: string(debug.Stack())}
	if err, ok := cause.(runtime.Error); ok {
		f.Cause = err.Error()
	} else {
		f.Cause = fmt.Sprintf("%T", cause) // its text may be of a line
	}
	for i := range j.acc.Requests {
		f.Origins = append(f.Origins, j.acc.Requests[i].Origin)
	}
	for i := range j.acc.Statements {
		f.Origins = append(f.Origins, j.acc.Statements[i].Origin)
	}
	sortOrigins(f.Origins)
	f.Origins = slices.Compact(f.Origins)
	f.Origins = f.Origins[:min(len(f.Origins), MaxListed)]
	return f
}

// try does one part of judging an access, unless an earlier part has failed.
func (j *Judge) try(part func(*Judge)) {
	if j.failed != nil {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			f := j.failure(FailedVerdicts, cause)
			j.failed = &f
		}
	}()
	part(j)
}

// run runs one rule. A rule that fails finds nothing; the others go on.
func (s *scene) run(r *Rule, out *Output) (h hit, ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			h, ok = hit{}, false
			out.Failures = append(out.Failures, s.failure(r.Name, cause))
		}
	}()
	return r.check(s)
}
