package external

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// object is one of the Kubernetes API.
type object = map[string]any

// A service is one without selector, whose endpoints have one port.
type service struct {
	name string
	// check is the annotation, others are further ones.
	check       string
	annotations map[string]string
	port        int
	protocol    string
	addresses   []string
}

func (s service) fqdn() string { return s.name + ".default.svc.cluster.local." }

// objects are those of a Service, with a slice for each address family.
func (s service) objects() []object {
	annotations := make(map[string]string)
	for name, text := range s.annotations {
		annotations["k8s-endpoints.coredns.io/"+name] = text
	}
	if s.check != "" {
		annotations["k8s-endpoints.coredns.io/check"] = s.check
	}
	all := []object{{
		"apiVersion": "v1", "kind": "Service", "spec": object{"clusterIP": "None"},
		"metadata": object{"name": s.name, "namespace": "default", "annotations": annotations},
	}}
	byType := make(map[string][]object)
	for _, each := range s.addresses {
		family := "IPv4"
		if strings.Contains(each, ":") {
			family = "IPv6"
		}
		byType[family] = append(byType[family], object{"addresses": []string{each}})
	}
	for family, endpoints := range byType {
		protocol := s.protocol
		if protocol == "" {
			protocol = "TCP"
		}
		all = append(all, object{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
			"metadata": object{
				"name": s.name + "-" + strings.ToLower(family), "namespace": "default",
				"labels": object{"kubernetes.io/service-name": s.name},
			},
			"ports":     []object{{"name": "main", "protocol": protocol, "port": s.port}},
			"endpoints": endpoints,
		})
	}
	return all
}

// world is a CoreDNS that serves Services from a folder.
type world struct {
	*server.Server
	dir string
}

// serve starts a CoreDNS with these lines in its stanza.
func serve(t *testing.T, lines string, services ...service) world {
	t.Helper()
	w := world{dir: t.TempDir()}
	for _, s := range services {
		w.put(t, s)
	}
	w.Server = server.New(t, fmt.Sprintf(`.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints cluster.local {
        manifests %s
        explain
        %s
    }
}
`, w.dir, lines))
	return w
}

// put writes the objects of a Service, in one step.
func (w world) put(t *testing.T, s service) {
	t.Helper()
	var text []byte
	for _, each := range s.objects() {
		one, err := json.Marshal(each)
		must(t, err)
		text = append(append(text, one...), '\n')
	}
	file := filepath.Join(w.dir, s.name+".json")
	must(t, os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file))
}

// counter returns the sum of the series of a metric whose labels have a text.
func (w world) counter(ctx context.Context, name, labels string) (sum float64, err error) {
	samples, err := w.Samples(ctx)
	for series, value := range samples {
		if of, rest, _ := strings.Cut(series, "{"); of == "coredns_k8s_endpoints_"+name && strings.Contains(rest, labels) {
			sum += value
		}
	}
	return sum, err
}

// untilCounts waits until a metric has a value.
func (w world) untilCounts(t *testing.T, name, labels string, holds func(float64) bool) {
	t.Helper()
	polltest.Until(t, func(ctx context.Context) error {
		got, err := w.counter(ctx, name, labels)
		if err == nil && !holds(got) {
			err = fmt.Errorf("%s{%s} is %v", name, labels, got)
		}
		return err
	})
}

// answer is what a client learns.
type answer struct {
	rcode   int
	records []string
	// note is the text of an Extended DNS Error.
	note string
}

func (w world) ask(t testing.TB, name string, qtype uint16) (a answer) {
	t.Helper()
	m, err := dns.Exchange(new(dns.Msg).SetQuestion(name, qtype).SetEdns0(4096, false), w.Address())
	must(t, err)
	a.rcode = m.Rcode
	for _, rr := range m.Answer {
		a.records = append(a.records, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	slices.Sort(a.records)
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok {
				a.note = ede.ExtraText
			}
		}
	}
	return a
}

// untilAddresses waits until a name has these addresses and a note, the rest of which
// follows the text where that ends in a star.
func (w world) untilAddresses(t *testing.T, s service, note string, addresses ...string) {
	t.Helper()
	want := answer{note: note}
	for _, each := range addresses {
		want.records = append(want.records, fmt.Sprintf("%s 5 IN A %s", s.fqdn(), each))
	}
	slices.Sort(want.records)
	polltest.Until(t, func(context.Context) error {
		got := w.ask(t, s.fqdn(), dns.TypeA)
		if got.rcode != want.rcode || got.note != want.note || !slices.Equal(got.records, want.records) {
			return fmt.Errorf("%s has %+v, want %+v", s.fqdn(), got, want)
		}
		return nil
	})
}

// untilGone waits until a Service has no address, for a reason.
func (w world) untilGone(t *testing.T, s service, note string) {
	t.Helper()
	polltest.Until(t, func(context.Context) error {
		got := w.ask(t, s.fqdn(), dns.TypeA)
		if got.rcode != dns.RcodeNameError || got.note != note || len(got.records) > 0 {
			return fmt.Errorf("%s has %+v, want NXDOMAIN with the note %q", s.fqdn(), got, note)
		}
		return nil
	})
}

// keepAsking asks for Services until the test ends, so that these are checked at full speed.
func (w world) keepAsking(t *testing.T, names ...string) {
	t.Helper()
	var asking sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); asking.Wait() })
	asking.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			for _, name := range names {
				// The server may have ended.
				_, _ = dns.Exchange(new(dns.Msg).SetQuestion(service{name: name}.fqdn(), dns.TypeA), w.Address())
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
}
