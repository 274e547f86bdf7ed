package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	_ "github.com/k8s-endpoints/k8s_endpoints" // the directive of ours
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"    // directives of its Corefile
	_ "github.com/coredns/coredns/plugin/errors"  // likewise
	_ "github.com/coredns/coredns/plugin/forward" // likewise
	"github.com/miekg/dns"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func init() {
	at := slices.Index(dnsserver.Directives, "cache")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, "k8s_endpoints")
}

// connect returns clients of the API server.
func (o *options) connect() (kubernetes.Interface, error) {
	config, err := o.clientConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func (o *options) clientConfig() (*rest.Config, error) {
	if o.kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("this does not run in a cluster; give -kubeconfig FILE")
		}
		return config, err
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.kubeconfig}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig file %s: %w", o.kubeconfig, err)
	}
	return config, nil
}

// Where clusters have the Service of their DNS.
const (
	systemSpace  = metav1.NamespaceSystem
	kubeDNSLabel = "k8s-app=kube-dns"
)

// findKubeDNS returns the address of the cluster's DNS.
func (o *options) findKubeDNS(ctx context.Context, clients kubernetes.Interface) (string, error) {
	if o.kubeDNS != "" {
		return resolve(o.kubeDNS)
	}
	list, err := clients.CoreV1().Services(systemSpace).List(ctx, metav1.ListOptions{LabelSelector: kubeDNSLabel})
	if err != nil {
		return "", fmt.Errorf("cannot look for kube-dns: %w", err)
	}
	for _, s := range list.Items {
		if address, ok := canonical(s.Spec.ClusterIP); ok && servesDNS(&s) {
			return net.JoinHostPort(address, "53"), nil
		}
	}
	return "", fmt.Errorf("no Service in %s has the label %s, a cluster IP and the port 53; give -kube-dns HOST:PORT", systemSpace, kubeDNSLabel)
}

// resolve returns the address with an IP for the host name that it may have, of
// which the plugin forward knows nothing.
func resolve(address string) (string, error) {
	found, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return "", fmt.Errorf("-kube-dns %s: %w", address, err)
	}
	return found.String(), nil
}

func servesDNS(s *corev1.Service) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 53 })
}

// servers are the two that are asked.
type servers struct {
	kubeDNS, ours *client
	// isLocal tells that ours runs in this process.
	isLocal bool
	stop    func() error
}

func (o *options) start(kubeDNS string) (*servers, error) {
	limit := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(o.rate), 1) }
	s := &servers{
		kubeDNS: &client{udp: kubeDNS, tcp: kubeDNS, timeout: o.timeout, limits: []*rate.Limiter{limit()}},
		ours:    &client{udp: o.ours, tcp: o.ours, timeout: o.timeout},
		isLocal: o.ours == "",
		stop:    func() error { return nil },
	}
	if !s.isLocal {
		s.ours.limits = []*rate.Limiter{limit()}
		return s, nil
	}
	caddy.Quiet, dnsserver.Quiet = true, true
	instance, err := caddy.Start(caddy.CaddyfileInput{Contents: []byte(o.corefile(kubeDNS)), Filepath: "Corefile", ServerTypeName: "dns"})
	if err != nil {
		return nil, fmt.Errorf("cannot start k8s_endpoints: %w", err)
	}
	s.stop = instance.Stop
	listening := instance.Servers()[0]
	s.ours.udp, s.ours.tcp = listening.LocalAddr().String(), listening.Addr().String()
	return s, nil
}

// forOurs returns the client to ask ours with. What ours asks kube-dns itself to
// answer, counts as a question to that.
func (s *servers) forOurs(asksKubeDNS bool) *client {
	if !s.isLocal || !asksKubeDNS {
		return s.ours
	}
	c := *s.ours
	c.limits = s.kubeDNS.limits
	return &c
}

// corefile is that of ours in this process. It leaves all other names to
// kube-dns, and what ExternalName Services lead to as well, so that nothing but
// the plugins differs.
func (o *options) corefile(kubeDNS string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".:0 {\n    bind 127.0.0.1\n    errors\n    k8s_endpoints %s %s {\n", o.zone, strings.Join(differences.ReverseZones, " "))
	if o.kubeconfig != "" {
		fmt.Fprintf(&b, "        kubeconfig %q %s\n", o.kubeconfig, quoted(o.context))
	}
	if o.podNames {
		fmt.Fprintln(&b, "        endpoint_pod_names")
	}
	fmt.Fprintf(&b, "        startup_timeout 2m\n        fallthrough\n    }\n    forward . %s {\n        max_fails 0\n", kubeDNS)
	if o.tcp {
		fmt.Fprintln(&b, "        force_tcp")
	}
	fmt.Fprint(&b, "    }\n}\n")
	return b.String()
}

// quoted is a word of a Corefile, or nothing.
func quoted(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("%q", word)
}

// check asks both for what every cluster has.
func (s *servers) check(ctx context.Context, o *options) error {
	q := o.question("kubernetes.default.svc."+o.zone, dns.TypeA)
	m, err := s.kubeDNS.ask(ctx, q)
	if err != nil {
		return fmt.Errorf("kube-dns does not answer: %w; run this in the cluster, or reach it through "+
			"`kubectl -n kube-system port-forward service/kube-dns 5353:53` with -kube-dns 127.0.0.1:5353 -tcp", err)
	}
	aaaa, err := s.kubeDNS.ask(ctx, o.question(q.Name, dns.TypeAAAA))
	if err == nil && len(m.Answer) == 0 && len(aaaa.Answer) == 0 {
		return fmt.Errorf("kube-dns at %s has no address for %s; -zone has to be the zone of the cluster", s.kubeDNS.udp, q.Name)
	}
	if err != nil {
		return err
	}
	if _, err := s.forOurs(true).ask(ctx, q); err != nil {
		return fmt.Errorf("k8s_endpoints does not answer: %w", err)
	}
	return nil
}
