// Package polltest has what tests say of steps that must succeed, and of what
// must come true.
package polltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

// limit is what a busy machine may need for what usually takes milliseconds.
const limit = time.Minute

// Must fails the test with the errors of steps that were all taken, unless all
// are nil.
func Must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Within returns a context that is done after a minute, or with the test.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// Until waits until the condition returns nil. After a minute the test fails with
// what it said last.
func Until(t testing.TB, condition func(context.Context) error) {
	t.Helper()
	Must(t, poll.Until(Within(t), condition))
}
