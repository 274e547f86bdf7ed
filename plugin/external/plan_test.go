package external

import (
	"net/netip"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func TestWhatMakesAPlan(t *testing.T) {
	service := &model.Service{Target: "db.example.org."}
	targets, err := ParseTargets([]string{"order", "127.0.0.1", "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	local := netip.MustParseAddr("127.0.0.1")
	for _, c := range []struct {
		name                   string
		wish                   Wish
		rules                  *Rules
		plan, keeps, givesLoop bool
		refused                int
	}{
		{"nothing", Wish{}, nil, false, false, false, 0},
		{"rules", Wish{}, rules(t, "deny example.net"), true, false, true, 0},
		{"last good answers", Wish{LastGood: keepFor(t, "1h")}, nil, true, true, true, 0},
		{"addresses of its own", Wish{Flatten: true}, nil, true, true, false, 0},
		{"checks", Wish{Checked: true}, nil, true, true, false, 0},
		{"targets", Wish{Targets: targets}, nil, true, true, false, 1},
		{"targets, with loopback allowed", Wish{Targets: targets}, rules(t, "allow 127.0.0.0/8 192.0.2.0/24"), true, true, true, 0},
	} {
		p := NewPlan(service, &c.wish, c.rules)
		if (p != nil) != c.plan {
			t.Errorf("%s: got %+v", c.name, p)
		}
		if p != nil && (p.Keeps() != c.keeps || p.Allows(local) != c.givesLoop || len(p.Refused) != c.refused) {
			t.Errorf("%s: it keeps: %t, gives loopback: %t, and refuses %v", c.name, p.Keeps(), p.Allows(local), p.Refused)
		}
	}
}
