package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

// bare runs the programs of Pods without any namespaces.
type bare struct{}

func (bare) Connect(netip.Addr) (Network, error) { return bare{}, nil }
func (bare) Close() error                        { return nil }

func (bare) Start(b pod.Box, log *os.File) (Process, error) {
	p := &program{cmd: exec.Command(b.Args[0], b.Args[1:]...), env: b.Env, dir: b.Volume, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = b.Env, b.Volume, log, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

type program struct {
	cmd  *exec.Cmd
	env  []string
	dir  string
	done chan struct{}
	err  error
}

func (p *program) Done() <-chan struct{} { return p.done }
func (p *program) Err() error            { return p.err }

func (p *program) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

func (p *program) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = p.env, p.dir
	return cmd
}

func (p *program) Exec(ctx context.Context, args ...string) (string, error) {
	out, err := p.Command(ctx, args...).Output()
	return string(out), err
}

// world is a Kubelet with one place, and the API server it listens to.
type world struct {
	t       *testing.T
	api     *fake.Clientset
	kubelet *Kubelet
	place   *Place
}

const namespace = "n1"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, api: fake.NewClientset(), place: &Place{Namespace: namespace, DNS: "10.96.0.10", Zone: "cluster.local", Env: []string{"WORK=/w"}}}
	w.kubelet = New(w.api, bare{}, t.TempDir())
	w.kubelet.Open(w.place, netip.MustParsePrefix("10.244.7.0/24"))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.kubelet.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

// create creates a Pod that runs a script.
func (w *world) create(name, script string, change func(*corev1.Pod)) {
	w.t.Helper()
	w.createIn(namespace, name, script, change)
}

func (w *world) createIn(place, name, script string, change func(*corev1.Pod)) {
	w.t.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name, UID: types.UID(place + name + "-uid")},
		Spec:       corev1.PodSpec{Hostname: name, Subdomain: "db", Containers: []corev1.Container{{Name: "c", Command: []string{"sh", "-c", script}}}},
	}
	if change != nil {
		change(p)
	}
	_, err := w.api.CoreV1().Pods(place).Create(within(w.t), p, metav1.CreateOptions{})
	must(w.t, err)
}

// terminate does what the API server does where somebody deletes a Pod.
func (w *world) terminate(name string) {
	w.t.Helper()
	ctx := within(w.t)
	p, err := w.api.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	must(w.t, err)
	p.DeletionTimestamp = new(metav1.Now())
	_, err = w.api.CoreV1().Pods(namespace).Update(ctx, p, metav1.UpdateOptions{})
	must(w.t, err)
}

// untilStatus waits for a status, as "address ready restarts".
func (w *world) untilStatus(name, want string) {
	w.t.Helper()
	until(w.t, func(ctx context.Context) error {
		p, err := w.api.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		got := "pending"
		if s := p.Status; len(s.ContainerStatuses) > 0 {
			got = fmt.Sprintf("%s %s %d", s.PodIP, s.Conditions[0].Status, s.ContainerStatuses[0].RestartCount)
		}
		if got != want {
			return fmt.Errorf("the status of %s is %q, want %q", name, got, want)
		}
		return nil
	})
}

func (w *world) untilGone(name string) {
	w.t.Helper()
	until(w.t, func(ctx context.Context) error {
		if _, err := w.api.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{}); err == nil {
			return fmt.Errorf("%s is still there", name)
		}
		return nil
	})
}

func TestAPodIsReadyWhenItsProbeSaysSo(t *testing.T) {
	w := newWorld(t)
	w.create("db-0", "exec sleep 600", func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"test", "-e", "ready"}}},
			PeriodSeconds: 1, FailureThreshold: 1,
		}
	})
	w.untilStatus("db-0", "10.244.7.1 False 0")
	ready := func() string { return filepath.Join(w.kubelet.FolderOf(namespace), "db-0", "volume", "ready") }
	must(t, os.WriteFile(ready(), nil, 0o600))
	w.untilStatus("db-0", "10.244.7.1 True 0")
	must(t, os.Remove(ready()))
	w.untilStatus("db-0", "10.244.7.1 False 0")
}

func TestAPodHasTheEnvironmentAndTheFilesOfOne(t *testing.T) {
	w := newWorld(t)
	w.create("db-0", "echo $POD_NAME $POD_IP $NAMESPACE $WORK $OWN; exec sleep 600", func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "OWN", Value: "o"}}
	})
	w.untilStatus("db-0", "10.244.7.1 True 0")
	until(t, func(context.Context) error {
		text, err := os.ReadFile(w.kubelet.LogOf(namespace, "db-0"))
		if want := "db-0 10.244.7.1 n1 /w o\n"; err == nil && !strings.Contains(string(text), want) {
			err = fmt.Errorf("its log is %q, want %q in it", text, want)
		}
		return err
	})
	etc := filepath.Join(w.kubelet.FolderOf(namespace), "db-0", namespace+"db-0-uid", "etc")
	for name, want := range map[string]string{
		"resolv.conf": "search n1.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
		"hosts":       "127.0.0.1 localhost\n10.244.7.1 db-0.db.n1.svc.cluster.local db-0\n",
	} {
		if text, err := os.ReadFile(filepath.Join(etc, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v, want %q", name, text, err, want)
		}
	}
}

func TestAProgramThatEndsIsStartedAgainAtItsAddress(t *testing.T) {
	w := newWorld(t)
	w.create("db-0", "[ -e again ] && exec sleep 600; touch again; exit 3", nil)
	w.untilStatus("db-0", "10.244.7.1 True 1")
	lives := w.kubelet.Lives()
	if len(lives) != 1 || len(lives[0].Restarts) != 1 {
		t.Errorf("the lives are %+v, want one with one restart", lives)
	}
	must(t, w.place.Kill("db-0"))
	w.untilStatus("db-0", "10.244.7.1 True 2")
}

func TestAPodEndsAsItWasAskedTo(t *testing.T) {
	seconds := func(n int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &n }
	}
	tests := []struct {
		name, script string
		change       func(*corev1.Pod)
		want         string
	}{
		{"by SIGTERM", "trap 'echo asked; exit 0' TERM; touch up; while :; do sleep 0.01; done", seconds(60), "asked"},
		{"by SIGKILL after its grace", "trap 'echo asked' TERM; touch up; while :; do sleep 0.01; done", seconds(1), "asked"},
		{"after its preStop", "trap 'cat stopping; exit 0' TERM; touch up; while :; do sleep 0.01; done", func(p *corev1.Pod) {
			p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "echo hook > stopping"}}}}
		}, "hook"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.create("db-0", tc.script, tc.change)
			until(t, func(context.Context) error {
				_, err := os.Stat(filepath.Join(w.kubelet.FolderOf(namespace), "db-0", "volume", "up"))
				return err
			})
			w.untilStatus("db-0", "10.244.7.1 True 0")
			w.terminate("db-0")
			w.untilGone("db-0")
			text, err := os.ReadFile(w.kubelet.LogOf(namespace, "db-0"))
			must(t, err)
			if !strings.Contains(string(text), tc.want+"\n") {
				t.Errorf("its log is %q, want %q in it", text, tc.want)
			}
			if l := w.kubelet.Lives()[0]; l.Ending.IsZero() || l.Gone.Before(l.Ending) {
				t.Errorf("its end was asked for at %v, and it was gone at %v", l.Ending, l.Gone)
			}
		})
	}
}

func TestAPodOnHoldHasNoAddressUntilItIsReleased(t *testing.T) {
	w := newWorld(t)
	w.place.Hold("db-0")
	w.create("db-0", "exec sleep 600", nil)
	w.create("db-1", "exec sleep 600", nil)
	w.untilStatus("db-1", "10.244.7.1 True 0")
	if got := w.place.Address("db-0"); got.IsValid() {
		t.Errorf("it has %s", got)
	}
	if got := w.place.Names(); !reflect.DeepEqual(got, []string{"db-1"}) {
		t.Errorf("the Pods are %q", got)
	}
	w.place.Release("db-0")
	w.untilStatus("db-0", "10.244.7.2 True 0")
}

func TestAddressesComeBackInTheOrderInWhichTheyWereGivenUp(t *testing.T) {
	a := newAddresses(netip.MustParsePrefix("10.244.7.0/29"))
	take := func() string {
		t.Helper()
		got, err := a.take()
		must(t, err)
		return got.String()
	}
	back := func(last int) { a.giveBack(netip.AddrFrom4([4]byte{10, 244, 7, byte(last)})) }
	want := func(addresses ...string) {
		t.Helper()
		for _, each := range addresses {
			if got := take(); got != each {
				t.Fatalf("got %s, want %s", got, each)
			}
		}
	}
	want("10.244.7.1", "10.244.7.2", "10.244.7.3")
	// The first that is given up waits.
	back(3)
	want("10.244.7.4")
	back(2)
	want("10.244.7.3")
	back(1)
	want("10.244.7.2")
	if a.prefer(netip.MustParseAddr("10.244.7.9")) || !a.prefer(netip.MustParseAddr("10.244.7.1")) {
		t.Error("it prefers what was not given back")
	}
	want("10.244.7.1", "10.244.7.5", "10.244.7.6", "10.244.7.7")
	back(5)
	want("10.244.7.5")
	if got, err := a.take(); err == nil {
		t.Errorf("beyond the last there is %s", got)
	}
}

func TestPlacesBesideEachOtherTakeEachOthersAddresses(t *testing.T) {
	w := newWorld(t)
	other := &Place{Namespace: "n2", DNS: "10.96.0.10", Zone: "cluster.local"}
	w.kubelet.OpenBeside(other, w.place)
	w.create("db-0", "exec sleep 600", nil)
	w.untilStatus("db-0", "10.244.7.1 True 0")
	w.create("db-1", "exec sleep 600", nil)
	w.untilStatus("db-1", "10.244.7.2 True 0")
	for _, each := range []string{"db-0", "db-1"} {
		w.terminate(each)
		w.untilGone(each)
	}
	until(t, func(context.Context) error {
		w.place.pool.mu.Lock()
		defer w.place.pool.mu.Unlock()
		if free := w.place.pool.addresses.free; len(free) != 2 {
			return fmt.Errorf("%v are free, want both", free)
		}
		return nil
	})
	// Of two that are free, the first that was given back is taken.
	w.createIn("n2", "db-0", "exec sleep 600", nil)
	until(t, func(context.Context) error {
		if got, want := other.Address("db-0"), netip.MustParseAddr("10.244.7.1"); got != want {
			return fmt.Errorf("it has %s, want %s", got, want)
		}
		return nil
	})
}

func TestWhatThisKubeletDoesNotDoIsRefused(t *testing.T) {
	w := newWorld(t)
	w.create("db-0", "exec sleep 600", func(p *corev1.Pod) { p.Spec.Containers[0].LivenessProbe = new(corev1.Probe) })
	until(t, func(context.Context) error {
		if failed := w.place.Failed(); len(failed) == 0 {
			return errors.New("it was not refused")
		}
		return nil
	})
	if got, want := w.place.Failed()[0].Error(), "n1/db-0: there is no probe here but the readinessProbe"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestALifeSaysForHowLongAPodWasReady(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	l := Life{Begun: at(10), Ready: []Span{{at(12), at(14)}, {From: at(16)}}, Ending: at(20), Gone: at(22)}
	for seconds, want := range map[int]time.Duration{9: 0, 11: 0, 13: time.Second, 15: 0, 19: 3 * time.Second, 21: 0, 23: 0} {
		if got := l.ReadyFor(at(seconds)); got != want {
			t.Errorf("after %d s it had been ready for %s, want %s", seconds, got, want)
		}
	}
	for seconds, want := range map[int]bool{9: false, 10: true, 22: true, 23: false} {
		if got := l.At(at(seconds)); got != want {
			t.Errorf("after %d s it had its address: %t", seconds, got)
		}
	}
}
