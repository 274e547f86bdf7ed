package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"
)

// options are the values of the flags.
type options struct {
	// name is what is asked about, empty with all.
	name string
	// all asks about each headless and ExternalName Service of the namespace.
	all bool

	kubeconfig, context, namespace, zone string
	// noCluster says not to ask any API server.
	noCluster bool
	// kubeDNS is host:port, or empty.
	kubeDNS string
	// status are the URLs of status pages.
	status texts
	// pod is the client, "N/P" or "P", and resolvConf the file by which it asks, port 53 of whoever stands there.
	pod, resolvConf, clientPort string
	// resolver is who external names are asked of directly, host:port.
	resolver string
	connect  bool

	at, from, to time.Time
	form         report.Form
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

const usage = `Usage: kubectl why-dns NAME [FLAGS]
       kubectl why-dns --all -n NAMESPACE -o short

Says why a name of the cluster has what it has in DNS, or has not. NAME is a Service (web), an endpoint (web-2.web), a port
(_http._tcp.web), a full name, or an address. It asks the API server, with your rights, the status pages of k8s_endpoints,
and DNS; what it cannot ask, it says. It only reads: what stands behind an arrow is for you to run. The exit status is
  0  if nothing is wrong
  1  if something is
  2  if that could not be found out

`

func parse(args []string, now time.Time, output io.Writer) (*options, error) {
	o := &options{clientPort: "53"}
	var at, since, from, to, form string
	f := flag.NewFlagSet("kubectl why-dns", flag.ContinueOnError)
	f.SetOutput(output)
	f.Usage = func() {
		fmt.Fprint(output, usage)
		f.PrintDefaults()
	}
	f.BoolVar(&o.all, "all", false, "ask about each headless and ExternalName Service of the namespace")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "take the connection to the API server from this `file`; by default as kubectl does")
	f.StringVar(&o.context, "context", "", "the `name` of the context in the kubeconfig file; by default its current one")
	f.BoolVar(&o.noCluster, "no-cluster", false, "ask no API server")
	f.StringVar(&o.namespace, "namespace", "", "the `namespace`; by default that of the context")
	f.StringVar(&o.namespace, "n", "", "the same")
	f.StringVar(&o.zone, "zone", "cluster.local", "the `zone` of the cluster")
	f.StringVar(&o.kubeDNS, "kube-dns", "", "ask the DNS server with this `address`, host or host:port; by default each Pod of CoreDNS, through a port-forward")
	f.Var(&o.status, "status", "read the status page with this `URL`, such as http://127.0.0.1:8053; may be given several times; by default that of each Pod of CoreDNS, through a port-forward")
	f.StringVar(&o.pod, "pod", "", "judge the client, too: the `Pod` that asks, as NAME or NAMESPACE/NAME")
	f.StringVar(&o.resolvConf, "resolv-conf", "", "judge the client, too: by this `file`, such as a copy of the one of its Pod; by default /etc/resolv.conf where this runs in a Pod")
	f.StringVar(&o.resolver, "resolver", "", "ask this `address` for external names directly; by default the first nameserver of this machine, and none for none")
	f.BoolVar(&o.connect, "connect", false, "try to connect to the endpoints over TCP, from here")
	f.StringVar(&at, "at", "", "say how it was at this `time`: 14:03, 2026-11-28T14:03:00Z, or 10m for ten minutes ago")
	f.StringVar(&since, "since", "", "say how it was since this `time`")
	f.StringVar(&from, "from", "", "say how it was from this `time` on")
	f.StringVar(&to, "to", "", "up to this `time`; by default now")
	f.StringVar(&form, "o", "text", "the `form`: text, short or json")
	names, err := interleaved(f, args)
	if err != nil {
		return nil, err
	}
	switch {
	case o.all && len(names) > 0:
		return nil, fmt.Errorf("give a name or --all, and not both")
	case o.all:
	case len(names) != 1:
		return nil, fmt.Errorf("give one name, not %d; see --help", len(names))
	default:
		o.name = names[0]
	}
	if o.form = report.Forms[form]; o.form == nil {
		return nil, fmt.Errorf("-o %s: the form is text, short or json", form)
	}
	if err := o.readTimes(at, since, from, to, now); err != nil {
		return nil, err
	}
	return o, o.check()
}

// interleaved parses flags that may stand in front of names and behind, as kubectl takes them.
func interleaved(f *flag.FlagSet, args []string) (names []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, f.Arg(0)), f.Args()[1:]
	}
}

func (o *options) readTimes(at, since, from, to string, now time.Time) (err error) {
	if since != "" && from == "" {
		from = since
	}
	switch {
	case at != "" && (from != "" || to != "") || to != "" && from == "":
		return errors.New("give --at, or --from with --to, or --since")
	case at != "":
		o.at, err = question.Time(at, now)
	case from != "":
		o.from, o.to, err = question.Window(from, to, now)
	}
	return err
}

func (o *options) check() error {
	if o.all && (!o.at.IsZero() || !o.from.IsZero() || o.connect || o.pod != "") {
		return errors.New("--all goes with none of --at, --since, --from, --pod and --connect")
	}
	for name, address := range map[string]*string{"--kube-dns": &o.kubeDNS, "--resolver": &o.resolver} {
		if *address == "" || *address == noResolver && name == "--resolver" {
			continue
		}
		if _, err := netip.ParseAddr(*address); err == nil || !strings.Contains(*address, ":") {
			*address = net.JoinHostPort(*address, "53")
		}
		if _, _, err := net.SplitHostPort(*address); err != nil {
			return fmt.Errorf("%s %q is not of the form host or host:port", name, *address)
		}
	}
	for _, page := range o.status {
		if u, err := url.Parse(page); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("--status %q is no URL such as http://127.0.0.1:8053", page)
		}
	}
	return nil
}

// noResolver says that nobody is asked for external names directly.
const noResolver = "none"
