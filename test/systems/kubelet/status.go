package kubelet

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// nodeAddress is that of the Node, from a range for documentation (RFC 5737, section 3).
const nodeAddress = "192.0.2.10"

// state is what a status says.
type state struct {
	address  netip.Addr
	ready    bool
	restarts int
	since    metav1.Time
}

// status brings what is newest to the API server, which may be away: what is older by then is
// not sent.
type status struct {
	api  kubernetes.Interface
	pod  *corev1.Pod
	life *Life
	told *history

	mu      sync.Mutex
	newest  *state
	sending bool
}

func (s *status) set(ctx context.Context, to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = &to
	if s.sending {
		return
	}
	s.sending = true
	go func() {
		for {
			next := s.next()
			if next == nil {
				return
			}
			s.send(ctx, *next)
		}
	}()
}

func (s *status) next() *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.newest
	s.newest, s.sending = nil, next != nil
	return next
}

func (s *status) overtaken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest != nil
}

// askLimit bounds one request to an API server that may hang.
const askLimit = 3 * time.Second

func (s *status) send(ctx context.Context, what state) {
	patch, err := json.Marshal(map[string]any{"status": what.status(s.pod.Spec.Containers[0].Name)})
	if err != nil {
		panic(err) // of these types each value can be written
	}
	for !s.overtaken() {
		asked, cancel := context.WithTimeout(ctx, askLimit)
		_, err := s.api.CoreV1().Pods(s.pod.Namespace).Patch(asked, s.pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		cancel()
		if err == nil {
			s.told.ready(s.life, what.ready)
		}
		if err == nil || apierrors.IsNotFound(err) || !pause(ctx, again) {
			return
		}
	}
}

func (s state) status(container string) corev1.PodStatus {
	is := corev1.ConditionFalse
	if s.ready {
		is = corev1.ConditionTrue
	}
	return corev1.PodStatus{
		Phase: corev1.PodRunning,
		PodIP: s.address.String(), PodIPs: []corev1.PodIP{{IP: s.address.String()}},
		HostIP: nodeAddress, HostIPs: []corev1.HostIP{{IP: nodeAddress}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: is, LastTransitionTime: s.since}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: container, Ready: s.ready, RestartCount: int32(s.restarts),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: s.since}},
		}},
	}
}

// remove takes a Pod out of the API server at once, if it is there still.
func remove(ctx context.Context, api kubernetes.Interface, p *corev1.Pod) {
	options := metav1.NewDeleteOptions(0)
	options.Preconditions = metav1.NewUIDPreconditions(string(p.UID))
	for ctx.Err() == nil {
		asked, cancel := context.WithTimeout(ctx, askLimit)
		err := api.CoreV1().Pods(p.Namespace).Delete(asked, p.Name, *options)
		cancel()
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		pause(ctx, again)
	}
}
