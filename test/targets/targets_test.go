package targets

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

func TestATargetIsStartedAgainWhereItWas(t *testing.T) {
	s := Health(t)
	polltest.Must(t, accepts(s))
	s.Pause(t)
	// Its kernel accepts still.
	polltest.Must(t, accepts(s))
	s.Resume(t)
	s.Kill(t)
	if err := accepts(s); err == nil {
		t.Error("a server that was killed accepts connections")
	}
	s.Start(t)
	polltest.Must(t, accepts(s))
}

func TestTheLogBeginsWhenATargetServes(t *testing.T) {
	s := Redis(t)
	if got := s.Log(); got != "" {
		t.Errorf("got %q before anything was asked", got)
	}
	s.Pause(t)
	s.Resume(t)
	s.Kill(t)
	s.Start(t)
	if got := s.Log(); got != "" {
		t.Errorf("got %q behind the second start", got)
	}
	polltest.Until(t, func(context.Context) error {
		if whole := s.text("output"); strings.Count(whole, "Ready to accept connections") != 2 {
			return fmt.Errorf("the whole log: %s", whole)
		}
		return nil
	})
}
