package endpoints

import (
	"testing"
)

func TestReadyIsToldByTheCache(t *testing.T) {
	h := newHandler(testStanza())
	if h.Ready() {
		t.Error("ready before there is a source")
	}
	if !testHandler(testStanza(), nil).Ready() {
		t.Error("not ready though the first state is published")
	}
}
