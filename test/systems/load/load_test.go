package load

import (
	"context"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

func TestARunCountsWhatItsClientWrites(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	script := `printf 'ok 0.010 web-0\nok 0.2'; printf '50 web-1\nerror 0.030 connection refused\nok 0.020 web-0\n'; exec sleep 60`
	r, err := Start(exec.CommandContext(ctx, "sh", "-c", script), cancel)
	polltest.Must(t, err)
	polltest.Until(t, func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.met.Requests < 4 {
			return context.DeadlineExceeded
		}
		return nil
	})
	got, err := r.Stop()
	polltest.Must(t, err)
	want := Met{4, 1, 250 * time.Millisecond, map[string]int{"web-0": 2, "web-1": 1}, "error 0.030 connection refused"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it met %+v, want %+v", got, want)
	}
}

func TestAClientThatAsksNothingIsAMistake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Start(exec.CommandContext(ctx, "sleep", "60"), cancel)
	polltest.Must(t, err)
	if _, err := r.Stop(); err == nil || !strings.Contains(err.Error(), "asked nothing") {
		t.Errorf("got %v", err)
	}
}
