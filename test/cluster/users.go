package cluster

import (
	"crypto/rand"
	"fmt"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// A User is one that the API server knows by a token.
type User string

// The users of every Cluster.
const (
	// AdminUser may do everything: it is in the group system:masters.
	AdminUser User = "admin"
	// CoreDNSUser may do what a test grants it.
	CoreDNSUser User = "coredns"
	// NobodyUser never may do anything.
	NobodyUser User = "nobody"
)

var users = []User{AdminUser, CoreDNSUser, NobodyUser}

func newTokens() map[User]string {
	tokens := make(map[User]string)
	for _, user := range users {
		tokens[user] = rand.Text()
	}
	return tokens
}

// tokenFile is the static token file of the API server: token, user, user id,
// groups.
func tokenFile(tokens map[User]string) string {
	var lines strings.Builder
	for _, user := range users {
		group := "test"
		if user == AdminUser {
			group = "system:masters"
		}
		fmt.Fprintf(&lines, "%s,%s,%s,%s\n", tokens[user], user, user, group)
	}
	return lines.String()
}

// Config returns a client configuration for the user, without a limit of
// queries per second.
func (c *Cluster) Config(user User) *rest.Config {
	return &rest.Config{
		Host:            c.url,
		BearerToken:     c.tokens[user],
		TLSClientConfig: rest.TLSClientConfig{CAFile: c.caFile()},
		QPS:             -1,
	}
}

// Admin returns the client configuration of AdminUser.
func (c *Cluster) Admin() *rest.Config { return c.Config(AdminUser) }

// Kubeconfig writes a kubeconfig file for the user, as WriteKubeconfig does, and
// returns its path. The file goes when the Cluster is stopped.
func (c *Cluster) Kubeconfig(user User) (string, error) {
	if c.tokens[user] == "" {
		return "", fmt.Errorf("there is no user %q; there are %v", user, users)
	}
	path := c.path(string(user) + ".kubeconfig")
	return path, WriteKubeconfig(path, user, api.Cluster{Server: c.url, CertificateAuthority: c.caFile()}, api.AuthInfo{Token: c.tokens[user]})
}

// WriteKubeconfig writes a kubeconfig file. Its only context has the user's name.
func WriteKubeconfig(file string, user User, of api.Cluster, as api.AuthInfo) error {
	name := string(user)
	return clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"test": &of},
		AuthInfos:      map[string]*api.AuthInfo{name: &as},
		Contexts:       map[string]*api.Context{name: {Cluster: "test", AuthInfo: name}},
		CurrentContext: name,
	}, file)
}
