package health

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func TestPublishedFollowsReady(t *testing.T) {
	for _, c := range []struct {
		name       string
		conditions model.Conditions
		want       bool
	}{
		{"ready and serving", model.Ready | model.Serving, true},
		{"ready by publishNotReadyAddresses, not serving", model.Ready, true},
		{"ready by publishNotReadyAddresses, terminating", model.Ready | model.Terminating, true},
		{"serving while it terminates", model.Serving | model.Terminating, false},
		{"not ready", 0, false},
		{"gone", model.Terminating, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Published(c.conditions); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
