package apiserver

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/release"

	"k8s.io/apimachinery/pkg/labels"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // kubeconfig files of clusters with OpenID Connect name it
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/flowcontrol"
)

// Config says which API server is read, and what of it. The zero Config reads
// all Namespaces of the cluster that the process runs in.
type Config struct {
	// Kubeconfig is the path of a kubeconfig file, Context one of its contexts;
	// without Context its current one is taken.
	Kubeconfig string
	Context    string
	// Endpoint is the URL of an API server. The files are the client's
	// certificate and key and the server's authority, in PEM; each may be empty.
	Endpoint string
	CertFile string
	KeyFile  string
	CAFile   string
	// QPS and Burst bound the rate of list requests: per second, and at once.
	// Zero leaves client-go's default.
	QPS   float32
	Burst int
	// MaxInflight bounds how many requests wait for the head of their answer at
	// the same time; 0 is no bound. A running watch does not count.
	MaxInflight int
	// Namespaces are the only ones that are read, each with requests of its own,
	// so that rights in these Namespaces suffice. None are all.
	Namespaces []string
	// Labels and NamespaceLabels are label selectors for Services and for
	// Namespaces. Namespaces are watched only where NamespaceLabels is set.
	Labels          string
	NamespaceLabels string
	// Places are read of slices where it is true: where endpoints are, and for whose use.
	Places bool
	// Names are read of slices of the address type FQDN where it is true; else these slices
	// are left out.
	Names bool
	// Nodes are watched where it is true, all of the cluster, whatever else is selected.
	Nodes bool
	// contents is the digest of the kubeconfig file, see NoteContents.
	contents string
}

// maxKubeconfig is how large a kubeconfig file may be, in bytes.
const maxKubeconfig = 8 << 20

// NoteContents reads the kubeconfig file, if one is given, so that Key tells these
// contents from later ones. An error says why it cannot be read. The files that it
// names do not matter, nor do those of Endpoint: certificates, authorities and
// tokens in files are read again while the source runs.
func (c *Config) NoteContents() error {
	if c.Kubeconfig == "" {
		return nil
	}
	// Opening a pipe would wait for somebody to write to it.
	info, err := os.Stat(c.Kubeconfig)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the kubeconfig %s is not a file", c.Kubeconfig)
	}
	f, err := os.Open(c.Kubeconfig)
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(f, maxKubeconfig+1))
	if err != nil {
		return err
	}
	if n > maxKubeconfig {
		return fmt.Errorf("the kubeconfig file %s has more than %d bytes", c.Kubeconfig, maxKubeconfig)
	}
	c.contents = fmt.Sprintf("%x", digest.Sum(nil))
	return nil
}

// Key is a Config that can be compared. It has each field of Config, by the same
// name.
type Key struct {
	kubeconfig, context                 string
	endpoint, certFile, keyFile, caFile string
	qps                                 float32
	burst, maxInflight                  int
	// namespaces are joined by spaces, which no name has.
	namespaces              string
	labels, namespaceLabels string
	places, names, nodes    bool
	contents                string
}

// Key returns a value that is the same for two Configs that read the same of the
// same API server in the same way. It looks into no file; NoteContents does.
func (c Config) Key() Key {
	return Key{
		kubeconfig:      c.Kubeconfig,
		context:         c.Context,
		endpoint:        c.Endpoint,
		certFile:        c.CertFile,
		keyFile:         c.KeyFile,
		caFile:          c.CAFile,
		qps:             c.QPS,
		burst:           c.Burst,
		maxInflight:     c.MaxInflight,
		namespaces:      strings.Join(sorted(c.Namespaces), " "),
		labels:          canonical(c.Labels),
		namespaceLabels: canonical(c.NamespaceLabels),
		places:          c.Places,
		names:           c.Names,
		nodes:           c.Nodes,
		contents:        c.contents,
	}
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// canonical leaves a selector that does not parse as it is: New refuses it.
func canonical(selector string) string {
	if parsed, err := labels.Parse(selector); err == nil {
		return parsed.String()
	}
	return selector
}

// check refuses what is wrong in the Config itself.
func (c Config) check() error {
	switch {
	case c.Kubeconfig != "" && c.Endpoint != "":
		return errors.New("both a kubeconfig file and an endpoint are given; give one of them")
	case c.Context != "" && c.Kubeconfig == "":
		return fmt.Errorf("context %q is given without a kubeconfig file", c.Context)
	case c.Endpoint == "" && c.CertFile+c.KeyFile+c.CAFile != "":
		return errors.New("tls files are given without an endpoint")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("a client certificate needs its key, and a key its certificate")
	case c.QPS < 0 || c.Burst < 0 || c.MaxInflight < 0:
		return errors.New("queries per second, burst and requests in flight must be 0 or more")
	case len(c.Namespaces) > 0 && c.NamespaceLabels != "":
		return errors.New("namespaces are given both by name and by label; give one of them")
	}
	for _, name := range c.Namespaces {
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("%q is not the name of a namespace: %s", name, problems[0])
		}
	}
	return nil
}

// clientConfig resolves how to reach the API server. It reads files and does
// not dial.
func (c Config) clientConfig() (*rest.Config, error) {
	config, err := c.resolve()
	if err != nil {
		return nil, err
	}
	config.UserAgent = userAgent()
	config.ContentType = apiruntime.ContentTypeProtobuf
	config.AcceptContentTypes = apiruntime.ContentTypeProtobuf + "," + apiruntime.ContentTypeJSON
	if c.QPS > 0 || c.Burst > 0 {
		config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(or(c.QPS, rest.DefaultQPS), or(c.Burst, rest.DefaultBurst))
	}
	if c.MaxInflight > 0 {
		config.Wrap(limitInflight(c.MaxInflight))
	}
	return config, nil
}

func or[T int | float32](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

func (c Config) resolve() (*rest.Config, error) {
	switch {
	case c.Kubeconfig != "":
		return c.fromKubeconfig()
	case c.Endpoint != "":
		return c.fromEndpoint()
	}
	config, err := rest.InClusterConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, errors.New("no source is given, and this process does not run in a cluster; " +
			"give \"kubeconfig FILE [CONTEXT]\", \"endpoint URL\" or \"manifests DIR\"")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the service account of this Pod: %w", err)
	}
	return config, nil
}

func (c Config) fromKubeconfig() (*rest.Config, error) {
	file, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig file: %w", err)
	}
	if err := c.checkContext(file); err != nil {
		return nil, err
	}
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: c.Kubeconfig}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.Context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig file %s: %w", c.Kubeconfig, err)
	}
	return config, nil
}

func (c Config) checkContext(file *clientcmdapi.Config) error {
	name := c.Context
	if name == "" {
		name = file.CurrentContext
	}
	if context, ok := file.Contexts[name]; ok {
		return c.checkParts(file, name, context)
	}
	known := strings.Join(slices.Sorted(maps.Keys(file.Contexts)), ", ")
	switch {
	case known == "":
		return fmt.Errorf("the kubeconfig file %s has no contexts", c.Kubeconfig)
	case name == "":
		return fmt.Errorf("the kubeconfig file %s has no current context; name one of: %s", c.Kubeconfig, known)
	}
	return fmt.Errorf("the kubeconfig file %s has no context %q; it has: %s", c.Kubeconfig, name, known)
}

// checkParts looks for what client-go would only miss without saying it.
func (c Config) checkParts(file *clientcmdapi.Config, name string, context *clientcmdapi.Context) error {
	if file.Clusters[context.Cluster] == nil {
		return fmt.Errorf("the context %q of the kubeconfig file %s needs the cluster %q, which is not in the file", name, c.Kubeconfig, context.Cluster)
	}
	if context.AuthInfo != "" && file.AuthInfos[context.AuthInfo] == nil {
		return fmt.Errorf("the context %q of the kubeconfig file %s needs the user %q, who is not in the file", name, c.Kubeconfig, context.AuthInfo)
	}
	return nil
}

func (c Config) fromEndpoint() (*rest.Config, error) {
	server, err := url.Parse(c.Endpoint)
	if err != nil || server.Host == "" || server.Scheme != "http" && server.Scheme != "https" {
		return nil, fmt.Errorf("endpoint %q is not a URL such as https://192.0.2.1:6443", c.Endpoint)
	}
	config := &rest.Config{
		Host:            c.Endpoint,
		TLSClientConfig: rest.TLSClientConfig{CertFile: c.CertFile, KeyFile: c.KeyFile, CAFile: c.CAFile},
	}
	if c.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
			return nil, fmt.Errorf("cannot use the client certificate %s with the key %s: %w", c.CertFile, c.KeyFile, err)
		}
	}
	if _, err := rest.TLSConfigFor(config); err != nil {
		return nil, fmt.Errorf("cannot use the tls files: %w", err)
	}
	return config, nil
}

// userAgent names the plugin and its version in the API server's log.
func userAgent() string {
	return fmt.Sprintf("coredns-k8s_endpoints/%s (%s/%s) %s", release.Version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
