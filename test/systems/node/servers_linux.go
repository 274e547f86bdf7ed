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

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"
)

// Server is a CoreDNS of the node.
type Server struct {
	// Name is one of Names, and Address where it answers, at port 53.
	Name, Address string
	// Log has what it was asked.
	Log *queries.Log

	program, file, kubeconfig string
	turn                      int
	cmd                       *exec.Cmd
	done                      chan error
}

// start starts it, and returns when it is ready.
func (s *Server) start(ctx context.Context) error {
	if err := os.WriteFile(s.file, []byte(corefile(s.Name, s.kubeconfig, s.turn)), 0o644); err != nil {
		return err
	}
	s.cmd = exec.Command(s.program, "-conf", s.file)
	s.cmd.Stdout, s.cmd.Stderr = s.Log, s.Log
	if err := process.Keep(s.cmd); err != nil {
		return err
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
	if err := poll.Until(ctx, s.ready); err != nil {
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

// stop ends it as its supervisor would.
func (s *Server) stop() error {
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

// Server is the CoreDNS of that name.
func (n *Node) Server(name string) *Server { return n.servers[name] }

// Restart ends a server and starts it again, and returns when it is ready.
func (n *Node) Restart(ctx context.Context, name string) error {
	s := n.servers[name]
	return errors.Join(s.stop(), s.start(ctx))
}

// Reload gives a server other options, and returns when it has taken them.
func (n *Node) Reload(ctx context.Context, name string) error {
	const noted = "Reloading complete"
	s := n.servers[name]
	before := count(s.Log.Other(), noted)
	s.turn++
	if err := os.WriteFile(s.file, []byte(corefile(s.Name, s.kubeconfig, s.turn)), 0o644); err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return poll.Until(ctx, func(context.Context) error {
		if lines := s.Log.Other(); count(lines, noted) == before {
			return fmt.Errorf("the server %s has not taken its Corefile: %s", name, strings.Join(lines[max(0, len(lines)-3):], "\n"))
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
func (n *Node) startServers(ctx context.Context, program, kubeconfig string, names []string) error {
	for _, name := range append([]string{upstream}, names...) {
		s := &Server{
			Name: name, Address: addresses[name], Log: new(queries.Log),
			program: program, file: filepath.Join(n.folder, "Corefile."+name), kubeconfig: kubeconfig,
		}
		if s.Address == "" {
			return fmt.Errorf("there is no server %q; there are %q", name, Names)
		}
		if err := s.start(ctx); err != nil {
			return err
		}
		n.servers[name] = s
	}
	return nil
}
