package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// options are what the flags say.
type options struct {
	kubeconfig, context string
	zone                string
	kubeDNS, ours       string
	podNames            bool
	questions           string
	endpoints           int
	rate                float64
	concurrency         int
	timeout             time.Duration
	settle              time.Duration
	tcp                 bool
	accepted            texts
	write               func(io.Writer, *report) error
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
cluster, and prints what differs, and why. It only reads. The exit status is
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
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "take the connection to the API server from this `file`; by default that of the Pod this runs in")
	f.StringVar(&o.context, "context", "", "the `name` of the context in the kubeconfig file; by default its current one")
	f.StringVar(&o.zone, "zone", "cluster.local", "the `zone` of the cluster")
	f.StringVar(&o.kubeDNS, "kube-dns", "", "the `address` of the cluster's DNS, host:port; by default the Service with the label k8s-app=kube-dns in kube-system")
	f.StringVar(&o.ours, "ours", "", "the `address` of a CoreDNS with k8s_endpoints, host:port; by default one is started in this process, and forwards all other names to kube-dns")
	f.BoolVar(&o.podNames, "endpoint-pod-names", false, "both have the option endpoint_pod_names")
	f.StringVar(&o.questions, "questions", "", "also ask what stands in this `file`, a name and a type in each line, such as \"db.default.svc.cluster.local A\"")
	f.IntVar(&o.endpoints, "endpoints", 10, "ask for the own names of so many endpoints of each Service; the name of the Service is asked for all")
	f.Float64Var(&o.rate, "rate", 50, "ask each server at most so many questions in a second")
	f.IntVar(&o.concurrency, "concurrency", 4, "have at most so many questions open")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "wait so long for an answer; each question is tried three times")
	f.DurationVar(&o.settle, "settle", 35*time.Second, "ask again after this time where an answer would stand in the way, because it may come from a cache or the cluster may have changed")
	f.BoolVar(&o.tcp, "tcp", false, "ask over TCP only, as through `kubectl port-forward`")
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
		o.write = writeText
	case "json":
		o.write = writeJSON
	default:
		return fmt.Errorf("-o %s: the form is text or json", format)
	}
	if _, ok := dns.IsDomainName(o.zone); !ok || o.zone == "" {
		return fmt.Errorf("-zone %q is not a domain name", o.zone)
	}
	o.zone = dns.CanonicalName(o.zone)
	if o.rate <= 0 || o.concurrency <= 0 || o.timeout <= 0 || o.endpoints < 0 || o.settle < 0 {
		return errors.New("-rate, -concurrency and -timeout have to be above 0, -endpoints and -settle not below")
	}
	for name, address := range map[string]string{"-kube-dns": o.kubeDNS, "-ours": o.ours} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			return fmt.Errorf("%s %q is not of the form host:port: %w", name, address, err)
		}
	}
	return o.checkAccepted()
}

// checkAccepted finds texts that a misspelling makes useless.
func (o *options) checkAccepted() error {
	for _, text := range o.accepted {
		if !anyName(func(name string) bool { return strings.Contains(name, text) }) {
			return fmt.Errorf("-accept %q: no difference in docs/differences.md contains that", text)
		}
	}
	return nil
}

func anyName(condition func(string) bool) bool {
	for _, d := range differences.All {
		if condition(d.Name) {
			return true
		}
	}
	return false
}

// isAccepted tells whether somebody has decided on a difference.
func (o *options) isAccepted(d *differences.Difference) bool {
	for _, text := range o.accepted {
		if strings.Contains(d.Name, text) {
			return true
		}
	}
	return false
}

func (o *options) setup() differences.Setup {
	if o.podNames {
		return differences.WithPodNames
	}
	return differences.InFront
}
