package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// The API server may be asked so often in a second: all that is asked for is some twenty requests.
const (
	qps   = 100
	burst = 200
)

// sources are whom the command can ask. Those that it cannot are nil.
type sources struct {
	*options
	config   *rest.Config
	clients  kubernetes.Interface
	metadata metadata.Interface
	reader   *cluster.Reader
	// unread is why there is no API server.
	unread string
	// inCluster is true where this runs in a Pod.
	inCluster bool
}

// sources finds the API server. That there is none is no error.
func (o *options) sources() (*sources, error) {
	s := &sources{options: o, inCluster: os.Getenv("KUBERNETES_SERVICE_HOST") != ""}
	if o.noCluster {
		s.unread = "--no-cluster"
		return s, nil
	}
	config, namespace, err := kube.AsKubectl(o.kubeconfig, o.context)
	if errors.Is(err, kube.ErrNowhere) {
		s.unread = err.Error()
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if o.namespace == "" {
		o.namespace = namespace
	}
	config.QPS, config.Burst, config.UserAgent = qps, burst, "kubectl-why_dns"
	// That Endpoints are deprecated is no news for whoever asks why they are not copied.
	config.WarningHandler = rest.NoWarnings{}
	if s.clients, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if s.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	s.config, s.reader = config, &cluster.Reader{Clients: s.clients, Metadata: s.metadata, Connects: o.connect}
	return s, nil
}

// verdicts judges what was asked about.
func (o *options) verdicts(ctx context.Context) ([]*cause.Verdict, error) {
	s, err := o.sources()
	if err != nil {
		return nil, err
	}
	if o.namespace == "" {
		o.namespace = metav1.NamespaceDefault
	}
	names := []string{o.name}
	if o.all {
		if names, err = s.services(ctx); err != nil {
			return nil, err
		}
	}
	readings := make([][]question.Question, len(names))
	for i, name := range names {
		if readings[i], err = question.Parse(name, o.namespace, o.zone); err != nil {
			return nil, err
		}
		for n := range readings[i] {
			readings[i][n].At, readings[i][n].From, readings[i][n].To = o.at, o.from, o.to
		}
	}
	return s.judgeAll(ctx, readings), nil
}

// maxServices is how many --all asks about, and servicesAtOnce how many of them at once.
const (
	maxServices    = 500
	servicesAtOnce = 8
)

// errEnough ends a list.
var errEnough = errors.New("that is enough")

// services are the full names of those in the namespace that k8s_endpoints serves.
func (s *sources) services(ctx context.Context) (names []string, err error) {
	if s.clients == nil {
		return nil, fmt.Errorf("--all needs the API server: %s", s.unread)
	}
	err = kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return s.clients.CoreV1().Services(s.namespace).List(ctx, o)
	}, metav1.ListOptions{}, func(one *corev1.Service) error {
		if one.Spec.ClusterIP == corev1.ClusterIPNone || one.Spec.Type == corev1.ServiceTypeExternalName {
			names = append(names, one.Name+"."+one.Namespace+".svc."+strings.TrimSuffix(s.zone, "."))
		}
		if len(names) == maxServices {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil, fmt.Errorf("%s has more than %d Services; ask for one", s.namespace, maxServices)
	case err != nil:
		return nil, fmt.Errorf("cannot list Services in %s: %w", s.namespace, err)
	case len(names) == 0:
		return nil, fmt.Errorf("%s has no headless and no ExternalName Service", s.namespace)
	}
	return names, nil
}

// judgeAll gathers and judges, name by name.
func (s *sources) judgeAll(ctx context.Context, readings [][]question.Question) []*cause.Verdict {
	var servers facts.Servers
	var skipped []facts.Skipped
	if s.clients != nil {
		servers, skipped = cluster.Servers(ctx, s.clients)
	}
	if s.kubeDNS != "" {
		// Nobody needs to know who else there is.
		skipped = nil
	}
	asked := s.servers(ctx, &servers)
	all := make([]*cause.Verdict, len(readings))
	var group sync.WaitGroup
	slots := make(chan struct{}, servicesAtOnce)
	for i := range readings {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f := &facts.Facts{Question: readings[i][0], Servers: servers}
			f.Skipped = append(f.Skipped, skipped...)
			s.gather(ctx, f, asked, readings[i])
			all[i] = cause.Judge(f)
		})
	}
	group.Wait()
	return all
}

// gather asks everybody about one name.
func (s *sources) gather(ctx context.Context, f *facts.Facts, servers []server.Server, readings []question.Question) {
	f.Now = time.Now()
	if s.clients != nil {
		s.reader.Read(ctx, f, readings)
	} else {
		f.Skip("Pods, slices and Services", s.unread)
	}
	if s.clients == nil && len(servers) > 0 {
		f.Question = server.Choose(ctx, &servers[0], readings)
	}
	var group sync.WaitGroup
	group.Go(func() { s.ask(ctx, f, servers) })
	var client facts.Client
	var noClient error
	group.Go(func() { client, noClient = s.client(ctx, f) })
	group.Wait()
	f.Client = client
	if noClient != nil {
		f.Skip("the client "+s.pod, cluster.Reason(noClient))
	}
	s.direct(ctx, f)
	if s.connect {
		f.Paths = paths(ctx, f)
	}
}

// servers are those that are asked: what the user names, or each Pod of CoreDNS, or what clients ask.
func (s *sources) servers(ctx context.Context, known *facts.Servers) (all []server.Server) {
	if s.kubeDNS != "" {
		all = append(all, server.Server{Name: hostOf(s.kubeDNS), DNS: server.To(s.kubeDNS, false)})
	}
	for i, page := range s.status {
		one := server.Server{Name: page, Page: server.PageAt(page)}
		if i == 0 && len(s.status) == 1 && len(all) == 1 {
			all[0].Page = one.Page
			continue
		}
		all = append(all, one)
	}
	if s.clients != nil && s.kubeDNS == "" && len(s.status) == 0 {
		forward := server.Forwarder{Config: s.config, Clients: s.clients}
		for _, p := range known.Pods {
			dns, page := forward.DNS(kube.SystemSpace, p.Name), forward.Page(kube.SystemSpace, p.Name)
			all = append(all, server.Server{Name: p.Name, DNS: server.Keep(ctx, dns), Page: server.Keep(ctx, page)})
		}
	}
	if len(all) == 0 {
		all = s.usual(known)
	}
	return all
}

// usual is the server that clients ask, and that may not be reached from here.
func (s *sources) usual(known *facts.Servers) []server.Server {
	address := ""
	if known.Address != "" {
		address = net.JoinHostPort(known.Address, "53")
	} else if config, err := dns.ClientConfigFromFile(resolvConf); err == nil && s.inCluster && len(config.Servers) > 0 {
		address = net.JoinHostPort(config.Servers[0], config.Port)
	}
	if address == "" {
		return nil
	}
	return []server.Server{{Name: hostOf(address), DNS: server.To(address, false), Guess: !s.inCluster}}
}

// ask asks them, and where none of the Pods could be reached, whom clients ask.
func (s *sources) ask(ctx context.Context, f *facts.Facts, servers []server.Server) {
	server.Ask(ctx, f, servers)
	if s.kubeDNS != "" || len(f.Servers.Pods) == 0 || len(s.status) > 0 {
		return
	}
	for i := range f.Servers.Replicas {
		if f.Servers.Replicas[i].Err == "" {
			return
		}
	}
	server.Ask(ctx, f, s.usual(&f.Servers))
}

// hostOf is how people call an address: without the port, where that is the usual one.
func hostOf(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil && port == "53" {
		return host
	}
	return address
}

// resolvConf is what this process asks by.
const resolvConf = "/etc/resolv.conf"

// client finds out how the client asks: the Pod that the user names, or else the one that this runs in.
func (s *sources) client(ctx context.Context, f *facts.Facts) (facts.Client, error) {
	switch {
	case s.pod != "" && s.clients == nil:
		return facts.Client{}, errors.New(s.unread)
	case s.pod != "":
		namespace, name, ok := strings.Cut(s.pod, "/")
		if !ok {
			namespace, name = s.namespace, s.pod
		}
		return cluster.Client(ctx, s.clients, namespace, name, strings.TrimSuffix(s.zone, "."))
	case !s.inCluster && s.resolvConf == "":
		return facts.Client{}, nil
	}
	file := cmp.Or(s.resolvConf, resolvConf)
	config, err := dns.ClientConfigFromFile(file)
	if err != nil || len(config.Servers) == 0 {
		return facts.Client{}, err
	}
	c := facts.Client{Known: true, Source: file, Nameservers: config.Servers, Search: config.Search, Ndots: config.Ndots}
	if !f.Question.IsPast() {
		said := server.Question(ctx, &server.Way{Address: net.JoinHostPort(config.Servers[0], s.clientPort)}, f.Question.Name(), f.Question.Types()[0])
		c.Answer = &said
	}
	return c, nil
}

// direct asks for what an ExternalName Service leads to, past the cluster.
func (s *sources) direct(ctx context.Context, f *facts.Facts) {
	service := f.Cluster.Service
	if service == nil || service.Spec.Type != corev1.ServiceTypeExternalName || s.resolver == noResolver || f.Question.IsPast() {
		return
	}
	target := strings.TrimSuffix(service.Spec.ExternalName, ".")
	if _, err := netip.ParseAddr(target); err == nil || strings.HasSuffix(target, "."+strings.TrimSuffix(s.zone, ".")) {
		return
	}
	address := s.resolver
	if address == "" {
		config, err := dns.ClientConfigFromFile(resolvConf)
		if err != nil || len(config.Servers) == 0 || s.inCluster {
			return
		}
		address = net.JoinHostPort(config.Servers[0], config.Port)
	}
	said := server.Question(ctx, &server.Way{Address: address}, dns.Fqdn(target), dns.TypeA)
	f.Direct, f.DirectAt = &said, hostOf(address)
}

// maxPaths is how many connections are tried, and connectLimit how long one may take.
const (
	maxPaths     = 32
	connectLimit = time.Second
)

// paths tries to connect to the endpoints in the slices, at the port that is asked for or the first one.
func paths(ctx context.Context, f *facts.Facts) []facts.Path {
	var all []facts.Path
	for i := range f.Cluster.Slices {
		slice := &f.Cluster.Slices[i]
		for _, p := range slice.Ports {
			if p.Port == nil || p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP || f.Question.Port != "" && (p.Name == nil || *p.Name != f.Question.Port) {
				continue
			}
			for _, e := range slice.Endpoints {
				if len(e.Addresses) == 0 || len(all) == maxPaths || e.Conditions.Ready != nil && !*e.Conditions.Ready {
					continue
				}
				path := facts.Path{Address: net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*p.Port)))}
				if e.NodeName != nil {
					path.Node = *e.NodeName
				}
				all = append(all, path)
			}
			break
		}
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, servicesAtOnce)
	for i := range all {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			try(ctx, &all[i])
		})
	}
	group.Wait()
	return all
}

func try(ctx context.Context, p *facts.Path) {
	dialer := net.Dialer{Timeout: connectLimit}
	began := time.Now()
	connection, err := dialer.DialContext(ctx, "tcp", p.Address)
	p.Took = time.Since(began)
	var slow net.Error
	switch {
	case err == nil:
		connection.Close()
	case errors.As(err, &slow) && slow.Timeout():
		p.Err = "timed out"
	default:
		p.Err = strings.TrimPrefix(err.Error(), "dial tcp "+p.Address+": ")
		p.Err = strings.TrimPrefix(p.Err, "connect: ")
	}
}
