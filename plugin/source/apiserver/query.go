package apiserver

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The names of the streams in metrics. The search (search.go) asks for what the
// stream of a fallback is for, and has its name.
const (
	servicesAll        = "services"
	slicesHeadless     = "endpointslices_headless"
	slicesOther        = "endpointslices_other"
	slicesUnlabelled   = "endpointslices_unlabelled"
	namespacesSelected = "namespaces"
	nodesAll           = "nodes"
)

const sliceController = "endpointslice-controller.k8s.io"

// What the API server is asked for. Slices that the controller made for
// Services with a ClusterIP are in none of the streams but a fallback's.
const (
	controllerLabels = discoveryv1.LabelManagedBy + "=" + sliceController
	headlessLabels   = controllerLabels + "," + corev1.IsHeadlessService
	unlabelledLabels = controllerLabels + ",!" + corev1.IsHeadlessService
	otherLabels      = discoveryv1.LabelManagedBy + "!=" + sliceController + "," + discoveryv1.LabelServiceName
)

// maxNames bounds the names of Services in a selector, in bytes: an address has
// to pass proxies, of which many take 8 KB. Where there are more, all slices of the
// controller are read, and filtered here.
const maxNames = 4 << 10

// query selects the objects of a stream. Streams that differ only in their
// Namespace share it.
type query struct {
	// name is the name of the streams in metrics.
	name string
	kind model.Kind
	// resource is the plural name of the kind in the API, example one of its
	// objects.
	resource string
	example  runtime.Object
	labels   labels.Selector
	// fresh makes the first list, too, one of what is now: an API server may
	// answer others from before the reason for the query.
	fresh bool
	// page is how many objects a page of a list has at most, where the API server does
	// not stream it; 0 leaves that to client-go and the API server.
	page int64
	read reader
	// trim takes out of a page what is not read of it; nil leaves it as it is.
	trim func(page runtime.Object)
}

// queries are those of a Config: of Services, of slices with the headless label, of
// slices that others manage, of Namespaces where they are selected by label, else nil,
// and of Nodes where they are wanted, else nil.
type queries struct {
	services, labelled, other, namespaces, nodes *query
	// wanted is what is read of slices.
	wanted wanted
	// controller selects all slices of the EndpointSlice controller that may be of
	// selected Services, unlabelled those without the headless label.
	controller, unlabelled labels.Selector
}

func (c Config) queries() (*queries, error) {
	selected, err := labels.Parse(c.Labels)
	if err != nil {
		return nil, fmt.Errorf("the labels %q are not a label selector: %w", c.Labels, err)
	}
	w := wanted{places: c.Places, names: c.Names}
	q := &queries{
		services:   serviceQuery(selected),
		labelled:   sliceQuery(slicesHeadless, controllerSlices(headlessLabels, selected), w),
		other:      sliceQuery(slicesOther, parsed(otherLabels), w),
		wanted:     w,
		controller: controllerSlices(controllerLabels, selected),
		unlabelled: controllerSlices(unlabelledLabels, selected),
	}
	if c.Nodes {
		q.nodes = nodeQuery()
	}
	if c.NamespaceLabels == "" {
		return q, nil
	}
	selected, err = labels.Parse(c.NamespaceLabels)
	if err != nil {
		return nil, fmt.Errorf("the namespace labels %q are not a label selector: %w", c.NamespaceLabels, err)
	}
	q.namespaces = namespaceQuery(selected)
	return q, nil
}

// fallback asks for the slices of Services in need. Of those whose Service is not
// in need when they come only the names are read.
func (q *queries) fallback(services []string, inNeed func(model.ServiceKey) bool) *query {
	selector := q.controller
	const comma = len("%2C")
	size := 0
	for _, name := range services {
		size += len(name) + comma
	}
	if size <= maxNames {
		// The names of Services are values of a label.
		named, _ := labels.NewRequirement(discoveryv1.LabelServiceName, selection.In, services)
		selector = selector.Add(*named)
	}
	f := sliceQuery(slicesUnlabelled, selector, q.wanted)
	f.fresh = true
	f.read = readSlices(q.wanted, func(s *discoveryv1.EndpointSlice) bool {
		return selector.Matches(labels.Set(s.Labels)) && inNeed(ownerOf(s))
	})
	return f
}

// controllerSlices narrows a selector of slices that the EndpointSlice
// controller made down to those of the selected Services.
func controllerSlices(selector string, services labels.Selector) labels.Selector {
	all := parsed(selector)
	requirements, _ := services.Requirements()
	if namesReserved(requirements) {
		return all
	}
	return all.Add(requirements...)
}

// parsed is for the selectors of this package, which parse.
func parsed(selector string) labels.Selector {
	s, err := labels.Parse(selector)
	if err != nil {
		panic(err)
	}
	return s
}

// namesReserved reports whether a selector names a label that the EndpointSlice
// controller sets by itself. It copies all others from the Service to its
// slices, so that the selector of the Services fits the slices too.
func namesReserved(requirements labels.Requirements) bool {
	return slices.ContainsFunc(requirements, func(r labels.Requirement) bool {
		switch r.Key() {
		case discoveryv1.LabelServiceName, discoveryv1.LabelManagedBy, corev1.IsHeadlessService:
			return true
		}
		return false
	})
}

func serviceQuery(selector labels.Selector) *query {
	return &query{
		name: servicesAll, kind: model.KindService, resource: "services", example: &corev1.Service{},
		labels: selector,
		read:   readServices(func(s *corev1.Service) bool { return selector.Matches(labels.Set(s.Labels)) }),
	}
}

func sliceQuery(name string, selector labels.Selector, w wanted) *query {
	return &query{
		name: name, kind: model.KindSlice, resource: "endpointslices", example: &discoveryv1.EndpointSlice{},
		labels: selector,
		read:   readSlices(w, func(s *discoveryv1.EndpointSlice) bool { return selector.Matches(labels.Set(s.Labels)) }),
	}
}

func namespaceQuery(selector labels.Selector) *query {
	return &query{
		name: namespacesSelected, kind: model.KindNamespace, resource: "namespaces", example: &corev1.Namespace{},
		labels: selector,
		read:   readNamespaces(func(n *corev1.Namespace) bool { return selector.Matches(labels.Set(n.Labels)) }),
	}
}

// nodePage bounds the Nodes of a page, of which each may have some 20 KB.
const nodePage = 200

func nodeQuery() *query {
	return &query{
		name: nodesAll, kind: model.KindNode, resource: "nodes", example: &corev1.Node{},
		labels: labels.Everything(), page: nodePage, read: readNodes, trim: trimNodes,
	}
}

// trimNodes bounds what a list of Nodes needs while its pages come together.
func trimNodes(page runtime.Object) {
	if list, ok := page.(*corev1.NodeList); ok {
		for i := range list.Items {
			model.TrimNode(&list.Items[i])
		}
	}
}

func (q *query) listWatch(client rest.Interface, namespace string) *cache.ListWatch {
	return cache.NewFilteredListWatchFromClient(client, q.resource, namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = q.labels.String()
		if q.fresh && o.ResourceVersion == "0" || q.pages(o) {
			o.ResourceVersion = ""
		}
	})
}

// pages reports whether o is for the first page of a list in pages. An API server makes
// no pages of what it lists as of the version 0, and may have forgotten a later one.
func (q *query) pages(o *metav1.ListOptions) bool {
	return q.page > 0 && !o.Watch && o.Limit > 0 && o.Continue == ""
}

// check refuses a list that is none of the query's objects: it would seem to say
// that there are none. An API server gives each list a resource version.
func (q *query) check(list runtime.Object) error {
	items, err := meta.GetItemsPtr(list)
	if err != nil || reflect.TypeOf(items).Elem().Elem() != reflect.TypeOf(q.example).Elem() {
		return fmt.Errorf("the answer is a %T, want a list of %s", list, q.resource)
	}
	if l, err := meta.ListAccessor(list); err != nil || l.GetResourceVersion() == "" {
		return fmt.Errorf("the list of %s has no resource version", q.resource)
	}
	return nil
}
