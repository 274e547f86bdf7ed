// Package polltest fails a test for a step that does not succeed, and for a
// condition that does not come true in time.
package polltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

// limit is long: a busy machine may need it for a step of milliseconds.
const limit = time.Minute

// Must ends the test with all the errors that are not nil, if there are any.
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

// Until waits until the condition returns nil. After a minute the test fails
// with the condition's last error.
func Until(t testing.TB, condition func(context.Context) error) {
	t.Helper()
	Must(t, poll.Until(Within(t), condition))
}
