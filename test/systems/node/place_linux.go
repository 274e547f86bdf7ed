package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/kubelet"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Place is a namespace in which a system lives. It is the drivers.Stage of the system.
type Place struct {
	*kubelet.Place
	// At is what its driver knows of it, and Server what its Pods ask.
	At     drivers.Place
	Server *Server

	node *Node
	// network is that of the place, if it has one of its own.
	network netip.Prefix
}

// Open makes a place for so many members of a system, whose name begins with the stem. The
// caller calls Close.
func (n *Node) Open(ctx context.Context, stem string, server *Server, members int, parallel bool) (*Place, error) {
	network, err := n.takeNetwork()
	if err != nil {
		return nil, err
	}
	p, err := n.place(ctx, stem, server, members, parallel)
	if err != nil {
		n.giveBack(network)
		return nil, err
	}
	p.network = network
	n.Kubelet.Open(p.Place, network)
	return p, nil
}

// OpenBeside makes a place like another one, whose addresses it shares. It has to be closed
// before that.
func (n *Node) OpenBeside(ctx context.Context, stem string, other *Place) (*Place, error) {
	p, err := n.place(ctx, stem, other.Server, other.At.Replicas, other.At.Parallel)
	if err != nil {
		return nil, err
	}
	n.Kubelet.OpenBeside(p.Place, other.Place)
	return p, nil
}

// place makes one in which the kubelet runs nothing yet.
func (n *Node) place(ctx context.Context, stem string, server *Server, members int, parallel bool) (*Place, error) {
	name := n.takeName(stem)
	p := &Place{
		At: drivers.Place{
			Namespace: name, Replicas: members, DNS: server.Address, Work: filepath.Join(n.folder, "work", name),
			Apps: n.Programs.Apps, Control: n.Programs.Control, Parallel: parallel,
		},
		Server: server, node: n,
	}
	p.Place = &kubelet.Place{
		Namespace: name, DNS: server.Address, Zone: Zone, Software: n.Programs.Software,
		Shared: []string{p.At.Work, p.At.Apps, p.At.Control, filepath.Dir(n.Programs.Get)},
		Env:    []string{"WORK=" + p.At.Work, "APPS=" + p.At.Apps, "CONTROL=" + p.At.Control},
	}
	// Each user of a Pod writes there.
	if err := errors.Join(os.MkdirAll(p.At.Work, 0o777), os.Chmod(p.At.Work, 0o777)); err != nil {
		return nil, err
	}
	if err := n.cluster.CreateNamespace(ctx, name); err != nil {
		return nil, err
	}
	return p, nil
}

// closeLimit bounds what is asked of an API server that may be away.
const closeLimit = 10 * time.Second

// Close kills all that runs in the place, and removes it.
func (p *Place) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	p.node.Kubelet.Close(p.Place)
	if p.network.IsValid() {
		p.node.giveBack(p.network)
	}
	return errors.Join(
		p.node.cluster.DeleteNamespace(ctx, p.Namespace),
		os.RemoveAll(p.At.Work),
		os.RemoveAll(p.node.Kubelet.FolderOf(p.Namespace)),
	)
}

// Label sets a label of a Pod; an empty value takes it away.
func (p *Place) Label(ctx context.Context, name, key, value string) error {
	var to any = value
	if value == "" {
		to = nil
	}
	return p.patch(ctx, p.pods(name), map[string]any{"metadata": map[string]any{"labels": map[string]any{key: to}}})
}

// Remove deletes a Pod as kubectl does, and keeps the one that takes its name from starting
// until Return.
func (p *Place) Remove(ctx context.Context, name string) error {
	p.Hold(name)
	return p.Delete(ctx, name)
}

// Return ends what Remove began.
func (p *Place) Return(name string) { p.Release(name) }

// Delete deletes a Pod as kubectl does.
func (p *Place) Delete(ctx context.Context, name string) error {
	return p.node.cluster.TerminatePod(ctx, p.Namespace, name)
}

// Stranger is the label of a Pod that no member has any business with.
const Stranger = "systems/stranger"

// Intrude starts a stranger at an address that was given back, and deletes it with the place.
func (p *Place) Intrude(ctx context.Context, at netip.Addr) error {
	if !p.Prefer(at) {
		return fmt.Errorf("%s was not given back", at)
	}
	grace := int64(1)
	_, err := p.node.cluster.Clients().CoreV1().Pods(p.Namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "stranger", Labels: map[string]string{Stranger: "true"}},
		Spec: corev1.PodSpec{
			NodeName: nodeName, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "stranger", Image: "systems", Command: []string{"sleep", "600"}}},
		},
	}, metav1.CreateOptions{})
	return err
}

// Gone returns nil when the Pod that had the address has ended.
func (p *Place) Gone(at netip.Addr) error {
	for _, each := range p.Lives() {
		if each.Address == at && each.Gone.IsZero() {
			return fmt.Errorf("%s is still that of %s", at, each.Pod)
		}
	}
	return nil
}

// Lives are those of the Pods of the place.
func (p *Place) Lives() []kubelet.Life {
	var own []kubelet.Life
	for _, each := range p.node.Kubelet.Lives() {
		if each.Namespace == p.Namespace {
			own = append(own, each)
		}
	}
	return own
}

// LogOf returns what all programs of a Pod's name have written.
func (p *Place) LogOf(name string) string {
	text, err := os.ReadFile(p.node.Kubelet.LogOf(p.Namespace, name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
