package sparse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/randfill"
)

var clientGo = rest.CodecFactoryForGeneratedClient(scheme.Scheme, scheme.Codecs).WithoutConversion()

// streamDecoder returns the decoder of objects and that of events which a client
// makes of s for a watch.
func streamDecoder(t testing.TB, s runtime.NegotiatedSerializer) (objects runtime.Decoder, events runtime.Serializer) {
	t.Helper()
	negotiator := runtime.NewClientNegotiator(s, discoveryv1.SchemeGroupVersion)
	objects, events, _, err := negotiator.StreamDecoder(runtime.ContentTypeProtobuf, nil)
	if err != nil {
		t.Fatal(err)
	}
	return objects, events
}

// encoded returns obj as an API server sends it.
func encoded(t testing.TB, obj runtime.Object) []byte {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	if !ok {
		t.Fatal("client-go has no serializer of protocol buffers")
	}
	var b bytes.Buffer
	if err := scheme.Codecs.EncoderForVersion(info.Serializer, discoveryv1.SchemeGroupVersion).Encode(obj, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shortened returns what this package decodes of a slice.
func shortened(full *discoveryv1.EndpointSlice, places bool) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		TypeMeta: full.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: full.Name, Namespace: full.Namespace, ResourceVersion: full.ResourceVersion,
			Labels: full.Labels, Annotations: full.Annotations,
		},
		AddressType: full.AddressType,
	}
	for _, port := range full.Ports {
		port.AppProtocol = nil
		s.Ports = append(s.Ports, port)
	}
	for _, e := range full.Endpoints {
		short := discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: e.Conditions, Hostname: e.Hostname}
		if e.TargetRef != nil {
			short.TargetRef = &corev1.ObjectReference{Name: e.TargetRef.Name, UID: e.TargetRef.UID}
		}
		if places {
			short.NodeName, short.Zone, short.Hints = e.NodeName, e.Zone, e.Hints
		}
		s.Endpoints = append(s.Endpoints, short)
	}
	return s
}

// filled returns an object of which any field may be set.
func filled(seed int64) *discoveryv1.EndpointSlice {
	s := new(discoveryv1.EndpointSlice)
	randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 4).Funcs(
		func(t *metav1.Time, c randfill.Continue) { *t = metav1.Unix(c.Int63n(1<<32), 0) },
		func(f *metav1.FieldsV1, c randfill.Continue) { f.SetRawString(c.String(40)) },
	).Fill(s)
	s.TypeMeta = metav1.TypeMeta{}
	return s
}

// published returns a slice as the EndpointSlice controller makes them.
func published(random *rand.Rand, endpoints int) *discoveryv1.EndpointSlice {
	ready := random.IntN(2) == 0
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: "db-x7k2p", GenerateName: "db-", Namespace: "prod", ResourceVersion: "48219", Generation: 7,
			UID: "6f9619ff-8b86-4011-b42d-00c04fc964ff",
			Labels: map[string]string{
				discoveryv1.LabelServiceName: "db", discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io", corev1.IsHeadlessService: "",
			},
			Annotations:     map[string]string{corev1.EndpointsLastChangeTriggerTime: "2026-11-30T00:00:00Z"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: "db", UID: "6f9619ff-8b86-4011-b42d-00c04fc964ff"}},
			ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", FieldsV1: metav1.NewFieldsV1(`{"f:addressType":{}}`)}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("sql"), Port: new(int32(5432)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for i := range endpoints {
		pod := fmt.Sprintf("db-%d", i)
		zone := fmt.Sprintf("zone-%d", i%3)
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{fmt.Sprintf("10.%d.%d.%d", random.IntN(256), random.IntN(256), i%256)},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: new(random.IntN(2) == 0), Terminating: new(!ready)},
			Hostname:   &pod,
			TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: "prod", Name: pod,
				UID: types.UID(fmt.Sprintf("6f9619ff-8b86-4011-b42d-%012x", random.Uint64()>>16)),
			},
			NodeName: new(fmt.Sprintf("node-%d", i%40)),
			Zone:     &zone,
			Hints:    &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: zone}}},
		})
		// A few are for others too.
		if hints := s.Endpoints[i].Hints; random.IntN(20) == 0 {
			hints.ForZones = append(hints.ForZones, discoveryv1.ForZone{Name: "elsewhere"})
			hints.ForNodes = []discoveryv1.ForNode{{Name: "node-0"}, {Name: "node-1"}}
		}
	}
	return s
}

// Whatever fields a slice has, those that are kept are as client-go has them.
func TestWhatIsKeptIsAsClientGoDecodesIt(t *testing.T) {
	theirs, _ := streamDecoder(t, clientGo)
	for _, places := range []bool{false, true} {
		ours, _ := streamDecoder(t, Wrap(clientGo, places))
		for seed := range int64(2000) {
			data := encoded(t, filled(seed))
			full, err := runtime.Decode(theirs, data)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			got, err := runtime.Decode(ours, data)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if want := shortened(full.(*discoveryv1.EndpointSlice), places); !reflect.DeepEqual(got, want) {
				t.Fatalf("places %t, seed %d:\n got %v\nwant %v", places, seed, got, want)
			}
		}
	}
}

// What the model makes of a slice does not depend on who decoded it. This fails
// where the model reads a field that is not decoded.
func TestNothingThatTheModelReadsIsMissing(t *testing.T) {
	theirs, _ := streamDecoder(t, clientGo)
	random := rand.New(rand.NewPCG(1, 2))
	for _, places := range []bool{false, true} {
		ours, _ := streamDecoder(t, Wrap(clientGo, places))
		for range 200 {
			data := encoded(t, published(random, random.IntN(12)))
			got, want := made(t, ours, data, places), made(t, theirs, data, places)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("places %t: got %v %v, want %v %v", places, got, got.Places, want, want.Places)
			}
			if len(want.Endpoints) > 0 && (want.Places != nil) != places {
				t.Fatalf("it has the places %v", want.Places)
			}
		}
	}
}

// Names stand where addresses do.
func TestNamesAreReadAsOfClientGo(t *testing.T) {
	slice := published(rand.New(rand.NewPCG(1, 2)), 3)
	slice.AddressType = discoveryv1.AddressTypeFQDN
	for i := range slice.Endpoints {
		slice.Endpoints[i].Addresses = []string{fmt.Sprintf("seed-%d.example.org", i)}
	}
	data := encoded(t, slice)
	var names [2][]model.NamedEndpoint
	theirs, _ := streamDecoder(t, clientGo)
	ours, _ := streamDecoder(t, Wrap(clientGo, false))
	for i, decoder := range []runtime.Decoder{theirs, ours} {
		obj, err := runtime.Decode(decoder, data)
		if err != nil {
			t.Fatal(err)
		}
		api := obj.(*discoveryv1.EndpointSlice)
		made, err := model.NewSlice(api)
		if err = made.ReadNames(api, err); err != nil {
			t.Fatal(err)
		}
		names[i] = made.Named()
	}
	if len(names[0]) != 3 || !slices.Equal(names[0], names[1]) {
		t.Errorf("got %v, want %v", names[1], names[0])
	}
}

// A message in two parts is that of both: so protocol buffers want it, whoever may write
// so.
func TestEndpointsInTwoParts(t *testing.T) {
	var endpoint []byte
	for _, part := range []discoveryv1.Endpoint{
		{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Name: "db-0"}, Zone: new("a"),
			Hints: &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}}}},
		{Addresses: []string{"10.0.0.2"}, TargetRef: &corev1.ObjectReference{UID: "u"}, Zone: new("b"),
			Hints: &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "b"}}, ForNodes: []discoveryv1.ForNode{{Name: "n"}}}},
	} {
		data, err := part.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		endpoint = append(endpoint, data...)
	}
	raw := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), endpoint)
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}, Raw: raw}
	data, err := unknown.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	data = append(slices.Clone(prefix), data...)
	theirs, _ := streamDecoder(t, clientGo)
	full, err := runtime.Decode(theirs, data)
	if err != nil {
		t.Fatal(err)
	}
	if newSlice(data, true) == nil {
		t.Fatal("it is left to client-go")
	}
	ours, _ := streamDecoder(t, Wrap(clientGo, true))
	got, err := runtime.Decode(ours, data)
	if err != nil {
		t.Fatal(err)
	}
	if want := shortened(full.(*discoveryv1.EndpointSlice), true); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// made returns what the model makes of an object, with its places where they are wanted.
func made(t *testing.T, decoder runtime.Decoder, data []byte, places bool) *model.Slice {
	t.Helper()
	obj, err := runtime.Decode(decoder, data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := model.NewSlice(obj.(*discoveryv1.EndpointSlice))
	if err != nil {
		t.Fatal(err)
	}
	if places {
		s.ReadPlaces(obj.(*discoveryv1.EndpointSlice))
	}
	return s
}

// Lists, other kinds and objects that the caller brings are left to client-go.
func TestTheRestIsClientGos(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	slice := published(random, 3)
	ours, _ := streamDecoder(t, Wrap(clientGo, true))
	theirs, _ := streamDecoder(t, clientGo)
	for _, obj := range []runtime.Object{
		&discoveryv1.EndpointSliceList{Items: []discoveryv1.EndpointSlice{*slice}},
		&metav1.Status{Status: metav1.StatusFailure, Message: "too old resource version", Code: 410},
	} {
		data := encoded(t, obj)
		got, err := runtime.Decode(ours, data)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := runtime.Decode(theirs, data); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	into := new(discoveryv1.EndpointSlice)
	if err := runtime.DecodeInto(ours, encoded(t, slice), into); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(into, slice) {
		t.Errorf("into: got %v, want %v", into, slice)
	}
}

// An event is as client-go has it.
func TestEventsAreAsClientGoDecodesThem(t *testing.T) {
	_, ours := streamDecoder(t, Wrap(clientGo, true))
	_, theirs := streamDecoder(t, clientGo)
	for _, want := range []metav1.WatchEvent{
		{Type: "MODIFIED", Object: runtime.RawExtension{Raw: []byte("an object")}},
		{Type: "BOOKMARK", Object: runtime.RawExtension{Raw: []byte{}}},
		{Type: "ERROR"},
		{},
	} {
		data, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var got, full metav1.WatchEvent
		if _, _, err := ours.Decode(data, nil, &got); err != nil {
			t.Fatal(err)
		}
		if _, _, err := theirs.Decode(data, nil, &full); err != nil {
			t.Fatal(err)
		}
		if got.Type != full.Type || !bytes.Equal(got.Object.Raw, full.Object.Raw) {
			t.Errorf("got %v, want %v", got, full)
		}
	}
}

// FuzzObject: no bytes stall or crash, and what both take, both read alike.
func FuzzObject(f *testing.F) {
	ours, _ := streamDecoder(f, Wrap(clientGo, false))
	placed, _ := streamDecoder(f, Wrap(clientGo, true))
	theirs, _ := streamDecoder(f, clientGo)
	for seed := range int64(8) {
		f.Add(encoded(f, filled(seed)))
	}
	f.Add(encoded(f, published(rand.New(rand.NewPCG(1, 2)), 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		full, theirErr := runtime.Decode(theirs, data)
		for places, ours := range map[bool]runtime.Decoder{false: ours, true: placed} {
			got, err := runtime.Decode(ours, data)
			if theirErr != nil {
				continue
			}
			if err != nil {
				t.Fatalf("client-go takes it: %v", err)
			}
			want := full
			if slice, ok := full.(*discoveryv1.EndpointSlice); ok && newSlice(data, places) != nil {
				want = shortened(slice, places)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("places %t: got %v, want %v", places, got, want)
			}
		}
	})
}

// FuzzEvent: as FuzzObject, of events.
func FuzzEvent(f *testing.F) {
	_, ours := streamDecoder(f, Wrap(clientGo, false))
	_, theirs := streamDecoder(f, clientGo)
	event := metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: []byte("an object")}}
	data, err := event.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want metav1.WatchEvent
		_, _, theirErr := theirs.Decode(data, nil, &want)
		_, _, err := ours.Decode(data, nil, &got)
		if theirErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("client-go takes it: %v", err)
		}
		if got.Type != want.Type || !bytes.Equal(got.Object.Raw, want.Object.Raw) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// BenchmarkEvent decodes a change of one endpoint of 100.
func BenchmarkEvent(b *testing.B) {
	slice := encoded(b, published(rand.New(rand.NewPCG(1, 2)), 100))
	event := metav1.WatchEvent{Type: "MODIFIED", Object: runtime.RawExtension{Raw: slice}}
	data, err := event.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		serializer runtime.NegotiatedSerializer
	}{{"sparse", Wrap(clientGo, false)}, {"sparse with places", Wrap(clientGo, true)}, {"client-go", clientGo}} {
		objects, events := streamDecoder(b, c.serializer)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var event metav1.WatchEvent
				if _, _, err := events.Decode(data, nil, &event); err != nil {
					b.Fatal(err)
				}
				if _, err := runtime.Decode(objects, event.Object.Raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
