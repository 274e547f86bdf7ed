package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// historyOf returns what the status page of a server has at a path, as programs get it.
func historyOf(ctx context.Context, s *server.Server, path string) (*v1.History, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.AddressOf("status")+path+"?format=json", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	h := new(v1.History)
	if err := json.NewDecoder(response.Body).Decode(h); err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s, %w", path, response.Status, err)
	}
	return h, nil
}

// untilChanged returns what happened to a Service, once its name has had so many endpoints.
func untilChanged(t *testing.T, s *server.Server, path string, before, after int) (h *v1.History) {
	t.Helper()
	until(t, func(ctx context.Context) (err error) {
		if h, err = historyOf(ctx, s, path); err == nil && (len(h.Decisions) == 0 || h.Decisions[0].Carried != [2]int{before, after}) {
			err = fmt.Errorf("%s: what happened is %+v, want that it went from %d to %d", path, h.Decisions, before, after)
		}
		return err
	})
	return h
}

// What a process recorded is known to the next one, while the API server is away.
func TestWhatWasIsKnownAfterARestart(t *testing.T) {
	m := newMemory(t)
	m.corefile = strings.Replace(m.corefile, "startup_timeout", "status 127.0.0.1:{{.Port.status}}\n        history 64KiB\n        startup_timeout", 1)
	questions := m.fill(t)
	first := server.New(t, m.corefile)
	wantSoon(t, first, questions...)
	must(t, m.CreateSlice(within(t), cluster.HandmadeSlice(m.namespace, "kept-2", "kept", nil, m.v4(14))))
	path := "/services/" + m.namespace + "/kept/history"
	before := untilChanged(t, first, path, 1, 2)
	if got := before.Server.Commit; got != server.Commit {
		t.Errorf("the page says that the commit is %q, want %q", got, server.Commit)
	}
	must(t, first.Stop())
	m.gate.Close()
	if info, err := os.Stat(m.snapshot + ".history"); err != nil || info.Mode() != 0o600 {
		t.Fatalf("the history is %v, %v", info, err)
	}
	second := server.New(t, m.corefile)
	after := untilChanged(t, second, path, 1, 2)
	// Clocks of two processes agree to a second.
	if d := after.Decisions[0].At.Sub(before.Decisions[0].At.Time).Abs(); d > time.Second || after.KnownFrom.Sub(before.KnownFrom.Time).Abs() > time.Second {
		t.Errorf("it changed at %v, known from %v; before the restart that was %v, from %v", after.Decisions[0].At, after.KnownFrom, before.Decisions[0].At, before.KnownFrom)
	}
	until(t, func(ctx context.Context) error {
		h, err := historyOf(ctx, second, "/history")
		if err != nil {
			return err
		}
		for _, e := range h.Events {
			if e.Kind == "restored" && strings.Contains(e.Text, "nobody looked") {
				return nil
			}
		}
		return fmt.Errorf("the server does not say that it was away: %+v", h.Events)
	})
	must(t, second.Stop())

	// Of a damaged file nothing is taken.
	must(t, os.WriteFile(m.snapshot+".history", []byte("damaged"), 0o600))
	third := server.New(t, m.corefile)
	until(t, func(ctx context.Context) error {
		h, err := historyOf(ctx, third, path)
		if err == nil && (len(h.Decisions) > 0 || !strings.Contains(third.Log(), "Starting without the history "+m.snapshot+".history: the file is damaged")) {
			err = fmt.Errorf("%+v is known", h.Decisions)
		}
		return err
	})
}
