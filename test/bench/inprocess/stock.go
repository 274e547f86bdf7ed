package inprocess

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// NewStockPlugin returns the kubernetes plugin, synced with the objects. It is
// made by its own functions and lists and watches over HTTP: what it converts,
// keeps and looks up in are its own informers, stores and indexes, as in
// production. Only the API server behind them is not real, which no question
// notices.
func NewStockPlugin(tb testing.TB, objects []runtime.Object) *kubernetes.Kubernetes {
	tb.Helper()
	served := newAPIServer(objects)
	api := httptest.NewServer(served)
	c := caddy.NewTestController("dns", "kubernetes "+Zones+" {\n endpoint "+api.URL+"\n fallthrough in-addr.arpa ip6.arpa\n}")
	c.Next()
	k, err := kubernetes.ParseStanza(c)
	if err != nil {
		tb.Fatal(err)
	}
	start, stop, err := k.InitKubeCache(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Error(err)
		}
		api.CloseClientConnections()
		api.Close()
	})
	if err := start(); err != nil {
		tb.Fatal(err)
	}
	// Its start waits for 5 seconds only.
	polltest.Until(tb, func(context.Context) error {
		if !k.APIConn.HasSynced() {
			return errors.New("the kubernetes plugin has not synced")
		}
		return nil
	})
	served.forget()
	return k
}

// apiServer holds objects by resource. A watch may begin with all of them;
// nothing changes afterwards.
type apiServer struct {
	mu      sync.Mutex
	objects map[string][]runtime.Object
}

func newAPIServer(objects []runtime.Object) *apiServer {
	a := &apiServer{objects: make(map[string][]runtime.Object)}
	for _, object := range objects {
		resource := strings.ToLower(object.GetObjectKind().GroupVersionKind().Kind) + "s"
		a.objects[resource] = append(a.objects[resource], object)
	}
	return a
}

// forget lets go of the objects once they have been sent: in production they are
// in another process.
func (a *apiServer) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects = nil
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "true" {
		http.Error(w, "this server only streams what it has", http.StatusNotImplemented)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		a.stream(w, path.Base(r.URL.Path))
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// stream sends all objects of a resource, and the bookmark at their end.
func (a *apiServer) stream(w io.Writer, resource string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	to := json.NewEncoder(w)
	send := func(kind string, object any) {
		// A client that has gone away ends the request.
		_ = to.Encode(map[string]any{"type": kind, "object": object})
	}
	objects := a.objects[resource]
	for _, object := range objects {
		send("ADDED", object)
	}
	if len(objects) == 0 {
		return
	}
	version, kind := objects[0].GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	send("BOOKMARK", map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{
		"resourceVersion": "1",
		"annotations":     map[string]string{metav1.InitialEventsAnnotationKey: "true"},
	}})
}
