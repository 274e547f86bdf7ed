package apiserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
)

// A door is a gate that can answer in place of the API server.
type door struct {
	*gate.Gate
	t     *testing.T
	asked atomic.Int64

	mu sync.Mutex
	// answer answers in place of the API server; nil where that answers itself.
	answer http.HandlerFunc
	// held keeps requests waiting until it is closed; nil keeps none.
	held chan struct{}
	// mute is the number of the first watch that is heard again.
	mute atomic.Int64
}

func newDoor(t *testing.T, c *cluster.Cluster) *door {
	t.Helper()
	d := &door{t: t}
	var err error
	d.Gate, err = gate.New(c, d.stand)
	must(t, err)
	t.Cleanup(d.Close)
	return d
}

// stand counts the requests, and answers them where there is an answer.
func (d *door) stand(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := d.asked.Add(1)
		d.mu.Lock()
		answer, held := d.answer, d.held
		d.mu.Unlock()
		if held != nil {
			<-held
		}
		if answer != nil {
			answer(w, r)
			return
		}
		next.ServeHTTP(&voice{w, d, n}, r)
	})
}

// voice writes the answers of the API server, until it is made mute.
type voice struct {
	http.ResponseWriter
	door   *door
	number int64
}

func (v *voice) Unwrap() http.ResponseWriter { return v.ResponseWriter }

func (v *voice) Write(p []byte) (int, error) {
	if v.number < v.door.mute.Load() {
		return len(p), nil
	}
	return v.ResponseWriter.Write(p)
}

// silence lets no more events through on the open watches, and leaves them
// open. New requests wait until release is called.
func (d *door) silence() (release func()) {
	d.mute.Store(d.asked.Load() + 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = make(chan struct{})
	return sync.OnceFunc(func() { close(d.held) })
}

func (d *door) count() int { return int(d.asked.Load()) }

// with breaks the connections, and has each request answered so from then on;
// nil lets them through.
func (d *door) with(answer http.HandlerFunc) func(context.Context) error {
	return func(context.Context) error {
		d.mu.Lock()
		d.answer = answer
		d.mu.Unlock()
		if answer == nil {
			return nil
		}
		d.Close()
		return d.Open()
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"a fault","reason":"%s","code":%d}`, http.StatusText(code), code)
	}
}

func garbage(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}
}

const (
	protobuf       = "application/vnd.kubernetes.protobuf"
	protobufStream = protobuf + ";stream=watch"
)

// frame is an event of a watch with its length in front.
func frame(length uint32, follows string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), follows...)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	d, s := newDoorSite(t)
	outage := func(name string, answer http.HandlerFunc) fault {
		return fault{name: name, begin: d.with(answer), end: d.with(nil), tried: d.count, most: outageMost, losses: 1}
	}
	s.sufferAll(
		outage("429", status(http.StatusTooManyRequests)),
		outage("429 with Retry-After", status(http.StatusTooManyRequests, "Retry-After", "1")),
		outage("500", status(http.StatusInternalServerError)),
		outage("503 that is to be asked again at once", status(http.StatusServiceUnavailable, "Retry-After", "0")),
		d.perStream("403", status(http.StatusForbidden)),
	)
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	d, s := newDoorSite(t)
	s.sufferAll(
		d.perStream("what is no protobuf", garbage(protobuf, []byte("garbage"))),
		d.perStream("what is no API", garbage("text/html", []byte("<html>"))),
		d.perStream("an empty list of something else", garbage("application/json",
			[]byte(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`))),
		d.perStream("frames that are cut", garbage(protobufStream, frame(1000, "k8s\x00half"))),
		d.perStream("frames of absurd length", garbage(protobufStream, frame(0xfffffff0, string(bytes.Repeat([]byte{'a'}, 20<<20))))),
		d.perStream("frames of noise", garbage(protobufStream, frame(4, "abcd"))),
	)
}

// newDoorSite returns a site of the shared control plane behind a door.
func newDoorSite(t *testing.T) (*door, *site) {
	t.Helper()
	c := shared.Get(t)
	namespace := c.Namespace(t)
	d := newDoor(t, c)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, d.WriteKubeconfig(file, c.Config(cluster.CoreDNSUser).BearerToken))
	return d, newSite(t, c, namespace, file)
}

// perStream is a fault that each stream meets by itself.
func (d *door) perStream(name string, answer http.HandlerFunc) fault {
	return fault{name: name, begin: d.with(answer), end: d.with(nil), tried: d.count, most: streamMost, losses: 2, perStream: true}
}
