package manifests

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	netutils "k8s.io/utils/net"
)

// identity is what an object is told apart by, in lower case but for the kind.
type identity struct{ kind, namespace, name string }

func (id identity) String() string {
	if id.namespace == "" {
		return id.kind + " " + id.name
	}
	return id.kind + " " + id.namespace + "/" + id.name
}

// object is what this source needs of one object in a manifest.
type object struct {
	identity
	place
	// refused is why the object, or a part of it, is left out: an API server
	// would not take it.
	refused error
	// skipped is why the object is passed over although nothing is wrong with it.
	skipped error
	// leftOut is what is reported of a Service or a slice that is left out, so that
	// answers can say why; the zero value is nothing. The name of a slice is missing where
	// the object has none.
	leftOut model.Change
	// version and created are the object's resourceVersion, 0 where that is not a
	// number, and creationTimestamp: the newer of two has the larger ones.
	version uint64
	created time.Time

	// Of a Service: whether it is headless or of type ExternalName, whether it
	// has no spec, and what is reported of it, nil where Options say so.
	served   bool
	isBare   bool
	reported *model.Service
	// Of an EndpointSlice: itself. Of an Endpoints: its mirror. Their Version is
	// set when it is known which definitions count.
	slices []*model.Slice
	// Of an Endpoints: its addresses, in the order in which they stand there.
	addresses []string
	// Of a Namespace: whether it is reported.
	matches bool
	// Of a Node: itself.
	node *model.Node
}

// versionOf returns a resourceVersion, which API servers make as numbers, and 0
// for any other text.
func versionOf(text string) uint64 {
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return version
}

// nameIn is what an object is called in the log: objects without a name are told
// apart by their place.
func (o *object) nameIn(path string) string {
	if o.name == "" {
		return "(" + o.in(path) + ")"
	}
	return o.name
}

// newObject makes what all kinds have in common.
func newObject(kind string, meta *metav1.ObjectMeta) object {
	switch {
	case kind == "Namespace" || kind == "Node":
		meta.Namespace = ""
	case meta.Namespace == "":
		meta.Namespace = metav1.NamespaceDefault
	}
	o := object{
		identity: identity{kind, strings.ToLower(meta.Namespace), strings.ToLower(meta.Name)},
		version:  versionOf(meta.ResourceVersion),
		created:  meta.CreationTimestamp.Time,
	}
	switch {
	case meta.Name == "":
		o.refused = errors.New("metadata.name is missing")
	case len(meta.Name) > model.MaxName || strings.ContainsFunc(meta.Name, isNoName):
		o.refused = model.Refuse(fmt.Sprintf("name %.40q", meta.Name),
			"metadata.name %.80q is not 1 to %d letters, digits, hyphens and dots", meta.Name, model.MaxName)
	}
	if strings.ContainsFunc(meta.Namespace, isNoName) {
		o.refused = fmt.Errorf("metadata.namespace %.80q is not letters, digits, hyphens and dots", meta.Namespace)
	}
	if o.refused != nil {
		// It has no identity, and so no second definition.
		o.name = ""
	}
	return o
}

// isNoName reports whether no name of an object has a character. Capitals may
// pass, as in the model.
func isNoName(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
}

func (m maker) service(obj *corev1.Service) object {
	o := newObject("Service", &obj.ObjectMeta)
	if o.refused != nil {
		return o
	}
	service, err := model.NewService(obj)
	if err == nil {
		err = checkClusterIP(&obj.Spec)
	}
	o.refused = err
	o.served = service != nil
	o.isBare = obj.Spec.ClusterIP == "" && obj.Spec.Type == "" && len(obj.Spec.Ports) == 0
	switch {
	case !m.includes(o.namespace) || !m.labels.Matches(labels.Set(obj.Labels)):
	case err == nil:
		o.reported = service
	default:
		o.leaveOutService()
	}
	return o
}

// leaveOutService has a Service that is refused reported as one that is left out. Nobody
// can ask for one whose name is no label.
func (o *object) leaveOutService() {
	if key, err := model.NewServiceKey(o.namespace, o.name); err == nil {
		o.leftOut = model.ServiceChange(&model.Service{ServiceKey: key, Refused: model.Refusal(o.refused)})
	}
}

// leaveOutSlice has a slice of a Service reported as one that is left out. One that
// names no Service is nobody's.
func (m maker) leaveOutSlice(o *object, name, service string, why error) {
	owner, err := model.NewServiceKey(o.namespace, service)
	if err != nil || !m.includes(o.namespace) {
		return
	}
	o.leftOut = model.SliceChange(&model.Slice{
		SliceKey: model.SliceKey{Namespace: owner.Namespace, Name: name},
		Service:  owner.Name,
		Refused:  model.Refusal(why),
		Version:  1,
	})
}

// checkClusterIP refuses what an API server refuses of a Service that is to be
// headless and is not: "none" in another case, and the list alone.
func checkClusterIP(spec *corev1.ServiceSpec) error {
	ip := spec.ClusterIP
	switch {
	case spec.Type == corev1.ServiceTypeExternalName:
		return nil
	case ip != "" && ip != corev1.ClusterIPNone && netutils.ParseIPSloppy(ip) == nil:
		return model.Refuse(fmt.Sprintf("clusterIP %.40q", ip),
			"spec.clusterIP %.80q is not an address, and not None, which is written with a capital N", ip)
	case len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != ip:
		return model.Refuse(fmt.Sprintf("clusterIPs %.40q", spec.ClusterIPs[0]),
			"spec.clusterIPs begins with %.80q; it must begin with spec.clusterIP, which is %.80q", spec.ClusterIPs[0], ip)
	}
	return nil
}

func (m maker) slice(obj *discoveryv1.EndpointSlice) object {
	o := newObject("EndpointSlice", &obj.ObjectMeta)
	if o.refused == nil {
		o.refused = m.addSlice(&o, obj)
	}
	if o.refused != nil {
		m.leaveOutSlice(&o, o.name, obj.Labels[discoveryv1.LabelServiceName], o.refused)
	}
	return o
}

const betaKind = "discovery.k8s.io/v1beta1 EndpointSlice"

// betaSlice is a slice of an API that Kubernetes had until 1.25. Its endpoints
// are of another form.
type betaSlice struct {
	metav1.ObjectMeta `json:"metadata"`
}

func (m maker) betaSlice(obj *betaSlice) object {
	o := newObject(betaKind, &obj.ObjectMeta)
	o.skipped = errors.New("only discovery.k8s.io/v1 is read; kubectl convert makes that of it")
	m.leaveOutSlice(&o, "v1beta1/"+o.name, obj.Labels[discoveryv1.LabelServiceName], errors.New("discovery.k8s.io/v1beta1"))
	return o
}

func (m maker) endpoints(obj *legacyEndpoints) object {
	o := newObject("Endpoints", &obj.ObjectMeta)
	if o.refused != nil {
		return o
	}
	if o.skipped = unmirrored(obj); o.skipped != nil {
		return o
	}
	mirrored, tooMany, err := mirror(obj)
	for i := range mirrored {
		if err == nil {
			err = m.addSlice(&o, &mirrored[i])
		}
	}
	if err != nil {
		o.refused, o.slices = err, nil
	} else if tooMany > 0 {
		o.refused = model.Refuse(fmt.Sprintf("%d addresses too many", tooMany),
			"%d addresses more than the %d of a subset that are mirrored; the others are served", tooMany, maxMirrored)
	}
	if o.refused != nil {
		m.leaveOutSlice(&o, mirrorName(obj, "left-out"), obj.Name, errors.New("mirrored Endpoints, "+model.Refusal(o.refused)))
	}
	o.addresses = written(obj)
	return o
}

// addSlice forgets when the controller saw the change: the manifest may be years
// old.
func (m maker) addSlice(o *object, obj *discoveryv1.EndpointSlice) error {
	slice, err := model.NewSlice(obj)
	if slice != nil && m.names {
		err = slice.ReadNames(obj, err)
	}
	if err != nil {
		return err
	}
	if m.places {
		slice.ReadPlaces(obj)
	}
	slice.Version = 0
	slice.Triggered = 0
	if m.includes(o.namespace) {
		o.slices = append(o.slices, slice)
	}
	return nil
}

func (m maker) namespace(obj *corev1.Namespace) object {
	o := newObject("Namespace", &obj.ObjectMeta)
	o.matches = o.refused == nil && m.namespaceLabels.Matches(labels.Set(obj.Labels))
	return o
}

func (m maker) node(obj *corev1.Node) object {
	o := newObject("Node", &obj.ObjectMeta)
	if o.refused != nil {
		return o
	}
	if o.node, o.refused = model.NewNode(obj); o.refused != nil {
		o.refused = source.OfPart(o.refused)
	}
	return o
}

// isPartOf reports whether o says the same as whole, but for what stands at its
// end: as if somebody had not written all of it yet.
func (o *object) isPartOf(whole *object) bool {
	if o.kind == "Service" {
		return o.isBare && !whole.isBare
	}
	now, before := o.offered(), whole.offered()
	if len(now) < len(before) {
		return slices.Equal(now, before[:len(now)])
	}
	return slices.Equal(now, before) && o.ports() < whole.ports()
}

// offered returns the addresses of an object in the order in which they stand
// there.
func (o *object) offered() []string {
	all := slices.Clone(o.addresses)
	if o.kind == "EndpointSlice" {
		for _, slice := range o.slices {
			for i := range slice.Endpoints {
				all = append(all, slice.Endpoints[i].Address.String())
			}
		}
	}
	return all
}

func (o *object) ports() (n int) {
	for _, slice := range o.slices {
		n += len(slice.Ports)
	}
	return n
}
