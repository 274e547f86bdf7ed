package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// apiServer speaks as much of the list and watch protocol as a reflector needs,
// in JSON over loopback.
type apiServer struct {
	*httptest.Server

	mu       sync.Mutex
	version  int
	objects  map[string]runtime.Object
	history  []change
	requests []request
	changed  chan struct{}
	// broken is closed to break all watches.
	broken chan struct{}
	// oldest is the first version that a watch may begin at.
	oldest int
	// silent loses all events.
	silent bool
	// refuse answers instead of the server where it returns an error.
	refuse func(r request) *apierrors.StatusError
	// hang keeps requests waiting until they are cancelled.
	hang func(r request) bool
}

type change struct {
	version       int
	before, after runtime.Object
}

type request struct {
	path    string
	query   url.Values
	header  http.Header
	watches bool
	streams bool
}

// resource is the plural name at the end of the path.
func (r request) resource() string { return r.path[strings.LastIndex(r.path, "/")+1:] }

// metadata tells a request for metadata only.
func (r request) metadata() bool {
	return strings.Contains(r.header.Get("Accept"), "as=PartialObjectMetadataList")
}

func newAPIServer(t testing.TB) *apiServer {
	a := &apiServer{
		version: 1,
		objects: make(map[string]runtime.Object),
		changed: make(chan struct{}),
		broken:  make(chan struct{}),
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.breakWatches()
		a.CloseClientConnections()
		a.Close()
	})
	return a
}

func resourceOf(obj runtime.Object) string {
	switch obj.(type) {
	case *corev1.Service:
		return "services"
	case *corev1.Namespace:
		return "namespaces"
	case *corev1.Node:
		return "nodes"
	}
	return "endpointslices"
}

func kindsOf(resource string) schema.GroupVersionKind {
	switch resource {
	case "services":
		return corev1.SchemeGroupVersion.WithKind("Service")
	case "namespaces":
		return corev1.SchemeGroupVersion.WithKind("Namespace")
	case "nodes":
		return corev1.SchemeGroupVersion.WithKind("Node")
	}
	return discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
}

// put makes or changes an object. Its resource version is the server's.
func (a *apiServer) put(objects ...runtime.Object) {
	for _, obj := range objects {
		a.set(obj, obj)
	}
}

func (a *apiServer) remove(obj runtime.Object) { a.set(obj, nil) }

func (a *apiServer) set(named, obj runtime.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	meta := named.(metav1.Object)
	name := resourceOf(named) + " " + meta.GetNamespace() + "/" + meta.GetName()
	before := a.objects[name]
	delete(a.objects, name)
	if obj != nil {
		obj = versioned(obj, a.version)
		obj.GetObjectKind().SetGroupVersionKind(kindsOf(resourceOf(obj)))
		a.objects[name] = obj
	}
	a.history = append(a.history, change{version: a.version, before: before, after: obj})
	close(a.changed)
	a.changed = make(chan struct{})
}

// with changes how the server behaves.
func (a *apiServer) with(set func(a *apiServer)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	set(a)
}

func (a *apiServer) breakWatches() {
	a.with(func(a *apiServer) {
		close(a.broken)
		a.broken = make(chan struct{})
	})
}

// asked returns the requests that are of interest.
func (a *apiServer) asked(about func(r request) bool) []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.requests), func(r request) bool { return !about(r) })
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := request{path: r.URL.Path, query: r.URL.Query(), header: r.Header}
	asked.watches = asked.query.Get("watch") == "true"
	asked.streams = asked.query.Get("sendInitialEvents") == "true"
	a.mu.Lock()
	a.requests = append(a.requests, asked)
	refuse, hang := a.refuse, a.hang
	a.mu.Unlock()
	if hang != nil && hang(asked) {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if refuse != nil {
		if err := refuse(asked); err != nil {
			status := err.Status()
			status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
			w.WriteHeader(int(status.Code))
			_ = json.NewEncoder(w).Encode(status)
			return
		}
	}
	if asked.watches {
		a.watch(w, r, asked)
		return
	}
	a.list(w, asked)
}

func (a *apiServer) list(w http.ResponseWriter, r request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.metadata() {
		a.listMetadataLocked(w, r)
		return
	}
	kinds := kindsOf(r.resource())
	meta := map[string]string{"resourceVersion": strconv.Itoa(a.version)}
	items := a.selectedLocked(r)
	if r.query.Get("resourceVersion") != "0" {
		items, meta["continue"] = r.page(items)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind":       kinds.Kind + "List",
		"apiVersion": kinds.GroupVersion().String(),
		"metadata":   meta,
		"items":      items,
	})
}

// page returns the part of a list that a request is for, and what asks for the next one.
func (r request) page(all []runtime.Object) (part []runtime.Object, next string) {
	slices.SortFunc(all, func(a, b runtime.Object) int {
		return strings.Compare(a.(metav1.Object).GetName(), b.(metav1.Object).GetName())
	})
	from, _ := strconv.Atoi(r.query.Get("continue"))
	limit, _ := strconv.Atoi(r.query.Get("limit"))
	to := from + limit
	if limit == 0 || to >= len(all) {
		return all[from:], ""
	}
	return all[from:to], strconv.Itoa(to)
}

// listMetadataLocked makes pages of the size that is asked for, also at the
// resource version 0.
func (a *apiServer) listMetadataLocked(w http.ResponseWriter, r request) {
	var all []metav1.PartialObjectMetadata
	for _, obj := range a.selectedLocked(r) {
		meta := obj.(metav1.Object)
		all = append(all, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: meta.GetNamespace(), Name: meta.GetName(), Labels: meta.GetLabels(),
		}})
	}
	slices.SortFunc(all, func(a, b metav1.PartialObjectMetadata) int { return strings.Compare(a.Name, b.Name) })
	from, _ := strconv.Atoi(r.query.Get("continue"))
	limit, _ := strconv.Atoi(r.query.Get("limit"))
	to := min(from+limit, len(all))
	list := metav1.PartialObjectMetadataList{Items: all[from:to]}
	list.TypeMeta = metav1.TypeMeta{Kind: "PartialObjectMetadataList", APIVersion: metav1.SchemeGroupVersion.String()}
	if to < len(all) {
		list.Continue = strconv.Itoa(to)
	}
	_ = json.NewEncoder(w).Encode(list)
}

func (a *apiServer) selectedLocked(r request) []runtime.Object {
	selected := []runtime.Object{}
	for _, obj := range a.objects {
		if r.selects(obj) {
			selected = append(selected, obj)
		}
	}
	return selected
}

func (r request) selects(obj runtime.Object) bool {
	if obj == nil || resourceOf(obj) != r.resource() {
		return false
	}
	meta := obj.(metav1.Object)
	if _, namespaced, ok := strings.Cut(r.path, "/namespaces/"); ok && !strings.HasPrefix(namespaced, meta.GetNamespace()+"/") {
		return false
	}
	byLabel, err := labels.Parse(r.query.Get("labelSelector"))
	return err == nil && byLabel.Matches(labels.Set(meta.GetLabels()))
}

type frame struct {
	Type   string `json:"type"`
	Object any    `json:"object"`
}

func (a *apiServer) watch(w http.ResponseWriter, r *http.Request, asked request) {
	from, _ := strconv.Atoi(asked.query.Get("resourceVersion"))
	send := func(kind string, obj any) {
		_ = json.NewEncoder(w).Encode(frame{kind, obj})
	}
	a.mu.Lock()
	broken := a.broken
	switch {
	case asked.streams:
		for _, obj := range a.selectedLocked(asked) {
			send("ADDED", obj)
		}
		from = a.version
		send("BOOKMARK", a.bookmark(asked, true))
	case from < a.oldest:
		expired := apierrors.NewResourceExpired("too old resource version").Status()
		expired.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		send("ERROR", &expired)
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	for {
		a.mu.Lock()
		changed := a.changed
		for _, c := range a.history {
			if c.version > from && !a.silent {
				a.tell(send, asked, c)
			}
		}
		from = a.version
		a.mu.Unlock()
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-broken:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (a *apiServer) tell(send func(string, any), r request, c change) {
	switch was, is := r.selects(c.before), r.selects(c.after); {
	case was && is:
		send("MODIFIED", c.after)
	case is:
		send("ADDED", c.after)
	case was:
		send("DELETED", versioned(c.before, c.version))
	}
}

func (a *apiServer) bookmark(r request, initial bool) map[string]any {
	kinds := kindsOf(r.resource())
	meta := map[string]any{"resourceVersion": strconv.Itoa(a.version)}
	if initial {
		meta["annotations"] = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	return map[string]any{"kind": kinds.Kind, "apiVersion": kinds.GroupVersion().String(), "metadata": meta}
}

// noStreaming is how a server without streaming lists answers.
func noStreaming(r request) *apierrors.StatusError {
	if !r.streams {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", nil)
}

func forbidden(r request) *apierrors.StatusError {
	return apierrors.NewForbidden(schema.GroupResource{Resource: r.resource()}, "", fmt.Errorf("no right to do so"))
}
