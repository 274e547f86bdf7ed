package kubelet

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Place is a namespace whose Pods the Kubelet runs.
type Place struct {
	// Namespace is its name, DNS the server that its Pods ask, and Zone the cluster's.
	Namespace, DNS, Zone string
	// Software and Shared are as those of a pod.Box, and Env is what each program has in its
	// environment besides that of its own.
	Software string
	Shared   []string
	Env      []string

	pool *pool

	mu   sync.Mutex
	pods []*running
	held map[string]bool
	// used are the names of Pods that were here.
	used    map[string]bool
	changed chan struct{}
	closed  chan struct{}
	failed  []error
}

// Open begins to run the Pods of a place, with addresses of a network that is its own.
func (k *Kubelet) Open(p *Place, network netip.Prefix) {
	k.open(p, &pool{addresses: newAddresses(network)})
}

// OpenBeside does so with the addresses of another place: what one gives back the other takes.
func (k *Kubelet) OpenBeside(p, other *Place) { k.open(p, other.pool) }

func (k *Kubelet) open(p *Place, of *pool) {
	p.pool = of
	p.held, p.used = make(map[string]bool), make(map[string]bool)
	p.changed = make(chan struct{})
	p.closed = make(chan struct{})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.places[p.Namespace] = p
}

// Close kills all programs of a place at once, and runs no more of its Pods.
func (k *Kubelet) Close(p *Place) {
	k.mu.Lock()
	delete(k.places, p.Namespace)
	k.mu.Unlock()
	close(p.closed)
	for len(p.running()) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// Hold keeps a Pod of that name pending, without an address, from its next start until it is
// released.
func (p *Place) Hold(pods ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range pods {
		p.held[each] = true
	}
}

// Release ends what Hold began.
func (p *Place) Release(pod string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, pod)
	close(p.changed)
	p.changed = make(chan struct{})
}

// awaitRelease reports false where the end of the Pod, or of ctx, comes before.
func (p *Place) awaitRelease(ctx context.Context, r *running) bool {
	for {
		p.mu.Lock()
		held, changed := p.held[r.pod.Name], p.changed
		p.mu.Unlock()
		if !held {
			return true
		}
		select {
		case <-changed:
		case <-r.ending:
			return false
		case <-p.closed:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// handOverTime is how long it takes at least until the volume of a Pod is with the next one
// of its name. A real one takes longer: software may rely on it.
const handOverTime = 700 * time.Millisecond

// handOver waits until a Pod may have its volume, and reports false where its end, or that of
// ctx, comes before.
func (p *Place) handOver(ctx context.Context, r *running) bool {
	p.mu.Lock()
	again := p.used[r.pod.Name]
	p.used[r.pod.Name] = true
	p.mu.Unlock()
	if !again {
		return true
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return pause(ctx, handOverTime)
}

// Prefer makes an address that was given back the next that is taken, and reports whether it
// is one.
func (p *Place) Prefer(address netip.Addr) bool { return p.pool.prefer(address) }

func (p *Place) add(r *running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pods = append(p.pods, r)
}

func (p *Place) remove(r *running) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pods = slices.DeleteFunc(p.pods, func(each *running) bool { return each == r })
}

func (p *Place) running() []*running {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pods)
}

// fail notes what makes all that happens here worthless, such as a Pod that cannot be run.
func (p *Place) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, err)
}

// Failed are the reasons why Pods could not be run.
func (p *Place) Failed() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.failed)
}

// find returns the Pod of that name with a process.
func (p *Place) find(name string) (Process, error) {
	for _, r := range p.running() {
		if process := r.current(); r.pod.Name == name && process != nil {
			return process, nil
		}
	}
	return nil, fmt.Errorf("the Pod %s does not run", name)
}

// Exec runs a command in the namespaces of a Pod that runs, and returns what it writes to
// standard output.
func (p *Place) Exec(ctx context.Context, pod string, command ...string) (string, error) {
	process, err := p.find(pod)
	if err != nil {
		return "", err
	}
	out, err := process.Exec(ctx, command...)
	if err != nil {
		return out, fmt.Errorf("in %s: %w", pod, err)
	}
	return out, nil
}

// Command is one that can be started in the namespaces of a Pod that runs.
func (p *Place) Command(ctx context.Context, pod string, command ...string) (*exec.Cmd, error) {
	process, err := p.find(pod)
	if err != nil {
		return nil, err
	}
	return process.Command(ctx, command...), nil
}

// Kill kills all programs of a Pod that runs, as a crash would.
func (p *Place) Kill(pod string) error {
	process, err := p.find(pod)
	if err != nil {
		return err
	}
	return process.Signal(syscall.SIGKILL)
}

// Address is that of a Pod, or the zero Addr where it has none now.
func (p *Place) Address(pod string) netip.Addr {
	for _, r := range p.running() {
		if address, ending := r.where(); r.pod.Name == pod && !ending {
			return address
		}
	}
	return netip.Addr{}
}

// Names are those of the Pods that have an address and are not ending, sorted.
func (p *Place) Names() []string {
	var names []string
	for _, r := range p.running() {
		if address, ending := r.where(); address.IsValid() && !ending {
			names = append(names, r.pod.Name)
		}
	}
	slices.Sort(names)
	return names
}

// resolv is the file of the resolver as a kubelet writes it.
func (p *Place) resolv() string {
	return fmt.Sprintf("search %[1]s.svc.%[2]s svc.%[2]s %[2]s\nnameserver %[3]s\noptions ndots:5\n", p.Namespace, p.Zone, p.DNS)
}

// fullName is the name that a Pod has by its hostname and subdomain, or only the hostname.
func (p *Place) fullName(of *corev1.Pod) string {
	if of.Spec.Subdomain == "" {
		return hostname(of)
	}
	return fmt.Sprintf("%s.%s.%s.svc.%s", hostname(of), of.Spec.Subdomain, p.Namespace, p.Zone)
}

func hostname(of *corev1.Pod) string {
	if of.Spec.Hostname != "" {
		return of.Spec.Hostname
	}
	return of.Name
}
