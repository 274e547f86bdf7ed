package apiserver

import (
	"crypto/sha256"
	"fmt"
	"net/url"

	"k8s.io/client-go/rest"
)

// Origin names the API server and what of it is read: two Configs with the same
// Origin see the same objects. Unlike Key it leaves out how the API server is
// asked and how much is read of an object, and Nodes, which are in no snapshot. It
// tells another cluster behind the same file name or address by its certificate
// authority. It reads files and does not dial.
func (c Config) Origin() (string, error) {
	config, err := c.resolve()
	if err != nil {
		return "", err
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return "", fmt.Errorf("cannot read the tls files: %w", err)
	}
	authority := sha256.Sum256(config.CAData)
	selection := fmt.Sprintf("namespaces=%q labels=%q namespace_labels=%q", sorted(c.Namespaces), canonical(c.Labels), canonical(c.NamespaceLabels))
	if len(selection) > maxSelection {
		selection = fmt.Sprintf("selection=%x", sha256.Sum256([]byte(selection)))
	}
	return fmt.Sprintf("%s ca=%x %s", withoutUser(config.Host), authority[:8], selection), nil
}

// maxSelection is what an Origin says in full, in bytes; people read it in the
// log.
const maxSelection = 1000

// withoutUser leaves out what a URL has of a user and a password.
func withoutUser(host string) string {
	server, err := url.Parse(host)
	if err != nil || server.Host == "" {
		return host
	}
	return server.Scheme + "://" + server.Host + server.Path
}
