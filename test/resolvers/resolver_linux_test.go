package resolvers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// A resolver is a program that answers clients with what it asks of others. In its
// texts DIR is a folder of its own, LISTEN the port of 127.0.0.1 at which it
// answers, and HOST and PORT are those of the server that it asks.
type resolver struct {
	// name is that of docs/operations.md, and program that of the file.
	name, program string
	// version makes the program print its version.
	version string
	// prepare makes what the package would, where that is not nil.
	prepare func() error
	// command is put in front of the program.
	command []string
	args    []string
	// files are those of the configuration, by their paths. SOURCE is where one of
	// forward and iterate goes, or what a test has instead.
	files map[string]string
	// forward asks one server for all names, iterate begins with the name servers
	// in the file DIR/hints.
	forward, iterate string
}

// hints is the file of root name servers that a resolver begins with.
const hints = `. 3600 IN NS ns.root.
ns.root. 3600 IN A HOST
`

// find returns where a program is: unpacked, or installed.
func find(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range []string{"usr/sbin", "usr/bin", "usr/lib/systemd"} {
		for _, root := range []string{unpacked, "/"} {
			path, err := filepath.Abs(filepath.Join(root, dir, program))
			must(t, err)
			if found, err := exec.LookPath(path); err == nil {
				return found
			}
		}
	}
	t.Fatalf("the program %s is missing: `make resolvers` fetches it", program)
	return ""
}

// start runs the resolver until the test ends, and returns its address, as
// host:port, once it answers. It asks the server at upstream, as source says.
func (r *resolver) start(t *testing.T, source, upstream string) string {
	t.Helper()
	dir := folder(t)
	port, err := loopback.Port()
	must(t, err)
	host, upstreamPort, err := net.SplitHostPort(upstream)
	must(t, err)
	if r.prepare != nil {
		must(t, r.prepare())
	}
	words := strings.NewReplacer("DIR", dir, "LISTEN", strconv.Itoa(port), "HOST", host, "PORT", upstreamPort)
	write := func(path, text string) {
		path = words.Replace(path)
		must(t,
			os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, []byte(words.Replace(text)), 0o644),
		)
	}
	write("DIR/hints", hints)
	for path, text := range r.files {
		write(path, strings.Replace(text, "SOURCE", source, 1))
	}
	command := append([]string{}, r.command...)
	command = append(append(command, find(t, r.program)), r.args...)
	for i, word := range command {
		command[i] = words.Replace(word)
	}
	address := net.JoinHostPort(loopback.Address, strconv.Itoa(port))
	r.awaitAnswer(t, run(t, command...), address)
	return address
}

// run runs a command until the test ends.
func run(t *testing.T, command ...string) *process.Process {
	t.Helper()
	program, err := exec.LookPath(command[0])
	must(t, err)
	p, err := process.Start(program, filepath.Join(t.TempDir(), "log"), command[1:]...)
	must(t, err)
	t.Cleanup(func() {
		must(t, p.Kill())
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", command[0], p.Tail(20))
		}
	})
	return p
}

// awaitAnswer returns when there is an answer, whatever it is.
func (r *resolver) awaitAnswer(t *testing.T, p *process.Process, address string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		select {
		case <-p.Done():
			t.Fatalf("%s: %v", r.name, p.Failure())
		default:
		}
		_, err := server.Dig(ctx, address, "localhost.", "A")
		return err
	})
}

var number = regexp.MustCompile(`\d+(\.\d+)+`)

// versionOf returns the version of the program, such as 9.18.49.
func (r *resolver) versionOf(t *testing.T) string {
	t.Helper()
	command := append([]string{}, r.command...)
	command = append(command, find(t, r.program), r.version)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	version := number.FindString(string(out))
	if version == "" {
		t.Fatalf("%s %s: %v\n%s", r.program, r.version, err, out)
	}
	return version
}

// ask is server.Dig for a question that has to be answered.
func ask(t *testing.T, address, name, qtype string, args ...string) *server.Answer {
	t.Helper()
	a, err := server.Dig(t.Context(), address, name, qtype, args...)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", t.Name(), err))
	}
	return a
}
