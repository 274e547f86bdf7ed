package resolvers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	namespace = "default"
	// sql is the port of all Services.
	sql = 5432
	// perSlice is how many endpoints the controllers put into a slice.
	perSlice = 100
)

// twoBounds serves the same Services in one zone whole, and in the other in part.
const twoBounds = `cluster.local:{{.DNS}} {
    bind 127.0.0.1
    k8s_endpoints {
        manifests MANIFESTS
    }
    errors
}
bounded.local:{{.DNS}} {
    bind 127.0.0.1
    k8s_endpoints {
        manifests MANIFESTS
        max_answers 100
    }
    errors
}
`

// sized is the name of a Service with so many endpoints.
func sized(count int) string { return fmt.Sprintf("of%d", count) }

// manifests writes objects into a folder.
func manifests(t *testing.T, objects ...any) (dir string) {
	t.Helper()
	dir = t.TempDir()
	file, err := os.Create(filepath.Join(dir, "objects.json"))
	must(t, err)
	defer file.Close()
	encoder := json.NewEncoder(file)
	for _, each := range objects {
		must(t, encoder.Encode(each))
	}
	return dir
}

// headless returns a Service, and slices with its endpoints. All are of the family
// of the first address.
func headless(name string, endpoints ...discoveryv1.Endpoint) []any {
	service := cluster.HeadlessService(namespace, name, nil, cluster.Port("sql", corev1.ProtocolTCP, sql))
	service.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	all := []any{service}
	for first := 0; first < len(endpoints); first += perSlice {
		all = append(all, slice(name, first, endpoints[first:min(first+perSlice, len(endpoints))]...))
	}
	return all
}

// slice returns a slice of a Service, with its first endpoint's number in its name.
func slice(service string, first int, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	ports := []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, sql)}
	s := cluster.HandmadeSlice(namespace, fmt.Sprintf("%s-%d", service, first), service, ports, endpoints[0].Addresses[0])
	s.TypeMeta = metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}
	s.Labels[corev1.IsHeadlessService] = ""
	s.Endpoints = endpoints
	return s
}

// external returns an ExternalName Service.
func external(name, target string) any {
	service := cluster.ExternalNameService(namespace, name, target)
	service.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	return service
}

// endpoint returns an endpoint that is ready or not, with a hostname or without.
func endpoint(address, hostname string, ready bool) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}
	if hostname != "" {
		e.Hostname = &hostname
	}
	return e
}

// many returns endpoints web-0, web-1 and so on, with addresses of a network that
// is for tests (RFC 2544, section 12).
func many(count int) []discoveryv1.Endpoint {
	all := make([]discoveryv1.Endpoint, count)
	for i := range all {
		all[i] = endpoint(address(i), fmt.Sprintf("web-%d", i), true)
	}
	return all
}

func address(i int) string { return fmt.Sprintf("198.18.%d.%d", i/250, i%250+1) }
