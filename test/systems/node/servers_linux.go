package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"
)

// Server is a CoreDNS of the node.
type Server struct {
	// Name is one of Names, and Address where it answers, at port 53.
	Name, Address string
	// Log has what it was asked.
	Log *queries.Log

	program, file, kubeconfig string
	// snapshot is the file of that option, or empty.
	snapshot string
	turn     int
	// settled is Node.returns when Settle has returned last. The Node guards it.
	settled int
	cmd     *exec.Cmd
	done    chan error
}

// Start starts it, and returns when it is ready.
func (s *Server) Start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.await(ctx, s.ready)
}

// Restart ends it as its supervisor would, starts it again, and returns how long it took from
// there until a condition held.
func (s *Server) Restart(ctx context.Context, condition func(context.Context) error) (time.Duration, error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := s.launch(); err != nil {
		return 0, err
	}
	err := s.await(ctx, condition)
	return time.Since(begun), err
}

func (s *Server) write() error { return os.WriteFile(s.file, []byte(s.corefile()), 0o644) }

func (s *Server) launch() error {
	if err := s.write(); err != nil {
		return err
	}
	s.cmd = exec.Command(s.program, "-conf", s.file)
	s.cmd.Stdout, s.cmd.Stderr = s.Log, s.Log
	if err := process.Keep(s.cmd); err != nil {
		return err
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
	return nil
}

func (s *Server) await(ctx context.Context, condition func(context.Context) error) error {
	if err := poll.Until(ctx, condition); err != nil {
		return fmt.Errorf("the server %s is not ready: %w\n%s", s.Name, err, strings.Join(s.Log.Other(), "\n"))
	}
	return nil
}

func (s *Server) ready(ctx context.Context) error {
	if s.Name == upstream {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+":8181/ready", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// stop ends it as its supervisor would, if it was started.
func (s *Server) stop() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the server %s has ended before: %w\n%s", s.Name, err, strings.Join(s.Log.Other(), "\n"))
	}
	<-s.done
	return s.complaints()
}

// complaints are lines that only a mistake in the program can have caused.
func (s *Server) complaints() error {
	var found error
	for _, line := range s.Log.Other() {
		for _, mark := range []string{"WARNING: DATA RACE", "Recovered from panic", "panic: ", "fatal error: "} {
			if strings.Contains(line, mark) {
				found = errors.Join(found, fmt.Errorf("the server %s: %s", s.Name, line))
			}
		}
	}
	return found
}

// Server is the CoreDNS of that name that all places share, or nil where none runs.
func (n *Node) Server(name string) *Server { return n.servers[name] }

// OwnServer makes a server of that name which one place has for itself, at an address of its
// own. It does not run yet. One that keeps has a snapshot, and waits for no API server. The
// caller calls Dismiss.
func (n *Node) OwnServer(name string, keeps bool) (*Server, error) {
	n.mu.Lock()
	n.owned++
	number := n.owned
	n.mu.Unlock()
	address := ownAddress(number)
	s := &Server{
		Name: name, Address: address.String(), Log: new(queries.Log), program: n.Programs.CoreDNS,
		file: filepath.Join(n.folder, fmt.Sprintf("Corefile.%d", number)), kubeconfig: n.kubeconfig,
	}
	if keeps {
		s.snapshot = filepath.Join(n.folder, fmt.Sprintf("snapshot.%d", number))
	}
	return s, network.IP("address", "add", s.Address+"/32", "dev", "lo")
}

// Dismiss ends what OwnServer began.
func (n *Node) Dismiss(s *Server) error {
	return errors.Join(s.stop(), network.IP("address", "delete", s.Address+"/32", "dev", "lo"))
}

// Reload gives it other options, and returns when it has taken them.
func (s *Server) Reload(ctx context.Context) error {
	const noted = "Reloading complete"
	before := count(s.Log.Other(), noted)
	s.turn++
	if err := s.write(); err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return poll.Until(ctx, func(context.Context) error {
		if lines := s.Log.Other(); count(lines, noted) == before {
			return fmt.Errorf("the server %s has not taken its Corefile: %s", s.Name, strings.Join(lines[max(0, len(lines)-3):], "\n"))
		}
		return nil
	})
}

func count(lines []string, part string) int {
	n := 0
	for _, each := range lines {
		if strings.Contains(each, part) {
			n++
		}
	}
	return n
}

// startServers starts those of the names, and what they ask.
func (n *Node) startServers(ctx context.Context, names []string) error {
	for _, name := range append([]string{upstream}, names...) {
		s := &Server{
			Name: name, Address: addresses[name], Log: new(queries.Log),
			program: n.Programs.CoreDNS, file: filepath.Join(n.folder, "Corefile."+name), kubeconfig: n.kubeconfig,
		}
		if s.Address == "" {
			return fmt.Errorf("there is no server %q; there are %q", name, Names)
		}
		if err := s.Start(ctx); err != nil {
			return err
		}
		n.servers[name] = s
	}
	return nil
}
