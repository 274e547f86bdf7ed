package corefile

import (
	"slices"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// Defaults of a stanza. TTLs are in seconds.
const (
	defaultTTL            = 5
	defaultNegativeTTL    = 1
	defaultStartupTimeout = 5 * time.Second
)

// options hold the parser of each option that is no word.
var options = map[string]func(*parser) error{
	"endpoint":               endpoint,
	"tls":                    tls,
	"kubeconfig":             kubeconfig,
	"apiserver_qps":          qps,
	"apiserver_burst":        burst,
	"apiserver_max_inflight": maxInflight,
	"manifests":              manifests,
	"namespaces":             namespaces,
	"labels":                 serviceLabels,
	"namespace_labels":       namespaceLabels,
	"snapshot":               snapshotFile,
	"startup_timeout":        startupTimeout,
	"patience":               patience,
	"fallthrough":            fallThrough,
	"nameserver":             nameServer,
	"endpoint_pod_names":     endpointPodNames,
	"zonal":                  zonal,
	"explain":                explain,
	"history":                keepHistory,
	"status":                 statusPage,
	"annotations":            annotations,
	"clients":                clients,
	"fqdn_slices":            fqdnSlices,
	"external_allow":         externalRule,
	"external_deny":          externalRule,
	"checks":                 checks,
	"check_allow":            checkAllow,
	"check_interval":         checkTerm(check.ParseInterval),
	"check_timeout":          checkTerm(check.ParseTimeout),
	"check_thresholds":       checkTerm(check.ParseThresholds),
	"check_rate":             checkTerm(check.ParseRate),
	"check_paths":            checkTerm(check.ParsePaths),
	"check_ca":               checkCA,
}

// repeated are the options that may be given several times.
var repeated = map[string]bool{"clients": true, "check_allow": true, "external_allow": true, "external_deny": true}

// Parse reads the stanza of a server block, and refuses a second one. An error
// names the file and the line.
func Parse(c *caddy.Controller) (*Stanza, error) {
	var s *Stanza
	for c.Next() {
		if s != nil {
			return nil, c.Err(plugin.ErrOnce.Error())
		}
		p := &parser{Controller: c, given: make(map[string]bool), linesAt: make(map[string]string)}
		p.stanza.Where, p.stanza.Lines = p.at(), make(map[string]string)
		p.stanza.StartupTimeout = defaultStartupTimeout
		p.stanza.Settings.Annotations = AllAnnotations
		p.stanza.Settings.Checks = check.DefaultTerms()
		p.options.Declared = records.Declared{TTL: new(uint32(defaultTTL)), NegativeTTL: new(uint32(defaultNegativeTTL)), MaxAnswers: new(0)}
		if err := p.parse(); err != nil {
			return nil, err
		}
		s = &p.stanza
	}
	return s, nil
}

func (p *parser) parse() error {
	if err := p.zones(); err != nil {
		return err
	}
	for p.NextBlock() {
		if err := p.option(); err != nil {
			return err
		}
	}
	if err := p.check(); err != nil {
		return err
	}
	p.settleHistory()
	s, o := &p.stanza, &p.options
	s.Settings.Naming, s.Settings.Policy, s.Settings.Topology = o.Naming, o.Policy, o.Topology
	s.Settings.Zonal, s.Settings.Explain = o.Zonal, o.Explain
	s.Settings.External.LastGood, s.Settings.External.Flatten = o.External.LastGood, o.External.Flatten
	s.TTL, s.NegativeTTL, s.MaxAnswers = *o.Declared.TTL, *o.Declared.NegativeTTL, *o.Declared.MaxAnswers
	return p.reserveSnapshot()
}

func (p *parser) zones() error {
	args := p.RemainingArgs()
	for _, arg := range args {
		// OriginsFromArgsOrServerBlock leaves a bad zone out without a word.
		if len(plugin.Host(arg).NormalizeExact()) == 0 {
			return p.Errf("%q is not a zone: want a domain name, or a network such as 10.0.0.0/8", arg)
		}
	}
	zones := plugin.OriginsFromArgsOrServerBlock(args, p.ServerBlockKeys)
	at := slices.IndexFunc(zones, func(zone string) bool { return !name.IsReverse(zone) })
	if at < 0 {
		return p.Errf("no zone but reverse ones: PTR records need a zone to point into, such as cluster.local")
	}
	p.stanza.Zones, p.stanza.Primary = zones, zones[at]
	return nil
}

func (p *parser) option() error {
	option := p.Val()
	w, isWord := words[option]
	isWord = isWord && w.speaker&stanzaOnly != 0
	parse, isOption := options[option]
	if !isWord && !isOption {
		return p.Errf("unknown property '%s'", option)
	}
	if p.given[option] && !repeated[option] {
		return p.Errf("%s is given twice", option)
	}
	p.given[option] = true
	if p.stanza.Lines[option] == "" {
		p.stanza.Lines[option] = p.at()
	}
	if option == "topology" {
		p.linesAt[option] = p.at()
	}
	if isWord {
		return p.word(w)
	}
	return parse(p)
}

// check looks at what options say together.
func (p *parser) check() error {
	var sources []string
	for _, option := range []string{"endpoint", "kubeconfig", "manifests"} {
		if p.given[option] {
			sources = append(sources, option)
		}
	}
	switch {
	case len(sources) > 1:
		return p.Errf("objects come from one source: %s cannot be set together", strings.Join(sources, " and "))
	case p.given["tls"] && !p.given["endpoint"]:
		return p.Errf("tls needs endpoint: it is for the connection to that URL")
	case p.given["namespaces"] && p.given["namespace_labels"]:
		return p.Errf("namespaces and namespace_labels cannot both be set")
	}
	for _, option := range []string{"apiserver_qps", "apiserver_burst", "apiserver_max_inflight", "snapshot"} {
		if p.given["manifests"] && p.given[option] {
			return p.Errf("%s has no meaning with manifests: there is no API server", option)
		}
	}
	if err := p.checkChecks(); err != nil {
		return err
	}
	if err := p.checkClients(); err != nil {
		return err
	}
	return p.checkPlaces(p.options.Topology.Mode != topology.Off)
}
