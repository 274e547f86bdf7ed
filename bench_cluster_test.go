package endpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// benchSizes are how many endpoints the Services of the benchmarks have: each of
// them stands there once with IPv4 and once with IPv6 addresses.
var benchSizes = []int{1, 10, 100, 1000, 5000}

// maxPerSlice is how many endpoints the EndpointSlice controller puts into one.
const maxPerSlice = 100

// benchServiceName returns the name of the Service of that family and size.
func benchServiceName(family corev1.IPFamily, size int) string {
	return fmt.Sprintf("%s-%d", strings.ToLower(string(family)), size)
}

// benchHostname returns the name of an endpoint. All have the same length, so that
// an answer has the same size whichever are drawn.
func benchHostname(i int) string { return fmt.Sprintf("pod-%04d", i) }

// benchAddress returns the address of an endpoint. No two Services share one.
func benchAddress(family corev1.IPFamily, size, i int) netip.Addr {
	if family == corev1.IPv4Protocol {
		return netip.AddrFrom4([4]byte{10, byte(len(fmt.Sprint(size))), byte(i >> 8), byte(i)})
	}
	return netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(len(fmt.Sprint(size))), 5: byte(i >> 8), 7: 1, 15: byte(i)})
}

// benchCluster returns the objects of the benchmarks: headless Services of all
// sizes and both families, one of type ExternalName, and one with a cluster IP,
// whose name falls through.
func benchCluster() []runtime.Object {
	objects := []runtime.Object{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"}, ObjectMeta: benchMeta("default", "", nil)},
		benchService("web", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "www.example.org"}),
		benchService("clusterip", corev1.ServiceSpec{ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10"}}),
	}
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		for _, size := range benchSizes {
			objects = append(objects, benchService(benchServiceName(family, size), corev1.ServiceSpec{
				ClusterIP:  corev1.ClusterIPNone,
				ClusterIPs: []string{corev1.ClusterIPNone},
			}))
			for from := 0; from < size; from += maxPerSlice {
				objects = append(objects, benchSlice(family, size, from))
			}
		}
	}
	return objects
}

func benchMeta(name, namespace string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels, ResourceVersion: "1"}
}

func benchService(name string, spec corev1.ServiceSpec) *corev1.Service {
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
		spec.Selector = map[string]string{"app": name}
		spec.Ports = []corev1.ServicePort{{Name: "sql", Protocol: corev1.ProtocolTCP, Port: 5432}}
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{Kind: "Service", APIVersion: "v1"},
		ObjectMeta: benchMeta(name, "default", nil),
		Spec:       spec,
	}
}

func benchSlice(family corev1.IPFamily, size, from int) *discoveryv1.EndpointSlice {
	service := benchServiceName(family, size)
	port, number, protocol, yes := "sql", int32(5432), corev1.ProtocolTCP, true
	slice := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"},
		ObjectMeta: benchMeta(fmt.Sprintf("%s-%d", service, from), "default", map[string]string{
			discoveryv1.LabelServiceName: service,
			discoveryv1.LabelManagedBy:   "endpointslice-controller.k8s.io",
			corev1.IsHeadlessService:     "",
		}),
		AddressType: discoveryv1.AddressType(family),
		Ports:       []discoveryv1.EndpointPort{{Name: &port, Port: &number, Protocol: &protocol}},
	}
	for i := from; i < min(size, from+maxPerSlice); i++ {
		hostname := benchHostname(i)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{benchAddress(family, size, i).String()},
			Hostname:   &hostname,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: hostname},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes},
		})
	}
	return slice
}

// benchZones are the zones of both plugins, as a cluster has them.
const benchZones = "cluster.local in-addr.arpa ip6.arpa"

// newBenchHandler returns our plugin as its setup makes it, serving the objects.
func newBenchHandler(tb testing.TB, objects []runtime.Object) *handler {
	tb.Helper()
	s, err := corefile.Parse(caddy.NewTestController("dns", "k8s_endpoints "+benchZones+" {\n fallthrough\n}"))
	if err != nil {
		tb.Fatal(err)
	}
	h := newHandler(s)
	c := newCache(s.Settings, false)
	c.Apply(benchChanges(tb, objects))
	c.Synced()
	c.publish()
	h.cache.Store(c)
	return h
}

func benchChanges(tb testing.TB, objects []runtime.Object) (changes []model.Change) {
	tb.Helper()
	for _, object := range objects {
		switch object := object.(type) {
		case *corev1.Service:
			made, err := model.NewService(object)
			if err != nil {
				tb.Fatal(err)
			}
			if made != nil {
				changes = append(changes, model.ServiceChange(made))
			}
		case *discoveryv1.EndpointSlice:
			made, err := model.NewSlice(object)
			if err != nil {
				tb.Fatal(err)
			}
			changes = append(changes, model.SliceChange(made))
		}
	}
	return changes
}

// newStockPlugin returns the kubernetes plugin, synced with the objects. It is
// made by its own functions and lists and watches over HTTP: what it converts,
// keeps and looks up in are its own informers, stores and indexes, as in
// production. Only the API server behind them is not real, which no question
// notices.
func newStockPlugin(tb testing.TB, objects []runtime.Object) *kubernetes.Kubernetes {
	tb.Helper()
	served := newBenchAPIServer(objects)
	api := httptest.NewServer(served)
	c := caddy.NewTestController("dns", "kubernetes "+benchZones+" {\n endpoint "+api.URL+"\n fallthrough in-addr.arpa ip6.arpa\n}")
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
	eventually(tb, func() error {
		if !k.APIConn.HasSynced() {
			return errors.New("the kubernetes plugin has not synced")
		}
		return nil
	})
	served.forget()
	return k
}

// benchAPIServer holds objects by resource. A watch may begin with all of them;
// nothing changes afterwards.
type benchAPIServer struct {
	mu      sync.Mutex
	objects map[string][]runtime.Object
}

func newBenchAPIServer(objects []runtime.Object) *benchAPIServer {
	a := &benchAPIServer{objects: make(map[string][]runtime.Object)}
	for _, object := range objects {
		resource := strings.ToLower(object.GetObjectKind().GroupVersionKind().Kind) + "s"
		a.objects[resource] = append(a.objects[resource], object)
	}
	return a
}

// forget lets go of the objects once they have been sent: in production they are
// in another process.
func (a *benchAPIServer) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects = nil
}

func (a *benchAPIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
func (a *benchAPIServer) stream(w io.Writer, resource string) {
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
