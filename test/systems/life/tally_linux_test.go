package life

import (
	"net/netip"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/kubelet"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"
)

func at(seconds float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second)))
}

var (
	first = kubelet.Life{
		Pod: "db-0", Name: "db-0.db.n1.svc.cluster.local", Address: netip.MustParseAddr("10.244.1.2"),
		Begun: at(1), Ready: []kubelet.Span{{From: at(2)}}, Ending: at(8), Gone: at(9),
	}
	second = kubelet.Life{
		Pod: "web-0", Name: "web-0", Address: netip.MustParseAddr("10.244.1.2"),
		Begun: at(9.5), Ready: []kubelet.Span{{From: at(10)}},
	}
	lives = []kubelet.Life{first, second}
)

func TestADenialFailsOnlyWhereThePodHasBeenReady(t *testing.T) {
	tests := []struct {
		name    string
		seconds float64
		asked   string
		want    bool
	}{
		{"a Pod that is ready, by its name", 4, "db-0.db.n1.svc.cluster.local.", true},
		{"a Pod that is ready, by its address", 4, "2.1.244.10.in-addr.arpa.", true},
		{"a Pod that has just become ready", 2.5, "db-0.db.n1.svc.cluster.local.", false},
		{"a Pod that is ending", 8.5, "db-0.db.n1.svc.cluster.local.", false},
		{"a Pod that is gone", 12, "db-0.db.n1.svc.cluster.local.", false},
		{"a Pod by a name of the search path", 4, "db-0.db.n1.svc.cluster.local.n1.svc.cluster.local.", false},
		{"a Pod that has no name, by its address", 12, "2.1.244.10.in-addr.arpa.", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := denied(lives, queries.Query{At: at(tc.seconds), Name: tc.asked}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

func TestAddressesAreExchangedWhereBothHaveHadOne(t *testing.T) {
	third := kubelet.Life{Pod: "db-1", Address: netip.MustParseAddr("10.244.1.3")}
	if !exchanged([]kubelet.Life{first, third}, []kubelet.Life{second}) {
		t.Error("both have had 10.244.1.2, and nothing is said of it")
	}
	if exchanged([]kubelet.Life{third}, lives) {
		t.Error("none has had one of the other, and something is said of it")
	}
}

func TestAnAddressBelongsToThePodThatHasItThen(t *testing.T) {
	for seconds, want := range map[float64]string{0.5: "", 1: "db-0", 9: "db-0", 9.2: "", 12: "web-0"} {
		got := ""
		if life := owner(lives, first.Address, at(seconds)); life != nil {
			got = life.Pod
		}
		if got != want {
			t.Errorf("after %.1f s it is that of %q, want %q", seconds, got, want)
		}
	}
	if life := owner(lives, netip.MustParseAddr("10.244.1.3"), at(4)); life != nil {
		t.Errorf("an address of nobody is that of %s", life.Pod)
	}
}
