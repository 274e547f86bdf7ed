package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
)

var header = Header{Origin: "https://192.0.2.1:6443", Current: time.Unix(1_700_000_000, 5)}

func serviceOf(namespace, name string) model.Change {
	return model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}, Kind: model.Headless})
}

func sliceOf(namespace, name string, addresses ...netip.Addr) model.Change {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name + "-1"}, Service: name, Version: 7, Endpoints: []model.Endpoint{}}
	for i, addr := range addresses {
		s.Endpoints = append(s.Endpoints, model.Endpoint{Address: addr, ID: model.PodID{1, byte(i)}, Conditions: model.Ready | model.Serving})
	}
	return model.SliceChange(s)
}

// placedSliceOf has an endpoint in a zone and on a node, for those, and one for others.
func placedSliceOf(namespace, name string) model.Change {
	c := sliceOf(namespace, name, netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.4"))
	e := c.Slice.Endpoints
	e[0].Zone, e[0].Node, e[0].Hints = 1, 1, model.HintedZone|model.HintedNode
	e[1].Zone, e[1].Hints = 1, model.HintedElsewhere
	c.Slice.Places = &model.Places{
		Zones:     []model.Place{unique.Make("z1")},
		Nodes:     []model.Place{unique.Make("n1")},
		Elsewhere: map[int32]model.Elsewhere{1: {Zones: []model.Place{unique.Make("z2"), unique.Make("z3")}}},
	}
	return c
}

func someObjects() []model.Change {
	return []model.Change{
		serviceOf("default", "db"),
		sliceOf("default", "db", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")),
		model.NamespaceChange("default"),
		model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "a", Name: "web"}, Kind: model.ExternalName, Target: "example.org."}),
		model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "a", Name: "bad"}, Refused: `externalName "a b"`}),
		placedSliceOf("a", "placed"),
		model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "a", Name: "near"}, Kind: model.Headless, Distribution: model.PreferSameNode}),
		model.SliceChange(&model.Slice{SliceKey: model.SliceKey{Namespace: "a", Name: "names"}, Service: "db", Version: 8, Refused: "type FQDN"}),
		model.SliceChange(&model.Slice{SliceKey: model.SliceKey{Namespace: "a", Name: "seeds"}, Service: "db", Version: 9, Names: &model.Names{Endpoints: []model.NamedEndpoint{
			{Name: "seed.example.org.", Conditions: model.Ready | model.Serving}, {Name: "old.example.org.", Conditions: model.Serving | model.Terminating},
		}}}),
	}
}

func TestSomeObjectsAreOfEachKind(t *testing.T) {
	for _, k := range model.Kinds() {
		if k != model.KindNode && !slices.ContainsFunc(someObjects(), func(c model.Change) bool { return c.Kind == k }) {
			t.Errorf("none is a %v", k)
		}
	}
	for _, c := range []model.Change{{Namespace: "default"}, model.NodeChange(&model.Node{Name: unique.Make("n1")})} {
		if err := Encode(&bytes.Buffer{}, header, slices.Values([]model.Change{c}), Memory{}); !errors.Is(err, errKind) {
			t.Errorf("writing %v gave the error %v", c, err)
		}
	}
}

func encoded(t testing.TB, all ...model.Change) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, header, slices.Values(all), Memory{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func anyHeader(Header) error { return nil }

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []model.Change
	}{
		{"nothing", nil},
		{"an object of each kind", someObjects()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Header
			content, err := Decode(bytes.NewReader(encoded(t, c.all...)), func(h Header) error { got = h; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(content, Content{Objects: c.all}) {
				t.Errorf("got  %+v\nwant %+v", content, c.all)
			}
			if got.Origin != header.Origin || !got.Current.Equal(header.Current) {
				t.Errorf("got the header %+v, want %+v", got, header)
			}
		})
	}
}

func TestDecodeGivesWhatWasEncodedWhateverItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []model.Change
		for i := range rapid.IntRange(0, 5).Draw(t, "Services") {
			name := fmt.Sprintf("s%d", i)
			var addresses []netip.Addr
			for range rapid.IntRange(0, 200).Draw(t, "endpoints") {
				addresses = append(addresses, netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b")}))
			}
			all = append(all, serviceOf("default", name), sliceOf("default", name, addresses...))
		}
		want := Content{Objects: all}
		for i := range rapid.IntRange(0, 3).Draw(t, "failing") {
			want.Verdicts.Judged = time.Unix(1e9, 0)
			want.Verdicts.Failing = append(want.Verdicts.Failing, failing(i))
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "waiting") {
			want.Waiting = append(want.Waiting, model.ServiceKey{Namespace: "default", Name: fmt.Sprintf("s%d", i)})
		}
		var b bytes.Buffer
		if err := Encode(&b, header, slices.Values(all), want.Memory); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(bytes.NewReader(b.Bytes()), anyHeader)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
		}
		// No byte of it can change, and none be missing, unnoticed.
		at := rapid.IntRange(0, b.Len()-1).Draw(t, "at")
		changed := slices.Clone(b.Bytes())
		changed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		for _, data := range [][]byte{changed, b.Bytes()[:at], append(slices.Clone(b.Bytes()), 0)} {
			if _, err := Decode(bytes.NewReader(data), anyHeader); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Fatalf("changed at %d: got the error %v", at, err)
			}
		}
	})
}

// sealed puts a good sum behind what stands between the header and the sum.
func sealed(version byte, origin int, rest []byte) []byte {
	data := append([]byte(mark), 0, 0, 0, version)
	data = order.AppendUint64(data, 0)
	data = order.AppendUint16(data, uint16(origin))
	data = append(data, bytes.Repeat([]byte("o"), origin)...)
	data = append(data, rest...)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

func framed(t *testing.T, obj runtime.Object) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := form.Encode(obj, &b); err != nil {
		t.Fatal(err)
	}
	return append(order.AppendUint32(nil, uint32(b.Len())), b.Bytes()...)
}

func TestDecodeRefusesWhatItCannotTrust(t *testing.T) {
	good := encoded(t, someObjects()...)
	end := make([]byte, 4)
	clusterIP := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.1"}}
	clusterIP.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Service"))
	pod := &corev1.Pod{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	for _, c := range []struct {
		name string
		data []byte
		is   error
		want string
	}{
		{"an empty file", nil, ErrDamaged, "it ends too early"},
		{"something else", bytes.Repeat([]byte("text\n"), 100), ErrDamaged, "it does not begin like a snapshot"},
		{"a later version", sealed(4, 0, end), ErrVersion, "it has the version 4 of the format, not 1 to 3"},
		{"an earlier version", sealed(0, 0, end), ErrVersion, "it has the version 0 of the format, not 1 to 3"},
		{"only a beginning", good[:len(mark)+4], ErrDamaged, "it ends too early"},
		{"half of it", good[:len(good)/2], ErrDamaged, "its checksum is wrong"},
		{"no sum", good[:len(good)-sumSize], ErrDamaged, "its checksum is wrong"},
		{"something behind it", append(slices.Clone(good), 0), ErrDamaged, "its checksum is wrong"},
		{"an origin too long", sealed(plain, MaxOrigin+1, end), ErrDamaged, "the origin has 4097 bytes"},
		{"no end", sealed(plain, 0, nil), ErrDamaged, "it ends too early"},
		{"objects behind the end", sealed(plain, 0, make([]byte, 8)), ErrDamaged, "4 bytes follow the end"},
		{"an object too large", sealed(plain, 0, order.AppendUint32(nil, MaxObject+1)), ErrDamaged, "the object 1 has 4194305 bytes"},
		{"an object cut short", sealed(plain, 0, order.AppendUint32(nil, 10)), ErrDamaged, "it ends too early"},
		{"an object in another form", sealed(plain, 0, append(order.AppendUint32(nil, 4), "{}{}"...)), ErrDamaged, "the object 1: "},
		{"an object of another kind", sealed(plain, 0, framed(t, pod)), ErrDamaged, "the object 1: "},
		{"a Service that is not served", sealed(plain, 0, framed(t, clusterIP)), ErrDamaged, "the object 1: a Service that is not served"},
		{"verdicts cut short", sealed(withVerdicts, 0, order.AppendUint32(slices.Clone(end), 1)), ErrDamaged, "it ends too early"},
		{"fewer verdicts than it says", sealed(withVerdicts, 0, append(slices.Clone(end), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), ErrDamaged, "it ends too early"},
		{"too many verdicts", sealed(withVerdicts, 0, append(slices.Clone(end), 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1)), ErrDamaged, "it has 131073 verdicts"},
		{"bytes behind the verdicts", sealed(withVerdicts, 0, append(slices.Clone(end), make([]byte, 13)...)), ErrDamaged, "1 bytes follow the end"},
		{"no Services that wait, where there is a place for them", sealed(withWaiting, 0, append(slices.Clone(end), make([]byte, 12)...)), ErrDamaged, "it ends too early"},
		{"fewer Services that wait than it says", sealed(withWaiting, 0, append(slices.Clone(end), append(make([]byte, 12), 0, 0, 0, 1, 0, 9)...)), ErrDamaged, "it ends too early"},
		{"too many Services that wait", sealed(withWaiting, 0, append(slices.Clone(end), append(make([]byte, 12), 0, 1, 0, 1)...)), ErrDamaged, "it has 65537 Services that wait"},
		{"a Service that waits without a namespace", sealed(withWaiting, 0, append(slices.Clone(end), append(make([]byte, 12), 0, 0, 0, 1, 0, 1, 'a')...)), ErrDamaged, "damaged: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode(bytes.NewReader(c.data), anyHeader)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || !reflect.DeepEqual(got, Content{}) {
				t.Errorf("got %+v and the error %v, want %q", got, err, c.want)
			}
		})
	}
}

// failing is a check that fails.
func failing(i int) check.Remembered {
	spec := check.Spec{Kind: check.Postgres}
	addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
	if i%2 == 1 {
		addr = netip.MustParseAddr("2001:db8::1")
	}
	return check.Remembered{At: netip.AddrPortFrom(addr, 5432), Spec: spec.Digest(), Since: time.Unix(1e9, int64(i))}
}

func TestVerdictsAreGoodForFiveMinutes(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tc := range []struct {
		age  time.Duration
		want int
	}{{0, 1}, {5 * time.Minute, 1}, {5*time.Minute + 1, 0}, {-time.Hour, 1}} {
		v := Verdicts{Judged: now.Add(-tc.age), Failing: []check.Remembered{failing(1)}}
		if got := v.Young(now); len(got) != tc.want {
			t.Errorf("after %v there are %d verdicts, want %d", tc.age, len(got), tc.want)
		}
	}
}

func TestDecodeAsksBeforeItReadsObjects(t *testing.T) {
	refusal := errors.New("not mine")
	// What follows the header would be an error of its own.
	_, err := Decode(bytes.NewReader(sealed(plain, 3, nil)), func(h Header) error {
		if h.Origin != "ooo" {
			t.Errorf("got the origin %q", h.Origin)
		}
		return refusal
	})
	if err != refusal {
		t.Errorf("got the error %v", err)
	}
}

func TestEncodeIsBounded(t *testing.T) {
	large := serviceOf("default", "large")
	large.Service.Annotations = model.NewAnnotations(map[string]string{"drain": strings.Repeat("a", MaxObject)})
	half := serviceOf("default", "half")
	half.Service.Annotations = model.NewAnnotations(map[string]string{"drain": strings.Repeat("a", MaxObject/2)})
	for _, c := range []struct {
		name string
		all  []model.Change
		want string
	}{
		{"an object", []model.Change{large}, "the Service default/large has "},
		{"all together", slices.Repeat([]model.Change{half}, 2*MaxSize/MaxObject), "all objects together have more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			err := Encode(&b, header, slices.Values(c.all), Memory{})
			if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), c.want) || b.Len() > MaxSize {
				t.Errorf("got %d bytes and the error %v", b.Len(), err)
			}
		})
	}
	h := header
	h.Origin = strings.Repeat("o", MaxOrigin+1)
	if err := Encode(&bytes.Buffer{}, h, slices.Values(someObjects()), Memory{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an origin: got the error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add(encoded(f), false)
	f.Add(encoded(f, someObjects()...), false)
	some, head := encoded(f, someObjects()...), len(sealed(plain, len(header.Origin), nil))-sumSize
	f.Add(some[head:len(some)-sumSize], true)
	f.Add(append(slices.Clone(some[head:len(some)-sumSize]), Verdicts{time.Unix(1e9, 0), []check.Remembered{failing(1)}}.encode()...), true)
	f.Add(append(append(slices.Clone(some[head:len(some)-sumSize]), Verdicts{}.encode()...), encodeWaiting([]model.ServiceKey{{Namespace: "a", Name: "b"}})...), true)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		// All versions of the format, by what the data is.
		version := byte(plain + len(data)%withWaiting)
		if seal {
			data = sealed(version, 0, data)
		}
		got, err := Decode(bytes.NewReader(data), anyHeader)
		if err != nil {
			if !reflect.DeepEqual(got, Content{}) {
				t.Fatal("content and an error")
			}
			return
		}
		if len(got.Verdicts.Failing) == 0 {
			// Without verdicts, when they were is not written.
			got.Verdicts = Verdicts{}
		}
		var b bytes.Buffer
		if err := Encode(&b, header, slices.Values(got.Objects), got.Memory); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(bytes.NewReader(b.Bytes()), anyHeader)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("what was taken in does not come back: %v\ngot  %+v\nwant %+v", err, again, got)
		}
	})
}
