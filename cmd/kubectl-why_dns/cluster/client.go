package cluster

import (
	"context"
	"strconv"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// clusterNdots is what the kubelet writes (pkg/kubelet/network/dns).
const clusterNdots = 5

// Client finds out how a Pod asks DNS, as far as its spec says it: which nameserver the kubelet gives to it, it does not.
func Client(ctx context.Context, clients kubernetes.Interface, namespace, name, zone string) (facts.Client, error) {
	p, err := clients.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return facts.Client{}, err
	}
	c := facts.Client{Known: true, Pod: namespace + "/" + name, Source: "Pod " + namespace + "/" + name, Policy: string(p.Spec.DNSPolicy), Mesh: mesh(p)}
	switch {
	case p.Spec.DNSPolicy == corev1.DNSClusterFirst && p.Spec.HostNetwork:
		c.Policy = string(corev1.DNSDefault)
	case p.Spec.DNSPolicy == corev1.DNSClusterFirst, p.Spec.DNSPolicy == corev1.DNSClusterFirstWithHostNet:
		c.Search = []string{namespace + ".svc." + zone, "svc." + zone, zone}
		c.Ndots = clusterNdots
	}
	if own := p.Spec.DNSConfig; own != nil {
		c.Nameservers = own.Nameservers
		c.Search = append(c.Search, own.Searches...)
		for _, option := range own.Options {
			if option.Name == "ndots" && option.Value != nil {
				if n, err := strconv.Atoi(*option.Value); err == nil {
					c.Ndots = n
				}
			}
		}
	}
	return c, nil
}

// mesh says what makes a Pod part of a mesh that may answer in place of DNS.
func mesh(p *corev1.Pod) string {
	for _, all := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range all {
			if all[i].Name == "istio-proxy" || all[i].Name == "linkerd-proxy" {
				return "container " + all[i].Name
			}
		}
	}
	for key, value := range p.Annotations {
		if key == "ambient.istio.io/redirection" && strings.EqualFold(value, "enabled") {
			return "annotation " + key
		}
	}
	if p.Labels["istio.io/dataplane-mode"] == "ambient" {
		return "label istio.io/dataplane-mode"
	}
	return ""
}
