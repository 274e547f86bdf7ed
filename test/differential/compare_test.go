package differential

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
)

// A comparison is the part of the JSON report that is tested.
type comparison struct {
	Status, Questions, Alike, Undecided, Better int
	Unexplained, Unanswered                     []any
	Differences                                 []struct{ Difference string }
}

// compare runs the command.
func compare(t *testing.T, args ...string) comparison {
	t.Helper()
	program := filepath.Join(t.TempDir(), "compare")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/compare").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kubeconfig, err := world.cluster.Kubeconfig(cluster.AdminUser)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-kubeconfig", kubeconfig, "-rate", "100000", "-settle", "0", "-timeout", "20s", "-o", "json"}, args...)
	// The report has the status too.
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	var said comparison
	if parsed := json.Unmarshal(out, &said); parsed != nil {
		t.Fatalf("%v, and the report is not JSON: %v", err, parsed)
	}
	return said
}

// The command, which people run before they switch, knows the cluster by the
// API server alone. No answer may differ without a reason that it finds.
func TestTheCommandKnowsTheReasonOfEveryDifference(t *testing.T) {
	for _, tc := range []struct {
		name, plugins string
		args          []string
	}{
		{"in front of kubernetes", stock, nil},
		{"with endpoint_pod_names", stockWithPodNames, []string{"-endpoint-pod-names"}},
		{"with zonal", stock, []string{"-zonal"}},
		{"in front of a kubernetes that keeps its endpoints", stock, []string{"-endpoints-kept"}},
		{"of a server beside it", stock, []string{"-ours", world.servers[ours].Address()}},
		{"of a server beside it that keeps endpoints", stock, []string{"-endpoints-kept", "-ours", world.servers[oursKept].Address()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := compare(t, append(tc.args, "-kube-dns", world.servers[tc.plugins].Address())...)
			// Some of the Services here are such that somebody has to decide.
			if got.Status != 1 || got.Questions == 0 || got.Undecided == 0 || got.Better == 0 {
				t.Errorf("got the status %d of %d questions, %d to decide on, %d for the better; want 1, and some of each",
					got.Status, got.Questions, got.Undecided, got.Better)
			}
			for _, one := range append(got.Unexplained, got.Unanswered...) {
				t.Errorf("%v", one)
			}
		})
	}
}

// After the switch, the server of the cluster is one of ours.
func TestTheCommandFindsNoDifferenceFromItself(t *testing.T) {
	out := compare(t, "-kube-dns", world.servers[ours].Address())
	if out.Status != 0 || out.Questions == 0 || out.Alike != out.Questions {
		t.Errorf("got the status %d, and %d of %d questions answered alike; want 0, and all: %v", out.Status, out.Alike, out.Questions, out)
	}
}
