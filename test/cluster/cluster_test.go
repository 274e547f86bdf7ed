package cluster

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

var must = polltest.Must

// shared is the control plane of all tests here that do not stop it.
var shared *Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if shared, err = Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return m.Run()
}

// within gives a test a long time: a busy machine may need it for a step of
// milliseconds.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func until(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	if err := poll.Until(within(t), condition); err != nil {
		t.Fatal(err)
	}
}

func clientsOf(t *testing.T, user User) kubernetes.Interface {
	t.Helper()
	path, err := shared.Kubeconfig(user)
	must(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	clients, err := kubernetes.NewForConfig(config)
	must(t, err)
	return clients
}

func TestAUserMayDoWhatItWasGranted(t *testing.T) {
	ctx := within(t)
	must(t, shared.Grant(ctx, CoreDNSUser, rbacv1.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list"},
	}))
	tests := []struct {
		name    string
		user    User
		allowed bool
	}{
		{"admin may do everything", AdminUser, true},
		{"coredns may list Services, which it was granted", CoreDNSUser, true},
		{"nobody may not", NobodyUser, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := clientsOf(t, tc.user).CoreV1().Services("").List(ctx, metav1.ListOptions{})
			if tc.allowed && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if !tc.allowed && !apierrors.IsForbidden(err) {
				t.Errorf("got %v, want it to be forbidden", err)
			}
		})
	}
	_, err := clientsOf(t, CoreDNSUser).CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("coredns lists Pods: got %v, want it to be forbidden", err)
	}
	must(t, shared.Grant(ctx, CoreDNSUser))
	_, err = clientsOf(t, CoreDNSUser).CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("coredns lists Services, which it no longer may: got %v, want it to be forbidden", err)
	}
}

func TestKubeconfigOfAnUnknownUser(t *testing.T) {
	if path, err := shared.Kubeconfig("somebody"); err == nil {
		t.Errorf("got %q, want an error", path)
	}
}

func TestNamespaceNamesAreLabels(t *testing.T) {
	tests := []struct{ name, test, stem string }{
		{"a name in camel case is in lower case", "TestPods", "testpods-"},
		{"a name of a subtest has no slash and no underscore", "TestPods/go_away", "testpods-go-away-"},
		{"a long name is cut", "TestAVeryLongNameThatIsNotOverAfterFortyBytes", "testaverylongnamethatisnotoverafterforty-"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var number int
			if _, err := fmt.Sscanf(namespaceName(tc.test), tc.stem+"%d", &number); err != nil {
				t.Errorf("got another name than %s and a number: %v", tc.stem, err)
			}
		})
	}
}
