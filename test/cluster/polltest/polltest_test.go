package polltest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// failing notes the failures of a test, instead of failing it.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}

func (f *failing) Fatal(args ...any) {
	f.why = args[0].(error).Error()
	runtime.Goexit()
}

// told returns the failures of do, or nothing.
func told(t *testing.T, do func(testing.TB)) string {
	f, done := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		do(f)
	}()
	<-done
	return f.why
}

func TestMustTellsEveryError(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	if why := told(t, func(t testing.TB) { Must(t, nil, one, two) }); !strings.Contains(why, "one") || !strings.Contains(why, "two") {
		t.Errorf("got %q", why)
	}
	if why := told(t, func(t testing.TB) { Must(t, nil, nil) }); why != "" {
		t.Errorf("it failed with %q", why)
	}
}

func TestUntilAsksAgain(t *testing.T) {
	asked := 0
	Until(t, func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("nothing bounds the wait")
		}
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}
