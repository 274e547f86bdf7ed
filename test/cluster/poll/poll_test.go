package poll

import (
	"context"
	"errors"
	"testing"
)

var errNotYet = errors.New("not yet")

func TestUntilReturnsWhenTheConditionHolds(t *testing.T) {
	asked := 0
	err := Until(t.Context(), func(context.Context) error {
		if asked++; asked < 3 {
			return errNotYet
		}
		return nil
	})
	if err != nil || asked != 3 {
		t.Errorf("got %v after %d questions, want no error after 3", err, asked)
	}
}

func TestUntilSaysWhatWasWrongBeforeItRanOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	err := Until(ctx, func(ctx context.Context) error {
		if asked++; asked == 1 {
			return errNotYet
		}
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, errNotYet) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want both %v and %v", err, errNotYet, context.Canceled)
	}
}
