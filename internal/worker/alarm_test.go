//go:build unix

package worker

import (
	"slices"
	"testing"
	"time"
)

func TestAlarm(t *testing.T) {
	begun := time.Now()
	alarms := make([]*alarm, 20)
	for i := range alarms {
		alarms[i] = newAlarm()
		alarms[i].Reset(time.Hour)
		alarms[i].Reset(time.Until(begun.Add(time.Duration(20-i) * time.Millisecond)))
	}
	stopped := newAlarm()
	stopped.Reset(time.Millisecond)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop does not know whether the alarm was set")
	}
	var rang []int
	for len(rang) < len(alarms) {
		for i, a := range alarms {
			select {
			case <-a.rings:
				if early := time.Until(begun.Add(time.Duration(20-i) * time.Millisecond)); early > 0 {
					t.Errorf("%d rang %v early", i, early)
				}
				rang = append(rang, i)
			default:
			}
		}
		if time.Since(begun) > bound {
			t.Fatalf("only %v rang", rang)
		}
	}
	if slices.Sort(rang); len(slices.Compact(rang)) != len(alarms) {
		t.Errorf("rang: %v", rang)
	}
	select {
	case <-stopped.rings:
		t.Error("a stopped alarm rang")
	default:
	}
}
