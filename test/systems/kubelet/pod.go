package kubelet

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// running is a Pod that this kubelet runs.
type running struct {
	kubelet *Kubelet
	place   *Place
	pod     *corev1.Pod
	status  status
	// ending is closed when the API server wants the end.
	ending chan struct{}

	mu      sync.Mutex
	ended   bool
	address netip.Addr
	process Process
}

func (r *running) terminate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.ending)
	}
}

func (r *running) where() (address netip.Addr, ending bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address, r.ended
}

func (r *running) current() Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

func (r *running) setProcess(p Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
}

// live is the whole life of the Pod.
func (r *running) live(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.place.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	if r.place.awaitRelease(ctx, r) && r.place.handOver(ctx, r) {
		if err := r.run(ctx); err != nil {
			r.place.fail(fmt.Errorf("%s/%s: %w", r.pod.Namespace, r.pod.Name, err))
			// It stays as it is until somebody looks.
			select {
			case <-ctx.Done():
			case <-r.ending:
			}
		}
	}
	r.leave(ctx)
}

// run gives the Pod an address, and runs it until its end, or that of ctx.
func (r *running) run(ctx context.Context) error {
	if err := refuse(r.pod); err != nil {
		return err
	}
	address, err := r.place.pool.take()
	if err != nil {
		return err
	}
	defer r.place.pool.giveBack(address)
	network, err := r.kubelet.runtime.Connect(address)
	if err != nil {
		return err
	}
	box, err := r.kubelet.boxOf(r.place, r.pod, address)
	if err != nil {
		return err
	}
	log, err := r.kubelet.openLog(r.pod)
	if err != nil {
		return err
	}
	defer log.Close()
	history := &r.kubelet.history
	life := history.begin(r.place.fullName(r.pod), r.pod, address)
	r.status.life = life
	r.mu.Lock()
	r.address = address
	r.mu.Unlock()
	err = r.programs(ctx, network, box, log)
	r.setProcess(nil)
	history.note(life, func(l *Life, now time.Time) { l.Gone = now })
	history.ready(life, false)
	if closed := network.Close(); err == nil {
		err = closed
	}
	// The address is given back when nobody is told of it any more.
	r.leave(ctx)
	return err
}

// programs runs one program after the other until the end of the Pod.
func (r *running) programs(ctx context.Context, network Network, box pod.Box, log *os.File) error {
	for restarts := 0; ; restarts++ {
		process, err := network.Start(box, log)
		if err != nil {
			return err
		}
		r.setProcess(process)
		fmt.Fprintf(log, "--- started as %s at %s, restart %d\n", r.status.life.Address, time.Now().Format("15:04:05.000"), restarts)
		if restarts > 0 {
			r.kubelet.history.note(r.status.life, func(l *Life, now time.Time) { l.Restarts = append(l.Restarts, now) })
		}
		ended := r.attend(ctx, process, restarts)
		if !ended {
			return nil
		}
		fmt.Fprintf(log, "--- ended at %s: %v\n", time.Now().Format("15:04:05.000"), process.Err())
		r.say(ctx, false, restarts+1)
		select {
		case <-ctx.Done():
			return nil
		case <-r.ending:
			r.noteEnding()
			return nil
		case <-time.After(backOff(restarts)):
		}
	}
}

// backOff is how long a program that ended is not started again. That of a kubelet is ten
// times as long.
func backOff(restarts int) time.Duration { return time.Second << min(restarts, 3) }

// attend probes a program, and returns when it has ended, by itself (true) or since the Pod
// ends.
func (r *running) attend(ctx context.Context, process Process, restarts int) (itself bool) {
	probing, stop := context.WithCancel(ctx)
	var probes sync.WaitGroup
	defer probes.Wait()
	defer stop()
	r.say(ctx, false, restarts)
	probes.Go(func() {
		prober{r.pod.Spec.Containers[0].ReadinessProbe, r.status.life.Address, process}.run(probing, func(ready bool) {
			r.say(ctx, ready, restarts)
		})
	})
	select {
	case <-process.Done():
		return true
	case <-r.ending:
		r.noteEnding()
		r.stop(ctx, process)
	case <-ctx.Done():
		kill(process)
	}
	return false
}

func (r *running) say(ctx context.Context, ready bool, restarts int) {
	r.status.set(ctx, state{r.status.life.Address, ready, restarts, metav1.Now()})
}

func (r *running) noteEnding() {
	r.kubelet.history.note(r.status.life, func(l *Life, now time.Time) { l.Ending = now })
}

// defaultGrace is that of a Pod which says nothing; the API server sets one.
const defaultGrace = 10 * time.Second

// stop ends a program as a kubelet does: preStop, SIGTERM, and SIGKILL after the grace.
func (r *running) stop(ctx context.Context, process Process) {
	grace := defaultGrace
	if seconds := r.pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		grace = time.Duration(*seconds) * time.Second
	}
	granted, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	r.preStop(granted, process)
	// One that has ended meanwhile needs no signal.
	_ = process.Signal(syscall.SIGTERM)
	select {
	case <-process.Done():
	case <-granted.Done():
		kill(process)
	}
}

// preStop goes on whatever comes of it, as a kubelet does.
func (r *running) preStop(ctx context.Context, process Process) {
	lifecycle := r.pod.Spec.Containers[0].Lifecycle
	if lifecycle == nil || lifecycle.PreStop == nil {
		return
	}
	switch hook := lifecycle.PreStop; {
	case hook.Sleep != nil:
		pause(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
	case hook.Exec != nil:
		_, _ = process.Exec(ctx, hook.Exec.Command...)
	}
}

func kill(process Process) {
	// One that has ended meanwhile needs no signal.
	_ = process.Signal(syscall.SIGKILL)
	<-process.Done()
}

// leave takes a Pod that has ended out of the API server, unless ctx is done before.
func (r *running) leave(ctx context.Context) {
	if _, ending := r.where(); ending {
		remove(ctx, r.kubelet.api, r.pod)
	}
}
