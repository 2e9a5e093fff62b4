package detect

import (
	"strconv"
	"testing"
)

// What filled a cache not long ago and is let go for want of room is counted; what is too
// old to be asked for is not.
func TestAFillForgottenForWantOfRoomIsCounted(t *testing.T) {
	const noon = int64(1e18)
	j, _ := failing(t)
	f := &j.fills
	for i := range fillsKept + 2 {
		f.add(strconv.Itoa(i), &fill{time: noon})
	}
	if j.FillsLost() != 2 || len(f.byRequest) != fillsKept {
		t.Errorf("%d are counted of %d kept, want 2", j.FillsLost(), len(f.byRequest))
	}
	f.add("late", &fill{time: noon + fillAge})
	if j.FillsLost() != 2 {
		t.Error("one that no hit could ask for is counted")
	}
	j.Reload(j.policy)
	if j.FillsLost() != 2 || j.fills.byRequest["late"] == nil {
		t.Error("what filled caches is forgotten with the policy")
	}
}
