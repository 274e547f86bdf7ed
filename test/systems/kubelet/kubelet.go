// Package kubelet runs the Pods of a control plane as a kubelet does, as far as DNS can tell:
// it gives addresses, starts, probes, restarts and ends programs, and says so to the API
// server, which may be away.
//
// Read kubelet.go first; pod.go is the life of one Pod, with probe.go, spec.go and status.go.
// history.go has what happened, and place.go what a namespace shows to a driver.
package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Kubelet runs the Pods of its places.
type Kubelet struct {
	api     kubernetes.Interface
	runtime Runtime
	// folder has one for each Pod.
	folder  string
	history history

	mu     sync.Mutex
	places map[string]*Place
	pods   map[types.UID]*running
	alive  sync.WaitGroup
}

// New returns one that keeps what belongs to Pods in the folder.
func New(api kubernetes.Interface, runtime Runtime, folder string) *Kubelet {
	return &Kubelet{api: api, runtime: runtime, folder: folder, places: make(map[string]*Place), pods: make(map[types.UID]*running)}
}

// Run watches Pods until ctx is done, and returns when all have ended.
func (k *Kubelet) Run(ctx context.Context) {
	for ctx.Err() == nil {
		k.watch(ctx)
		pause(ctx, again)
	}
	k.alive.Wait()
}

// watch returns when the API server ends the watch, or does not answer.
func (k *Kubelet) watch(ctx context.Context) {
	list, err := k.api.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for i := range list.Items {
		k.see(ctx, &list.Items[i])
	}
	watch, err := k.api.CoreV1().Pods(metav1.NamespaceAll).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return
	}
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-watch.ResultChan():
			if !ok {
				return
			}
			if p, ok := event.Object.(*corev1.Pod); ok {
				k.see(ctx, p)
			}
		}
	}
}

// see begins the life of a Pod, or its end.
func (k *Kubelet) see(ctx context.Context, p *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.pods[p.UID]
	place := k.places[p.Namespace]
	switch {
	case place == nil && p.DeletionTimestamp != nil:
		// Nobody runs it, so that there is nothing to end first.
		k.alive.Go(func() { remove(ctx, k.api, p) })
	case known != nil && p.DeletionTimestamp != nil:
		known.terminate()
	case known == nil && place != nil && p.DeletionTimestamp == nil:
		r := &running{kubelet: k, place: place, pod: p, ending: make(chan struct{})}
		r.status = status{api: k.api, pod: p, told: &k.history}
		k.pods[p.UID] = r
		place.add(r)
		k.alive.Go(func() {
			r.live(ctx)
			place.remove(r)
		})
	}
}

// folderOf makes the folders of a Pod, of which the volume may be there already.
func (k *Kubelet) folderOf(p *corev1.Pod) (etc, volume, scratch string, err error) {
	base := filepath.Join(k.folder, p.Namespace, p.Name)
	etc, volume, scratch = filepath.Join(base, string(p.UID), "etc"), filepath.Join(base, "volume"), filepath.Join(base, string(p.UID), "scratch")
	for _, each := range []string{etc, volume, scratch} {
		if err := os.MkdirAll(each, 0o755); err != nil {
			return "", "", "", err
		}
	}
	return etc, volume, scratch, nil
}

// FolderOf has what belongs to the Pods of a place.
func (k *Kubelet) FolderOf(namespace string) string { return filepath.Join(k.folder, namespace) }

// LogOf is the file with the output of all Pods of that name.
func (k *Kubelet) LogOf(namespace, pod string) string {
	return filepath.Join(k.folder, namespace, pod, "log")
}

func (k *Kubelet) openLog(p *corev1.Pod) (*os.File, error) {
	log, err := os.OpenFile(k.LogOf(p.Namespace, p.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the log of %s/%s: %w", p.Namespace, p.Name, err)
	}
	return log, nil
}

// Lives are those of all Pods until now, the first to begin first.
func (k *Kubelet) Lives() []Life { return k.history.all() }
