package browser

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deadline is what a busy machine may need.
const deadline = time.Minute

// server is a CoreDNS with a status page, and the folder of what it serves.
type server struct {
	dir  string
	port int
}

// corefile has a stanza with manifests, and, for a page that has something to say, one whose
// API server is not there.
const corefile = `%[1]s.test:%[4]d {
    bind 127.0.0.1
    k8s_endpoints {
        manifests %[2]s
        publish serving
        pod_names all
        status 127.0.0.1:%[3]d
    }
}
lost.test:%[4]d {
    bind 127.0.0.1
    k8s_endpoints {
        endpoint http://127.0.0.1:1
        startup_timeout 10ms
        status 127.0.0.1:%[3]d
    }
}
`

// start builds and starts a server.
func start(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), port: freePort(t)}
	binary, conf, manifests := filepath.Join(s.dir, "coredns"), filepath.Join(s.dir, "Corefile"), filepath.Join(s.dir, "manifests")
	build := exec.Command("go", "build", "-o", binary, "./cmd/coredns")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Mkdir(manifests, 0o755); err != nil {
		t.Fatal(err)
	}
	s.serve(t, "shop", "rrrr")
	if err := os.WriteFile(conf, fmt.Appendf(nil, corefile, "cluster", manifests, s.port, freePort(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(binary, "-conf", conf)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	run.Stdout, run.Stderr = log, log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It is ended, whatever becomes of it.
		_ = run.Process.Kill()
		_ = run.Wait()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the server says\n%s", text)
		}
	})
	eventually(t, func() error {
		_, err := s.text("/")
		return err
	})
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func eventually(t *testing.T, condition func() error) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(20 * time.Millisecond) {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// serve has a Service with endpoints, each of which is ready ("r") or not.
func (s *server) serve(t *testing.T, namespace, conditions string) {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"web", "queue"} {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata: {name: %[2]s, namespace: %[1]s}\nspec: {clusterIP: None, selector: {app: %[2]s}, ports: [{name: http, port: 80}]}\n---\n", namespace, name)
		fmt.Fprintf(&b, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %[2]s-x, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}\naddressType: IPv4\nports: [{name: http, port: 80, protocol: TCP}]\nendpoints:\n", namespace, name)
		for i, c := range conditions {
			ready := c == 'r' && (name == "web" || conditions == "rrrr")
			pod := fmt.Sprintf("%s-%d", name, i)
			fmt.Fprintf(&b, "- {addresses: [10.1.%d.%d], hostname: %s, conditions: {ready: %v, serving: %[4]v}, targetRef: {kind: Pod, name: %[3]s, namespace: %[5]s, uid: %[3]s}}\n",
				len(name), i+1, pod, ready, namespace)
		}
		b.WriteString("---\n")
	}
	b.WriteString("apiVersion: v1\nkind: Service\nmetadata: {name: billing, namespace: shop}\nspec: {type: ExternalName, externalName: db.example.com}\n")
	next := filepath.Join(s.dir, "next")
	if err := os.WriteFile(next, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(s.dir, "manifests", namespace+".yaml")); err != nil {
		t.Fatal(err)
	}
}

func (s *server) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path) }

// text returns a page as text.
func (s *server) text(path string) (string, error) {
	response, err := http.Get(s.url(path))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var b strings.Builder
	if _, err := fmt.Fprint(&b, response.Status, "\n"); err != nil {
		return "", err
	}
	buffer := make([]byte, 1<<20)
	for {
		n, err := response.Body.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			return b.String(), nil
		}
	}
}

// shows waits until a page has a text.
func (s *server) shows(t *testing.T, path, want string) {
	t.Helper()
	eventually(t, func() error {
		page, err := s.text(path)
		if err == nil && !strings.Contains(page, want) {
			err = fmt.Errorf("%s has no %q:\n%s", path, want, page)
		}
		return err
	})
}
