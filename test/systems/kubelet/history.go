package kubelet

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A Life is that of one Pod, from when it had an address.
type Life struct {
	Namespace, Pod string
	// Name is the full one by its hostname and subdomain, without the last dot.
	Name    string
	Labels  map[string]string
	Address netip.Addr
	// Begun is when its network was there, Ending when its end was asked for, and Gone when
	// nothing of it ran any more. The last two are zero until then.
	Begun, Ending, Gone time.Time
	// Restarts are when its program was started again.
	Restarts []time.Time
	// Ready are the spans in which it was ready as the API server knows it. The last one may
	// have no end.
	Ready []Span
}

// A Span of time; To is zero while it goes on.
type Span struct{ From, To time.Time }

// At reports whether the Pod had its address at that time.
func (l Life) At(t time.Time) bool {
	return !t.Before(l.Begun) && (l.Gone.IsZero() || !t.After(l.Gone))
}

// ReadyFor is how long the Pod had been ready at that time, and 0 where it was not, or was
// ending.
func (l Life) ReadyFor(t time.Time) time.Duration {
	if !l.At(t) || !l.Ending.IsZero() && !t.Before(l.Ending) {
		return 0
	}
	for _, each := range l.Ready {
		if !t.Before(each.From) && (each.To.IsZero() || t.Before(each.To)) {
			return t.Sub(each.From)
		}
	}
	return 0
}

type history struct {
	mu    sync.Mutex
	lives []*Life
}

func (h *history) begin(name string, p *corev1.Pod, address netip.Addr) *Life {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &Life{Namespace: p.Namespace, Pod: p.Name, Name: name, Labels: p.Labels, Address: address, Begun: time.Now()}
	h.lives = append(h.lives, l)
	return l
}

func (h *history) note(l *Life, change func(*Life, time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(l, time.Now())
}

// ready notes what the API server knows.
func (h *history) ready(l *Life, is bool) {
	h.note(l, func(l *Life, now time.Time) {
		open := len(l.Ready) > 0 && l.Ready[len(l.Ready)-1].To.IsZero()
		switch {
		case is && !open:
			l.Ready = append(l.Ready, Span{From: now})
		case !is && open:
			l.Ready[len(l.Ready)-1].To = now
		}
	})
}

func (h *history) all() []Life {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Life, len(h.lives))
	for i, each := range h.lives {
		all[i] = *each
		all[i].Restarts, all[i].Ready = slices.Clone(each.Restarts), slices.Clone(each.Ready)
	}
	return all
}
