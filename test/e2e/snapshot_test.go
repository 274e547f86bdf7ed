package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// stale is the same answer from a snapshot.
func (w want) stale() want {
	w.ede = append(slices.Clone(w.ede), "3 (Stale Answer): (as known before, until the first list is complete)")
	return w
}

// stale are the same questions, asked while a snapshot is served.
func stale(all ...question) []question {
	all = slices.Clone(all)
	for i := range all {
		all[i].want = all[i].want.stale()
	}
	return all
}

// A memory is a place whose CoreDNS has a snapshot, and an API server that can
// be away.
type memory struct {
	*place
	gate     *testGate
	snapshot string
	corefile string
}

func newMemory(t *testing.T) *memory {
	t.Helper()
	p := newPlace(t)
	m := &memory{place: p, gate: openGate(t, p.Cluster), snapshot: filepath.Join(t.TempDir(), "snapshot")}
	m.corefile = aloneCorefile(
		"kubeconfig "+m.gate.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken),
		"namespaces "+p.namespace,
		"snapshot "+m.snapshot,
		// A start that waited for the list would take longer than the harness
		// allows.
		"startup_timeout 1h",
	)
	return m
}

// fill makes objects of each kind, and returns the questions and answers about
// them.
func (m *memory) fill(t *testing.T) []question {
	t.Helper()
	ctx := within(t)
	m.runDB(t)
	db, web := m.name("db"), m.external(t, "web", m.name("db"))
	old, kept := m.name("old"), m.name("kept")
	for i, service := range []string{"old", "kept"} {
		must(t,
			m.CreateService(ctx, cluster.HeadlessService(m.namespace, service, nil, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
			m.CreateSlice(ctx, cluster.HandmadeSlice(m.namespace, service+"-1", service, nil, m.v4(11+i))),
		)
	}
	return []question{
		{name: db, qtype: "A", want: found(at(db, m.v4(1))...)},
		{name: db, qtype: "AAAA", want: m.noFamily("db")},
		{name: web, qtype: "A", want: found(cname(web, db), at(db, m.v4(1))[0])},
		{name: old, qtype: "A", want: found(at(old, m.v4(11))...)},
		{name: reverse(m.v4(11)), qtype: "PTR", want: found(record(reverse(m.v4(11)), ttl, "PTR", m.name(dashed(m.v4(11))+".old")))},
		{name: m.name("late"), qtype: "A", want: m.notSelected("late")},
		{name: kept, qtype: "A", want: found(at(kept, m.v4(12))...)},
	}
}

// changed are the answers after changeEverything.
func (m *memory) changed() []question {
	db, web, late, kept := m.name("db"), m.name("web"), m.name("late"), m.name("kept")
	return []question{
		{name: db, qtype: "A", want: found(at(db, m.v4(2))...)},
		{name: db, qtype: "AAAA", want: m.noFamily("db")},
		{name: web, qtype: "A", want: found(at(web, m.v4(20))...)},
		{name: m.name("old"), qtype: "A", want: m.notSelected("old")},
		{name: reverse(m.v4(11)), qtype: "PTR", want: noAddress("in-addr.arpa.")},
		{name: late, qtype: "A", want: found(at(late, m.v4(13))...)},
		{name: kept, qtype: "A", want: found(at(kept, m.v4(12))...)},
	}
}

func TestAStartWithoutTheAPIServerFromASnapshot(t *testing.T) {
	m := newMemory(t)
	before := m.fill(t)
	first := server.New(t, m.corefile)
	wantSoon(t, first, before...)
	until(t, func(context.Context) error {
		info, err := os.Stat(m.snapshot)
		if err == nil && info.Mode() != 0o600 {
			t.Fatalf("the mode of the snapshot is %v", info.Mode())
		}
		return err
	})
	// The next turn of the snapshot has not come when this is served: it is
	// written at the shutdown.
	must(t, m.CreateService(within(t), cluster.ExternalNameService(m.namespace, "last", "192.0.2.1")))
	last := question{name: m.name("last"), qtype: "A", want: found(at(m.name("last"), "192.0.2.1")...)}
	wantSoon(t, first, last)
	must(t, first.Stop())
	m.gate.Close()

	// The server starts only when it is ready.
	s := server.New(t, m.corefile)
	wantNow(t, s, stale(append(before, last)...)...)
	wantNow(t, s, question{name: m.name("kept"), qtype: "A", args: []string{"+noedns"}, want: before[len(before)-1].want})
	wantMetrics(t, s, sample{"stale_sources", 1}, sample{`snapshot_errors_total{reason="write"}`, 0})
	untilMetric(t, s, `snapshot_age_seconds{file="`+m.snapshot+`"}`)

	after := m.changed()
	// Who asks while the first list is published may see the old alias with the new
	// address: no order is promised between two Services.
	web, db := m.name("web"), m.name("db")
	between := question{name: web, qtype: "A", want: found(cname(web, db), at(db, m.v4(2))[0])}
	loads := make([]*asking, len(before))
	for i, q := range before {
		// The mark goes only after the last Service has its new records.
		accepted := append(stale(q, after[i]), after[i])
		if q.name == web {
			accepted = append(accepted, stale(between)...)
		}
		loads[i] = ask(t, s, q.name, dns.StringToType[q.qtype], oneOf(accepted...))
	}
	m.changeEverything(t)
	wantNow(t, s, stale(before...)...)
	must(t, m.gate.Open())
	wantSoon(t, s, after...)
	wantMetrics(t, s, sample{"stale_sources", 0})
	for _, l := range loads {
		l.stop()
	}
	must(t, s.Stop())

	// The next process knows what this one has learnt.
	m.gate.Close()
	wantNow(t, server.New(t, m.corefile), stale(after...)...)
}

func TestAStartWithASnapshotThatIsOfNoUse(t *testing.T) {
	m := newMemory(t)
	questions := m.fill(t)
	first := server.New(t, m.corefile)
	wantSoon(t, first, questions...)
	must(t, first.Stop())
	m.gate.Close()
	good, err := os.ReadFile(m.snapshot)
	must(t, err)
	for _, tc := range []struct {
		name, option, logged string
		content              []byte
	}{
		{"a damaged one", "", "the file is damaged", good[:len(good)/2]},
		{"one of other labels", "labels a=b", "it is of another cluster or selection", good},
		{"one too old", "snapshot " + m.snapshot + " max_age 1ns", "it is too old", good},
	} {
		t.Run(tc.name, func(t *testing.T) {
			must(t, os.WriteFile(m.snapshot, tc.content, 0o600))
			corefile := strings.Replace(m.corefile, "startup_timeout 1h", "startup_timeout 100ms", 1)
			if option, _, _ := strings.Cut(tc.option, " "); option == "snapshot" {
				corefile = strings.Replace(corefile, "snapshot "+m.snapshot, tc.option, 1)
			} else {
				corefile = strings.Replace(corefile, "startup_timeout", tc.option+"\n        startup_timeout", 1)
			}
			ready, corefile := unreadyAt(t, corefile)
			s := server.New(t, corefile)
			wantNow(t, s, question{name: m.name("db"), qtype: "A", want: notReady})
			must(t, wantReady(t.Context(), ready, http.StatusServiceUnavailable, "k8s_endpoints"))
			until(t, func(context.Context) error {
				if line := "Starting without the snapshot " + m.snapshot; !strings.Contains(s.Log(), line) || !strings.Contains(s.Log(), tc.logged) {
					return fmt.Errorf("the log has no line %q: %s", line, tc.logged)
				}
				return nil
			})
		})
	}
}
