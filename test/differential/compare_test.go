package differential

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
)

// The command that people ask before they switch knows of the cluster what the
// API server says. Here, what it finds is held against what the test has written
// down: no answer may be without a reason.
func TestTheCommandKnowsTheReasonOfEveryDifference(t *testing.T) {
	program := filepath.Join(t.TempDir(), "compare")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/compare").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kubeconfig, err := world.cluster.Kubeconfig(cluster.AdminUser)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, plugins string
		args          []string
	}{
		{"in front of kubernetes", stock, nil},
		{"with endpoint_pod_names", stockWithPodNames, []string{"-endpoint-pod-names"}},
		{"of a server beside it", stock, []string{"-ours", world.servers[ours].Address()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{
				"-kubeconfig", kubeconfig, "-kube-dns", world.servers[tc.plugins].Address(),
				"-rate", "100000", "-settle", "0", "-timeout", "20s", "-o", "json",
			}, tc.args...)
			// The status says that somebody has to decide: see Undecided.
			out, err := exec.CommandContext(t.Context(), program, args...).Output()
			var got struct {
				Status, Questions, Undecided, Better int
				Unexplained, Unanswered              []any
				Differences                          []struct{ Difference string }
			}
			if parsed := json.Unmarshal(out, &got); parsed != nil {
				t.Fatalf("%v, and the report is not JSON: %v", err, parsed)
			}
			if got.Status != 1 || got.Questions == 0 || got.Undecided == 0 || got.Better == 0 {
				t.Errorf("got the status %d of %d questions, %d to decide on, %d for the better; want 1, and some of each",
					got.Status, got.Questions, got.Undecided, got.Better)
			}
			for _, one := range append(got.Unexplained, got.Unanswered...) {
				t.Errorf("%v", one)
			}
			t.Logf("%d questions, %d differences", got.Questions, len(got.Differences))
		})
	}
}
