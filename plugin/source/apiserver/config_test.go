package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// keyPair writes a certificate that signed itself, and its key.
func keyPair(t *testing.T) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "CERTIFICATE", cert), writePEM(t, "EC PRIVATE KEY", der)
}

func writePEM(t *testing.T, kind string, der []byte) string {
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNewRefuses(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	cert, key := keyPair(t)
	_, otherKey := keyPair(t)
	const kubeconfig, server = "testdata/kubeconfig.yaml", "https://192.0.2.1:6443"
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"no source outside of a cluster", Config{}, `give "kubeconfig FILE [CONTEXT]", "endpoint URL" or "manifests DIR"`},
		{"two sources", Config{Kubeconfig: kubeconfig, Endpoint: server}, "give one of them"},
		{"a context of no file", Config{Context: "one"}, `context "one" is given without a kubeconfig file`},
		{"a kubeconfig file that is missing", Config{Kubeconfig: "testdata/missing"}, "testdata/missing: no such file"},
		{"a kubeconfig file that does not parse", Config{Kubeconfig: "testdata/malformed.yaml"}, "cannot read the kubeconfig file"},
		{"a context that the file does not have", Config{Kubeconfig: kubeconfig, Context: "three"},
			`has no context "three"; it has: homeless, one, stranger, two`},
		{"a kubeconfig file without a current context", Config{Kubeconfig: "testdata/no_current_context.yaml"},
			"has no current context; name one of: homeless, one, stranger, two"},
		{"a kubeconfig file without contexts", Config{Kubeconfig: "testdata/no_contexts.yaml"}, "no_contexts.yaml has no contexts"},
		{"a context whose cluster is missing", Config{Kubeconfig: kubeconfig, Context: "homeless"}, `needs the cluster "nowhere", which is not in the file`},
		{"a context whose user is missing", Config{Kubeconfig: kubeconfig, Context: "stranger"}, `needs the user "nobody", who is not in the file`},
		{"an endpoint without a scheme", Config{Endpoint: "192.0.2.1:6443"}, "is not a URL such as https://192.0.2.1:6443"},
		{"an endpoint of another scheme", Config{Endpoint: "ftp://192.0.2.1"}, "is not a URL"},
		{"an endpoint without a host", Config{Endpoint: "https://"}, "is not a URL"},
		{"tls files of no endpoint", Config{CAFile: cert}, "tls files are given without an endpoint"},
		{"a certificate without its key", Config{Endpoint: server, CertFile: cert}, "needs its key"},
		{"a key without its certificate", Config{Endpoint: server, KeyFile: key}, "needs its key"},
		{"a certificate that is missing", Config{Endpoint: server, CertFile: "testdata/missing", KeyFile: key}, "testdata/missing: no such file"},
		{"a key of another certificate", Config{Endpoint: server, CertFile: cert, KeyFile: otherKey}, "does not match"},
		{"an authority that is missing", Config{Endpoint: server, CAFile: "testdata/missing"}, "testdata/missing: no such file"},
		{"an authority that is no certificate", Config{Endpoint: server, CAFile: kubeconfig}, "cannot use the tls files"},
		{"a negative rate", Config{Endpoint: server, QPS: -1}, "0 or more"},
		{"a negative burst", Config{Endpoint: server, Burst: -1}, "0 or more"},
		{"a negative bound", Config{Endpoint: server, MaxInflight: -1}, "0 or more"},
		{"a bad namespace", Config{Endpoint: server, Namespaces: []string{"n", "a.b"}}, `"a.b" is not the name of a namespace`},
		{"namespaces by name and by label", Config{Endpoint: server, Namespaces: []string{"n"}, NamespaceLabels: "a"}, "give one of them"},
		{"bad labels", Config{Endpoint: server, Labels: "a=="}, ""},
		{"worse labels", Config{Endpoint: server, Labels: "a in"}, `the labels "a in" are not a label selector`},
		{"bad namespace labels", Config{Endpoint: server, NamespaceLabels: "!"}, `the namespace labels "!" are not a label selector`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New(tt.config)
			if tt.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New gave %v and the error %v, want an error with %q", s, err, tt.want)
			}
		})
	}
}

func TestClientConfig(t *testing.T) {
	cert, key := keyPair(t)
	tests := []struct {
		name   string
		config Config
		check  func(c *rest.Config) bool
	}{
		{"the current context of a kubeconfig file", Config{Kubeconfig: "testdata/kubeconfig.yaml"},
			func(c *rest.Config) bool { return c.Host == "https://192.0.2.1:6443" && c.BearerToken == "example" }},
		{"a named context of a kubeconfig file", Config{Kubeconfig: "testdata/kubeconfig.yaml", Context: "two"},
			func(c *rest.Config) bool { return c.Host == "https://192.0.2.2:6443" }},
		{"an endpoint with a client certificate", Config{Endpoint: "https://192.0.2.3", CertFile: cert, KeyFile: key, CAFile: cert},
			func(c *rest.Config) bool {
				return c.Host == "https://192.0.2.3" && c.CertFile == cert && c.KeyFile == key && c.CAFile == cert
			}},
		{"an endpoint with an authority alone", Config{Endpoint: "https://192.0.2.3", CAFile: cert},
			func(c *rest.Config) bool { return c.CAFile == cert && c.CertFile == "" }},
		{"protobuf and JSON", Config{Endpoint: "http://192.0.2.3"}, func(c *rest.Config) bool {
			return c.ContentType == "application/vnd.kubernetes.protobuf" &&
				c.AcceptContentTypes == "application/vnd.kubernetes.protobuf,application/json"
		}},
		{"client-go's own rate", Config{Endpoint: "http://192.0.2.3"},
			func(c *rest.Config) bool {
				return c.RateLimiter == nil && c.QPS == 0 && c.Burst == 0 && c.WrapTransport == nil
			}},
		{"a rate", Config{Endpoint: "http://192.0.2.3", QPS: 50},
			func(c *rest.Config) bool { return c.RateLimiter.QPS() == 50 }},
		{"a burst at client-go's own rate", Config{Endpoint: "http://192.0.2.3", Burst: 3}, func(c *rest.Config) bool {
			for range 3 {
				if !c.RateLimiter.TryAccept() {
					return false
				}
			}
			return !c.RateLimiter.TryAccept() && c.RateLimiter.QPS() == rest.DefaultQPS
		}},
		{"a bound on requests", Config{Endpoint: "http://192.0.2.3", MaxInflight: 3}, func(c *rest.Config) bool {
			bounded, ok := c.WrapTransport(nil).(*inflight)
			return ok && cap(bounded.slots) == 3
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.config); err != nil {
				t.Fatal(err)
			}
			c, err := tt.config.clientConfig()
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(c) {
				t.Errorf("the client is configured as %v", c)
			}
		})
	}
}

func TestKey(t *testing.T) {
	base := Config{Endpoint: "http://192.0.2.3", Namespaces: []string{"a", "b"}, Labels: "x,y=z"}
	same := []Config{
		base,
		{Endpoint: "http://192.0.2.3", Namespaces: []string{"b", "a", "b"}, Labels: "y=z,x"},
		{Endpoint: "http://192.0.2.3", Namespaces: []string{"a", "b"}, Labels: "y = z, x"},
	}
	for _, c := range same {
		if c.Key() != base.Key() {
			t.Errorf("%+v and %+v have different keys", c, base)
		}
	}
	if namespaces := same[1].Namespaces; strings.Join(namespaces, "") != "bab" {
		t.Errorf("Key has changed the Namespaces to %q", namespaces)
	}
	if (Config{}).Key() != (Config{Namespaces: []string{}}).Key() {
		t.Error("no Namespaces and an empty list of them have different keys")
	}
	seen := map[Key]bool{base.Key(): true}
	for _, change := range []func(c *Config){
		func(c *Config) { c.Endpoint = "http://192.0.2.4" },
		func(c *Config) { c.Kubeconfig = "x" },
		func(c *Config) { c.Context = "x" },
		func(c *Config) { c.CertFile = "x" },
		func(c *Config) { c.KeyFile = "x" },
		func(c *Config) { c.CAFile = "x" },
		func(c *Config) { c.QPS = 1 },
		func(c *Config) { c.Burst = 1 },
		func(c *Config) { c.MaxInflight = 1 },
		func(c *Config) { c.Namespaces = []string{"a"} },
		func(c *Config) { c.Labels = "x" },
		func(c *Config) { c.NamespaceLabels = "x" },
		func(c *Config) { c.Places = true },
		func(c *Config) { c.Names = true },
		func(c *Config) { c.Nodes = true },
	} {
		c := base
		change(&c)
		if seen[c.Key()] {
			t.Errorf("%+v has the key of another Config", c)
		}
		seen[c.Key()] = true
	}
}

// A field that the key forgot would make two stanzas share one source by mistake.
func TestKeyHasEveryFieldOfConfig(t *testing.T) {
	key := reflect.TypeFor[Key]()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if _, found := key.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, field.Name) }); !found {
			t.Errorf("the key has no %s", field.Name)
		}
	}
}

func TestKeyTellsTheContentsOfTheKubeconfigFile(t *testing.T) {
	const server = "https://192.0.2.1:6443"
	file := kubeconfigFor(t, server, "YQ==")
	c := Config{Kubeconfig: file}
	if err := c.NoteContents(); err != nil {
		t.Fatal(err)
	}
	key, from := c.Key(), origin(t, c)
	for _, tt := range []struct {
		name, contents string
		same           bool
	}{
		{"the same contents", "", true},
		{"a new token", "token: new", false},
		{"the old contents again", "token: t", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if tt.contents != "" {
				text = regexp.MustCompile(`token: \w+`).ReplaceAll(text, []byte(tt.contents))
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			later := Config{Kubeconfig: file}
			if err := later.NoteContents(); err != nil {
				t.Fatal(err)
			}
			if same := later.Key() == key; same != tt.same {
				t.Errorf("the keys are the same: %v, want %v", same, tt.same)
			}
			if c.Key() != key {
				t.Error("the key of what was noted before has changed")
			}
			if got := origin(t, later); got != from {
				t.Errorf("the origin is %s, want %s", got, from)
			}
		})
	}
}

func TestNoteContentsRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(large, nil, 0o600), os.Truncate(large, maxKubeconfig+1)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, want string }{
		{"a file that is missing", filepath.Join(dir, "missing"), "missing: no such file"},
		{"a directory", dir, "is not a file"},
		{"a pipe that nobody writes to", pipe, "pipe is not a file"},
		{"a file too large", large, "large has more than 8388608 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Kubeconfig: tt.file}
			if err := c.NoteContents(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got the error %v, want %q", err, tt.want)
			}
		})
	}
	if err := new(Config).NoteContents(); err != nil {
		t.Errorf("without a kubeconfig file: got the error %v", err)
	}
}
