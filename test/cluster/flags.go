package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
)

// advertised is the address of the API server in the slice of the Service
// default/kubernetes. A loopback address is refused there, and the default is
// an address of the machine; this one is for documentation (RFC 5737, section
// 3).
const advertised = "192.0.2.1"

// controllers run in every Cluster: some make slices, and without the others
// neither namespaces nor the slices of a deleted Service would go.
var controllers = []string{
	"endpointslice-controller",
	"endpointslice-mirroring-controller",
	"endpoints-controller",
	"namespace-controller",
	"garbage-collector-controller",
	"statefulset-controller",
}

func loopbackURL(scheme string, port int) string {
	return fmt.Sprintf("%s://%s:%d", scheme, loopback.Address, port)
}

func (c *Cluster) etcdFlags() []string {
	client, peer := loopbackURL("http", c.ports.etcd), loopbackURL("http", c.ports.etcdPeer)
	return []string{
		"--name=test",
		"--data-dir=" + c.path("etcd"),
		"--unsafe-no-fsync",
		"--log-level=warn",
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=test=" + peer,
	}
}

func (c *Cluster) apiServerFlags() []string {
	key := c.path(serviceAccountKey)
	return []string{
		"--etcd-servers=" + loopbackURL("http", c.ports.etcd),
		"--bind-address=" + loopback.Address,
		"--advertise-address=" + advertised,
		fmt.Sprintf("--secure-port=%d", c.ports.apiServer),
		"--cert-dir=" + c.path("certificates"),
		"--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/112",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key,
		"--service-account-signing-key-file=" + key,
		"--token-auth-file=" + c.path(tokens),
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
	}
}

func (c *Cluster) controllersFlags(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--controllers=" + strings.Join(slices.Concat(controllers, c.moreControllers), ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
	}
}
