package service

import (
	"fmt"
	"time"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink/contract"
)

// failedAgain is how often the failures of one rule are logged.
const failedAgain = time.Minute

// fail puts on record what could not be judged: the lines go to quarantine, so that
// they can be judged again once the bug is mended, and the service goes on.
func (t *task) fail(f *detect.Failure, now time.Time) {
	t.s.metrics.failed(f)
	if now.Sub(t.failed[f.Rule]) >= failedAgain {
		t.failed[f.Rule] = now
		e := t.s.o.Log.Error().Str("rule", f.Rule).Str("cause", f.Cause).Str("stack", f.Stack)
		if len(f.Origins) > 0 {
			e = e.Stringer("line", f.Origins[0])
		}
		e.Msg("an access could not be judged because of a bug of Trespass; its lines are in quarantine. Please report the stack")
	}
	for _, o := range f.Origins {
		t.add(func(b *contract.Batch) {
			b.Quarantined = append(b.Quarantined, contract.Quarantined{
				Origin: o, Reason: reasonFailed, Detail: fmt.Sprintf("%s failed: %s", f.Rule, f.Cause),
			})
		})
	}
}
