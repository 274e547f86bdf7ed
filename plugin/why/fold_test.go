package why

import (
	"testing"
	"time"
)

func TestWhatBelongsTogether(t *testing.T) {
	const second = time.Second
	for want, got := range map[string]string{
		"Rollout: 6 Pods replaced, from web-5 to web-0, 8 m 30 s; not ready for 31 to 37 s each":  (&Rollout{6, "web-5", "web-0", 510 * second, 31 * second, 37 * second}).String(),
		"Rollout: 2 Pods replaced, from web-1 to web-0, 1 m; not ready for 40 s to 1 m 10 s each": (&Rollout{2, "web-1", "web-0", 60 * second, 40 * second, 70 * second}).String(),
		"Rollout: 2 Pods replaced, from web-1 to web-0, 1 m; not ready for 40 s each":             (&Rollout{2, "web-1", "web-0", 60 * second, 40 * second, 40 * second}).String(),
		"Rollout: 2 Pods replaced, from web-1 to web-0, 1 m; not ready for 0.50 s to 40 s each":   (&Rollout{2, "web-1", "web-0", 60 * second, second / 2, 40 * second}).String(),
		"Rollout: 14 Pods replaced, from web-7d4 to web-9k2, at once":                             (&Rollout{Pods: 14, First: "web-7d4", Last: "web-9k2"}).String(),
		"30 changes; never fewer than 5":                                                          Below(30, 5),
		"web-2 was not ready for 7 s":                                                             Dipped("web-2", 7*second),
		"web-2 flapped 11 times while it was damped":                                              FlappedDamped("web-2", 11),
		"down for 6 s": Down(6 * second),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
