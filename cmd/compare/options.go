package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/report"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/servers"

	"github.com/miekg/dns"
)

// options are the values of the flags.
type options struct {
	servers.Config
	// endpointsKept says that kubernetes is to run without noendpoints behind k8s_endpoints.
	endpointsKept bool
	// questions is the file with further questions, or empty.
	questions string
	// endpoints is how many endpoints of a Service are asked for by name.
	endpoints int
	// concurrency is how many questions are open at once.
	concurrency int
	// settle is how long to wait before a question is asked again.
	settle time.Duration
	// accepted are parts of sentences: the differences with these have been decided on.
	accepted texts
	write    func(io.Writer, *report.Report) error
}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ", ") }

func (t *texts) Set(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	*t = append(*t, text)
	return nil
}

const usage = `Usage: compare [FLAGS]

Asks kube-dns and k8s_endpoints the same questions about every headless and ExternalName Service of the
cluster, and about the Pods that have a hostname behind a Service with a cluster IP. It prints what differs, and
why, what nobody can ask for, and which headless Services ask for topology already. It only reads. The exit status is
  0  if all answers are alike, or differ as documented and for the better
  1  if there are differences that somebody has to decide on
  2  if that could not be found out

`

func parse(args []string, output io.Writer) (*options, error) {
	o := new(options)
	format := "text"
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(output)
	f.Usage = func() {
		fmt.Fprint(output, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "take the connection to the API server from this `file`; by default that of the Pod this runs in")
	f.StringVar(&o.Context, "context", "", "the `name` of the context in the kubeconfig file; by default its current one")
	f.StringVar(&o.Zone, "zone", "cluster.local", "the `zone` of the cluster")
	f.StringVar(&o.KubeDNS, "kube-dns", "", "the `address` of the cluster's DNS, host:port; by default the Service with the label k8s-app=kube-dns in kube-system")
	f.StringVar(&o.Ours, "ours", "", "the `address` of a CoreDNS with k8s_endpoints, host:port; by default one is started in this process, and forwards all other names to kube-dns")
	f.BoolVar(&o.PodNames, "endpoint-pod-names", false, "both have the option endpoint_pod_names")
	f.BoolVar(&o.Zonal, "zonal", false, "both have the option zonal")
	f.BoolVar(&o.endpointsKept, "endpoints-kept", false, "kubernetes keeps its endpoints behind k8s_endpoints: it has no noendpoints")
	f.StringVar(&o.questions, "questions", "", "also ask what stands in this `file`, a name and a type in each line, such as \"db.default.svc.cluster.local A\"")
	f.IntVar(&o.endpoints, "endpoints", 10, "ask for the own names of so many endpoints of each Service; the name of the Service is asked for all")
	f.Float64Var(&o.Rate, "rate", 50, "ask each server at most so many questions in a second")
	f.IntVar(&o.concurrency, "concurrency", 4, "have at most so many questions open")
	f.DurationVar(&o.Timeout, "timeout", 5*time.Second, "wait so long for an answer; each question is tried three times")
	f.DurationVar(&o.settle, "settle", 35*time.Second, "ask again after this time where an answer would stand in the way, because it may come from a cache or the cluster may have changed")
	f.BoolVar(&o.TCP, "tcp", false, "ask over TCP only, as through `kubectl port-forward`")
	f.Var(&o.accepted, "accept", "take a documented difference whose sentence contains this `text` as decided; may be given several times")
	f.StringVar(&format, "o", format, "the `form` of the report: text or json")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; see -help", f.Arg(0))
	}
	return o, o.check(format)
}

func (o *options) check(format string) error {
	switch format {
	case "text":
		o.write = report.WriteText
	case "json":
		o.write = report.WriteJSON
	default:
		return fmt.Errorf("-o %s: the form is text or json", format)
	}
	if _, ok := dns.IsDomainName(o.Zone); !ok || o.Zone == "" {
		return fmt.Errorf("-zone %q is not a domain name", o.Zone)
	}
	o.Zone = dns.CanonicalName(o.Zone)
	if o.Rate <= 0 || o.concurrency <= 0 || o.Timeout <= 0 || o.endpoints < 0 || o.settle < 0 {
		return errors.New("-rate, -concurrency and -timeout have to be above 0, -endpoints and -settle not below")
	}
	if o.PodNames && o.Zonal {
		return errors.New("-endpoint-pod-names and -zonal are compared one after the other: run this once with each")
	}
	for name, address := range map[string]string{"-kube-dns": o.KubeDNS, "-ours": o.Ours} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			return fmt.Errorf("%s %q is not of the form host:port: %w", name, address, err)
		}
	}
	return o.checkAccepted()
}

// checkAccepted refuses texts that a misspelling makes useless.
func (o *options) checkAccepted() error {
	for _, text := range o.accepted {
		contains := func(d differences.Difference) bool { return strings.Contains(d.Name, text) }
		if !slices.ContainsFunc(differences.All, contains) {
			return fmt.Errorf("-accept %q: no difference in docs/differences.md contains that", text)
		}
	}
	return nil
}

// isAccepted reports whether somebody has decided on a difference.
func (o *options) isAccepted(d *differences.Difference) bool {
	return slices.ContainsFunc(o.accepted, func(text string) bool { return strings.Contains(d.Name, text) })
}

func (o *options) setup() differences.Setup {
	switch {
	case o.PodNames:
		return differences.WithPodNames
	case o.Zonal:
		return differences.WithZonal
	}
	return differences.InFront
}
