package history

import (
	"fmt"
	"testing"
	"time"
)

func TestTheLatestAreThoseThatChangedLast(t *testing.T) {
	const services = 9
	up := workload(3, -1, 0)
	for most := range services + 2 {
		r := New(MinSize, after(0))
		var want []string
		for i := range services {
			name := fmt.Sprintf("s%d", i*7%services)
			r.Record(name, nil, up, BySlice, 0, after(time.Duration(i)*time.Second))
			want = append([]string{name}, want...)
		}
		r.Event(Listed, "", after(time.Minute))
		got := r.Latest(most)
		if len(got) != min(most, services) {
			t.Fatalf("%d of %d are %d", most, services, len(got))
		}
		for i, each := range got {
			if each.Service != want[i] || !each.At.Equal(r.Changed(each.Service)) {
				t.Errorf("of %d, number %d is %v, want %s", most, i, each, want[i])
			}
		}
	}
	if at := New(MinSize, after(0)).Changed("nobody"); !at.IsZero() {
		t.Errorf("who never changed did at %v", at)
	}
}
