package corefile

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"k8s.io/apimachinery/pkg/util/validation"
)

func endpoint(p *parser) error {
	text, err := p.argument()
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return p.Errf("endpoint %q is not a URL such as https://10.0.0.1:6443", text)
	}
	p.stanza.API.Endpoint = text
	return nil
}

func tls(p *parser) error {
	args := p.RemainingArgs()
	if len(args) != 3 {
		return p.ArgErr()
	}
	api := &p.stanza.API
	for i, path := range []*string{&api.CertFile, &api.KeyFile, &api.CAFile} {
		var err error
		if *path, err = p.file(args[i]); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(p *parser) error {
	args := p.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return p.ArgErr()
	}
	if len(args) == 2 {
		p.stanza.API.Context = args[1]
	}
	p.stanza.API.Kubeconfig = args[0]
	if err := p.stanza.API.NoteContents(); err != nil {
		return p.Errf("%v", err)
	}
	return nil
}

// maxRate is the largest rate and burst of requests that make sense.
const maxRate = 1_000_000

func qps(p *parser) error {
	text, err := p.argument()
	if err != nil {
		return err
	}
	qps, err := strconv.ParseFloat(text, 32)
	if err != nil || !(qps >= 0) || qps > maxRate {
		return p.Errf("apiserver_qps must be a number in range [0, %d]: %s", maxRate, text)
	}
	p.stanza.API.QPS = float32(qps)
	return nil
}

func burst(p *parser) (err error) {
	p.stanza.API.Burst, err = p.number(maxRate)
	return err
}

func maxInflight(p *parser) (err error) {
	p.stanza.API.MaxInflight, err = p.number(maxRate)
	return err
}

func manifests(p *parser) error {
	dir, err := p.argument()
	if err != nil {
		return err
	}
	dir = p.underRoot(dir)
	info, err := os.Stat(dir)
	if err != nil {
		return p.Errf("%v", err)
	}
	if !info.IsDir() {
		return p.Errf("manifests %s is not a directory", dir)
	}
	p.stanza.Manifests = dir
	return nil
}

func namespaces(p *parser) error {
	args := p.RemainingArgs()
	if len(args) == 0 {
		return p.ArgErr()
	}
	for _, arg := range args {
		if len(validation.IsDNS1123Label(arg)) > 0 {
			return p.Errf("namespaces: %q is not the name of a namespace: want 1 to 63 lower-case letters, digits and inner hyphens, such as kube-system", arg)
		}
	}
	slices.Sort(args)
	p.stanza.Namespaces = slices.Compact(args)
	p.stanza.API.Namespaces = p.stanza.Namespaces
	return nil
}

func serviceLabels(p *parser) (err error) {
	p.stanza.Labels, p.stanza.API.Labels, err = p.selector()
	return err
}

func namespaceLabels(p *parser) (err error) {
	p.stanza.NamespaceLabels, p.stanza.API.NamespaceLabels, err = p.selector()
	return err
}

func snapshotFile(p *parser) error {
	args := p.RemainingArgs()
	if len(args) != 1 && (len(args) != 3 || args[1] != "max_age") {
		return p.Errf("snapshot: want FILE, or FILE max_age DURATION, not %q", strings.Join(args, " "))
	}
	option := snapshot.Option{MaxAge: snapshot.DefaultMaxAge}
	if len(args) == 3 {
		d, err := time.ParseDuration(args[2])
		if err != nil || d <= 0 {
			return p.Errf("snapshot: max_age must be a duration such as 24h: %s", args[2])
		}
		option.MaxAge = d
	}
	var err error
	if option.File, err = filepath.Abs(p.underRoot(args[0])); err == nil {
		err = snapshot.CheckPath(option.File)
	}
	if err != nil {
		return p.Errf("snapshot: %v", err)
	}
	p.stanza.Snapshot = option
	return nil
}

// fileKey is the key of a snapshot's file in what the stanzas of one Corefile
// share.
type fileKey struct{ path string }

type fileUse struct {
	stanza Key
	maxAge time.Duration
}

// reserveSnapshot refuses a file that another stanza uses for something else.
func (p *parser) reserveSnapshot() error {
	option := p.stanza.Snapshot
	if option.File == "" {
		return nil
	}
	key, ours := fileKey{option.File}, fileUse{p.stanza.Key(), option.MaxAge}
	if theirs, ok := p.Get(key).(fileUse); ok && theirs != ours {
		return p.Errf("snapshot %s is used by another stanza, with another max_age, source or options: each needs a file of its own", option.File)
	}
	p.Set(key, ours)
	return nil
}
