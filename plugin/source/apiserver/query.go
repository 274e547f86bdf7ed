package apiserver

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The names of the streams in metrics, and of the search in unlabelled.go.
const (
	servicesHeadless     = "services_headless"
	servicesExternalName = "services_externalname"
	slicesHeadless       = "endpointslices_headless"
	slicesOther          = "endpointslices_other"
	slicesExtra          = "endpointslices_extra"
	slicesUnlabelled     = "endpointslices_unlabelled"
	namespacesSelected   = "namespaces"
)

const sliceController = "endpointslice-controller.k8s.io"

// What the API server is asked for. Slices that the controller made for
// Services with a ClusterIP are in none of the streams.
const (
	headlessField     = "spec.clusterIP=" + corev1.ClusterIPNone
	externalNameField = "spec.type=" + string(corev1.ServiceTypeExternalName)
	headlessLabels    = discoveryv1.LabelManagedBy + "=" + sliceController + "," + corev1.IsHeadlessService
	unlabelledLabels  = discoveryv1.LabelManagedBy + "=" + sliceController + ",!" + corev1.IsHeadlessService
	otherLabels       = discoveryv1.LabelManagedBy + "!=" + sliceController + "," + discoveryv1.LabelServiceName
)

// query selects the objects of a stream. Streams that differ only in their
// Namespace share it.
type query struct {
	// name is the name of the streams in metrics.
	name string
	kind kind
	// resource is the plural name of the kind in the API, example one of its
	// objects.
	resource string
	example  runtime.Object
	// bit marks what the streams hold.
	bit holders
	// labels and field are the selectors.
	labels labels.Selector
	field  string
	// unfiltered is set where the API server does not know the field selector, and
	// givenUp once that was logged.
	unfiltered, givenUp atomic.Bool
	read                reader
}

// queries returns the four queries, and the one for Namespaces where they are
// selected by label.
func (c Config) queries() ([]*query, error) {
	selected, err := labels.Parse(c.Labels)
	if err != nil {
		return nil, fmt.Errorf("the labels %q are not a label selector: %w", c.Labels, err)
	}
	queries := []*query{
		serviceQuery(servicesHeadless, selected, headlessField, isHeadless),
		serviceQuery(servicesExternalName, selected, externalNameField, isExternalName),
		sliceQuery(slicesHeadless, controllerSlices(headlessLabels, selected)),
		sliceQuery(slicesOther, parsed(otherLabels)),
	}
	if c.NamespaceLabels != "" {
		selected, err := labels.Parse(c.NamespaceLabels)
		if err != nil {
			return nil, fmt.Errorf("the namespace labels %q are not a label selector: %w", c.NamespaceLabels, err)
		}
		queries = append(queries, namespaceQuery(selected))
	}
	for i, q := range queries {
		q.bit = 1 << i
	}
	return queries, nil
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

// namesReserved tells whether a selector names a label that the EndpointSlice
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

func isHeadless(s *corev1.Service) bool     { return s.Spec.ClusterIP == corev1.ClusterIPNone }
func isExternalName(s *corev1.Service) bool { return s.Spec.Type == corev1.ServiceTypeExternalName }

func serviceQuery(name string, selector labels.Selector, field string, matches func(*corev1.Service) bool) *query {
	return &query{
		name: name, kind: serviceKind, resource: "services", example: &corev1.Service{},
		labels: selector, field: field,
		read: readServices(func(s *corev1.Service) bool { return matches(s) && selector.Matches(labels.Set(s.Labels)) }),
	}
}

func sliceQuery(name string, selector labels.Selector) *query {
	return &query{
		name: name, kind: sliceKind, resource: "endpointslices", example: &discoveryv1.EndpointSlice{},
		labels: selector,
		read:   readSlices(func(s *discoveryv1.EndpointSlice) bool { return selector.Matches(labels.Set(s.Labels)) }),
	}
}

func namespaceQuery(selector labels.Selector) *query {
	return &query{
		name: namespacesSelected, kind: namespaceKind, resource: "namespaces", example: &corev1.Namespace{},
		labels: selector,
		read:   readNamespaces(func(n *corev1.Namespace) bool { return selector.Matches(labels.Set(n.Labels)) }),
	}
}

// extraQuery asks for all slices of one Service, which has to be in the one
// Namespace that the stream covers.
func extraQuery(owner model.ServiceKey, bit holders) *query {
	q := sliceQuery(slicesExtra, labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: owner.Name}))
	q.bit = bit
	return q
}

func (q *query) listWatch(client rest.Interface, namespace string) *cache.ListWatch {
	return cache.NewFilteredListWatchFromClient(client, q.resource, namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = q.labels.String()
		if !q.unfiltered.Load() {
			o.FieldSelector = q.field
		}
	})
}

// giveUpField makes the query go without its field selector, if that may be what
// the API server refused. The reader filters in any case.
func (q *query) giveUpField(err error, streaming bool) bool {
	if q.field == "" || !apierrors.IsBadRequest(err) {
		return false
	}
	// A bad request may also be the answer to a list in the form of a watch;
	// then the plain list that follows will tell.
	if streaming && !strings.Contains(err.Error(), "field label") && !strings.Contains(err.Error(), "field selector") {
		return false
	}
	q.unfiltered.Store(true)
	return true
}

// judgeField takes the field selector up again where the API server, or a proxy
// before it, refuses the query without it too: then it was something else.
func (q *query) judgeField(refusal, without error) {
	switch {
	case without != nil:
		q.unfiltered.Store(false)
	case q.givenUp.CompareAndSwap(false, true):
		log.Warningf("The API server does not know the field selector %s, so all %s are read and filtered here: %v",
			q.field, q.resource, refusal)
	}
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
