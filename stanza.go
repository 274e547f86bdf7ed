package endpoints

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	defaultTTL            = 5 // seconds
	defaultNegativeTTL    = 1 // seconds
	maxTTL                = 3600
	maxMaxAnswers         = 65535
	defaultStartupTimeout = 5 * time.Second
)

// stanza is what the Corefile says.
type stanza struct {
	zones   []string
	primary string
	fall    fall.F

	ttl, negativeTTL uint32
	maxAnswers       int
	startupTimeout   time.Duration
	settings         settings

	// manifests is a directory; without one, objects come from an API server.
	manifests string
	api       apiserver.Config
	snapshot  snapshot.Option

	namespaces []string
	// labels and namespaceLabels are nil where all are selected.
	labels, namespaceLabels labels.Selector

	given map[string]bool
}

// options hold the parser of each option.
var options = map[string]func(*stanza, *caddy.Controller) error{
	"endpoint":               parseEndpoint,
	"tls":                    parseTLS,
	"kubeconfig":             parseKubeconfig,
	"apiserver_qps":          parseQPS,
	"apiserver_burst":        parseBurst,
	"apiserver_max_inflight": parseMaxInflight,
	"manifests":              parseManifests,
	"namespaces":             parseNamespaces,
	"labels":                 parseLabels,
	"namespace_labels":       parseNamespaceLabels,
	"endpoint_pod_names":     parseEndpointPodNames,
	"ttl":                    parseTTL,
	"negative_ttl":           parseNegativeTTL,
	"max_answers":            parseMaxAnswers,
	"startup_timeout":        parseStartupTimeout,
	"snapshot":               parseSnapshot,
	"fallthrough":            parseFallthrough,
	"publish":                parsePublish,
	"pod_names":              parsePodNames,
	"fallback":               parseFallback,
	"fail_open":              parseFailOpen,
	"damping":                parseDamping,
	"srv_tiers":              parseSRVTiers,
	"annotations":            parseAnnotations,
	"explain":                parseExplain,
}

// parse reads the stanza of a server block.
func parse(c *caddy.Controller) (*stanza, error) {
	var s *stanza
	for c.Next() {
		if s != nil {
			return nil, c.Err(plugin.ErrOnce.Error())
		}
		s = &stanza{
			ttl:            defaultTTL,
			negativeTTL:    defaultNegativeTTL,
			startupTimeout: defaultStartupTimeout,
			settings:       settings{annotations: annotationNames},
			given:          make(map[string]bool),
		}
		if err := s.parseZones(c); err != nil {
			return nil, err
		}
		for c.NextBlock() {
			if err := s.parseOption(c); err != nil {
				return nil, err
			}
		}
		if err := s.check(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stanza) parseZones(c *caddy.Controller) error {
	args := c.RemainingArgs()
	for _, arg := range args {
		// OriginsFromArgsOrServerBlock leaves a bad zone out without a word.
		if len(plugin.Host(arg).NormalizeExact()) == 0 {
			return c.Errf("%q is not a zone: want a domain name, or a network such as 10.0.0.0/8", arg)
		}
	}
	s.zones = plugin.OriginsFromArgsOrServerBlock(args, c.ServerBlockKeys)
	at := slices.IndexFunc(s.zones, func(zone string) bool { return !name.IsReverse(zone) })
	if at < 0 {
		return c.Errf("no zone but reverse ones: PTR records need a zone to point into, such as cluster.local")
	}
	s.primary = s.zones[at]
	return nil
}

func (s *stanza) parseOption(c *caddy.Controller) error {
	option := c.Val()
	parseOption, ok := options[option]
	if !ok {
		return c.Errf("unknown property '%s'", option)
	}
	if s.given[option] {
		return c.Errf("%s is given twice", option)
	}
	s.given[option] = true
	return parseOption(s, c)
}

// check looks at what options say together.
func (s *stanza) check(c *caddy.Controller) error {
	var sources []string
	for _, option := range []string{"endpoint", "kubeconfig", "manifests"} {
		if s.given[option] {
			sources = append(sources, option)
		}
	}
	switch {
	case len(sources) > 1:
		return c.Errf("objects come from one source: %s cannot be set together", strings.Join(sources, " and "))
	case s.given["tls"] && !s.given["endpoint"]:
		return c.Errf("tls needs endpoint: it is for the connection to that URL")
	case s.given["namespaces"] && s.given["namespace_labels"]:
		return c.Errf("namespaces and namespace_labels cannot both be set")
	}
	for _, option := range []string{"apiserver_qps", "apiserver_burst", "apiserver_max_inflight", "snapshot"} {
		if s.given["manifests"] && s.given[option] {
			return c.Errf("%s has no meaning with manifests: there is no API server", option)
		}
	}
	return nil
}

// argument returns the one argument of an option.
func argument(c *caddy.Controller) (string, error) {
	args := c.RemainingArgs()
	if len(args) != 1 {
		return "", c.ArgErr()
	}
	return args[0], nil
}

// file returns an argument that names something that is there.
func file(c *caddy.Controller, path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", c.Errf("%v", err)
	}
	return path, nil
}

// number returns the one argument of an option, a whole number from 0 to most.
func number(c *caddy.Controller, most int) (int, error) {
	option := c.Val()
	text, err := argument(c)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, c.Errf("%s must be a whole number in range [0, %d]: %s", option, most, text)
	}
	return n, nil
}

func selector(c *caddy.Controller) (labels.Selector, error) {
	option, args := c.Val(), c.RemainingArgs()
	if len(args) == 0 {
		return nil, c.ArgErr()
	}
	text := strings.Join(args, " ")
	parsed, err := labels.Parse(text)
	if err != nil {
		return nil, c.Errf("%s: unable to parse label selector value: '%s': %v", option, text, err)
	}
	return parsed, nil
}

func parseEndpoint(s *stanza, c *caddy.Controller) error {
	text, err := argument(c)
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c.Errf("endpoint %q is not a URL such as https://10.0.0.1:6443", text)
	}
	s.api.Endpoint = text
	return nil
}

func parseTLS(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	if len(args) != 3 {
		return c.ArgErr()
	}
	for i, path := range []*string{&s.api.CertFile, &s.api.KeyFile, &s.api.CAFile} {
		var err error
		if *path, err = file(c, args[i]); err != nil {
			return err
		}
	}
	return nil
}

func parseKubeconfig(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return c.ArgErr()
	}
	if len(args) == 2 {
		s.api.Context = args[1]
	}
	s.api.Kubeconfig = args[0]
	if err := s.api.NoteContents(); err != nil {
		return c.Errf("%v", err)
	}
	return nil
}

func parseQPS(s *stanza, c *caddy.Controller) error {
	text, err := argument(c)
	if err != nil {
		return err
	}
	qps, err := strconv.ParseFloat(text, 32)
	if err != nil || !(qps >= 0) || qps > maxRate {
		return c.Errf("apiserver_qps must be a number in range [0, %d]: %s", maxRate, text)
	}
	s.api.QPS = float32(qps)
	return nil
}

// maxRate is the largest rate and burst of requests that make sense.
const maxRate = 1_000_000

func parseBurst(s *stanza, c *caddy.Controller) (err error) {
	s.api.Burst, err = number(c, maxRate)
	return err
}

func parseMaxInflight(s *stanza, c *caddy.Controller) (err error) {
	s.api.MaxInflight, err = number(c, maxRate)
	return err
}

func parseManifests(s *stanza, c *caddy.Controller) error {
	dir, err := argument(c)
	if err != nil {
		return err
	}
	dir = underRoot(c, dir)
	info, err := os.Stat(dir)
	if err != nil {
		return c.Errf("%v", err)
	}
	if !info.IsDir() {
		return c.Errf("manifests %s is not a directory", dir)
	}
	s.manifests = dir
	return nil
}

// underRoot returns a path as the plugin root has it.
func underRoot(c *caddy.Controller, path string) string {
	if root := dnsserver.GetConfig(c).Root; root != "" && !filepath.IsAbs(path) {
		return filepath.Join(root, path)
	}
	return path
}

func parseNamespaces(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	if len(args) == 0 {
		return c.ArgErr()
	}
	for _, arg := range args {
		if len(validation.IsDNS1123Label(arg)) > 0 {
			return c.Errf("namespaces: %q is not the name of a namespace: want 1 to 63 lower-case letters, digits and inner hyphens, such as kube-system", arg)
		}
	}
	slices.Sort(args)
	s.namespaces = slices.Compact(args)
	s.api.Namespaces = s.namespaces
	return nil
}

func parseLabels(s *stanza, c *caddy.Controller) (err error) {
	s.labels, err = selector(c)
	s.api.Labels = selectorText(s.labels)
	return err
}

func parseNamespaceLabels(s *stanza, c *caddy.Controller) (err error) {
	s.namespaceLabels, err = selector(c)
	s.api.NamespaceLabels = selectorText(s.namespaceLabels)
	return err
}

func parseEndpointPodNames(s *stanza, c *caddy.Controller) error {
	if len(c.RemainingArgs()) > 0 {
		return c.ArgErr()
	}
	s.settings.Naming = roster.ByPodName
	return nil
}

func parseTTL(s *stanza, c *caddy.Controller) error {
	n, err := number(c, maxTTL)
	s.ttl = uint32(n)
	return err
}

func parseNegativeTTL(s *stanza, c *caddy.Controller) error {
	n, err := number(c, maxTTL)
	s.negativeTTL = uint32(n)
	return err
}

func parseMaxAnswers(s *stanza, c *caddy.Controller) (err error) {
	s.maxAnswers, err = number(c, maxMaxAnswers)
	return err
}

func parseStartupTimeout(s *stanza, c *caddy.Controller) error {
	text, err := argument(c)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return c.Errf("startup_timeout must be a duration such as 5s: %s", text)
	}
	s.startupTimeout = d
	return nil
}

func parseSnapshot(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	if len(args) != 1 && (len(args) != 3 || args[1] != "max_age") {
		return c.Errf("snapshot: want FILE, or FILE max_age DURATION, not %q", strings.Join(args, " "))
	}
	s.snapshot.MaxAge = snapshot.DefaultMaxAge
	if len(args) == 3 {
		d, err := time.ParseDuration(args[2])
		if err != nil || d <= 0 {
			return c.Errf("snapshot: max_age must be a duration such as 24h: %s", args[2])
		}
		s.snapshot.MaxAge = d
	}
	var err error
	if s.snapshot.File, err = filepath.Abs(underRoot(c, args[0])); err == nil {
		err = snapshot.CheckPath(s.snapshot.File)
	}
	if err != nil {
		return c.Errf("snapshot: %v", err)
	}
	return nil
}

// claimKey is the key of a snapshot's file in what the stanzas of one Corefile
// share.
type claimKey struct{ file string }

type claim struct {
	feed   string
	maxAge time.Duration
}

// claimSnapshot refuses a file that another stanza uses for something else.
func (s *stanza) claimSnapshot(c *caddy.Controller) error {
	if s.snapshot.File == "" {
		return nil
	}
	key, ours := claimKey{s.snapshot.File}, claim{s.key(), s.snapshot.MaxAge}
	if theirs, ok := c.Get(key).(claim); ok && theirs != ours {
		return c.Errf("snapshot %s is used by another stanza, with another max_age, source or options: each needs a file of its own", s.snapshot.File)
	}
	c.Set(key, ours)
	return nil
}

func parseFallthrough(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	for _, arg := range args {
		if len(plugin.Host(arg).NormalizeExact()) == 0 {
			return c.Errf("fallthrough: %q is not a zone", arg)
		}
	}
	s.fall.SetZonesFromArgs(args)
	return nil
}

// parsed adds the option's line to what is wrong with its arguments.
func parsed[T any](c *caddy.Controller, into *T, parse func([]string) (T, error)) error {
	option := c.Val()
	value, err := parse(c.RemainingArgs())
	if err != nil {
		return c.Errf("%s: %v", option, err)
	}
	*into = value
	return nil
}

func parsePublish(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.Publish, health.ParsePublish)
}

func parsePodNames(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.PodNames, health.ParsePodNames)
}

func parseFallback(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.Fallback, health.ParseFallback)
}

func parseFailOpen(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.FailOpen, health.ParseFailOpen)
}

func parseDamping(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.Damping, health.ParseDamping)
}

func parseSRVTiers(s *stanza, c *caddy.Controller) error {
	return parsed(c, &s.settings.Policy.SRVTiers, health.ParseSRVTiers)
}

func parseExplain(s *stanza, c *caddy.Controller) error {
	if len(c.RemainingArgs()) > 0 {
		return c.ArgErr()
	}
	s.settings.Explain = true
	return nil
}

func parseAnnotations(s *stanza, c *caddy.Controller) error {
	args := c.RemainingArgs()
	if len(args) == 0 {
		return c.ArgErr()
	}
	if len(args) == 1 && args[0] == "none" {
		args = nil
	}
	for _, arg := range args {
		if _, ok := annotationParsers[arg]; !ok {
			return c.Errf("annotations: there is no annotation %q; there are %s, or none", arg, strings.Join(annotationNames, ", "))
		}
	}
	slices.Sort(args)
	s.settings.annotations = slices.Compact(args)
	return nil
}

// key is the same for stanzas that can share a feed.
func (s *stanza) key() string {
	if s.manifests == "" {
		return fmt.Sprintf("%+v %s", s.settings, s.api.Key())
	}
	return fmt.Sprintf("%+v manifests %q namespaces=%q labels=%q namespace_labels=%q",
		s.settings, s.manifests, s.namespaces, selectorText(s.labels), selectorText(s.namespaceLabels))
}

// selectorText returns the selector as it is written.
func selectorText(selector labels.Selector) string {
	if selector == nil {
		return ""
	}
	return selector.String()
}
