package servers

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// corefile is that of ours in this process. All names that ours does not answer, and all that ExternalName Services
// lead to, are left to kube-dns: so nothing differs but the plugins.
func corefile(c Config) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".:0 {\n    bind 127.0.0.1\n    errors\n    k8s_endpoints %s %s {\n", c.Zone, strings.Join(differences.ReverseZones, " "))
	if c.Kubeconfig != "" {
		fmt.Fprintf(&b, "        kubeconfig %q", c.Kubeconfig)
		if c.Context != "" {
			fmt.Fprintf(&b, " %q", c.Context)
		}
		fmt.Fprintln(&b)
	}
	if c.PodNames {
		fmt.Fprintln(&b, "        endpoint_pod_names")
	}
	if c.Zonal {
		fmt.Fprintln(&b, "        zonal")
	}
	fmt.Fprintf(&b, "        startup_timeout 2m\n        fallthrough\n    }\n    forward . %s {\n        max_fails 0\n", c.KubeDNS)
	if c.TCP {
		fmt.Fprintln(&b, "        force_tcp")
	}
	fmt.Fprint(&b, "    }\n}\n")
	return b.Bytes()
}
