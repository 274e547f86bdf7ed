package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheAPIServerStopsAndComesBackWithItsObjects(t *testing.T) {
	ctx := within(t)
	c := New(t)
	must(t,
		c.CreateNamespace(ctx, "kept"),
		c.CreateService(ctx, HeadlessService("kept", "db", map[string]string{"app": "db"})),
		c.StopAPIServer(),
	)
	if _, err := c.Slices(ctx, "kept", "db"); err == nil {
		t.Error("a stopped API server answers")
	}
	must(t, c.StartAPIServer(ctx))
	if err := c.StartAPIServer(ctx); err == nil {
		t.Error("a second StartAPIServer: got no error")
	}
	if _, err := c.Clients().CoreV1().Services("kept").Get(ctx, "db", metav1.GetOptions{}); err != nil {
		t.Errorf("after the start: %v", err)
	}

	must(t, c.PauseAPIServer())
	cut, cancel := context.WithTimeout(ctx, cleanUpLimit/10)
	defer cancel()
	if _, err := c.Slices(cut, "kept", "db"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused API server: got %v, want %v", err, context.DeadlineExceeded)
	}
	must(t, c.ResumeAPIServer())
	_, err := c.Slices(ctx, "kept", "db")
	must(t, err)
}

func TestStopEndsTheProcessesAndRemovesTheFolder(t *testing.T) {
	c := New(t)
	processes := c.running()
	if len(processes) != 3 {
		t.Fatalf("got %d processes, want 3", len(processes))
	}
	must(t, c.Stop())
	for _, p := range processes {
		if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("pid %d: got %v, want %v", p.PID(), err, os.ErrProcessDone)
		}
	}
	if isFolder(c.dir) {
		t.Errorf("%s is still there", c.dir)
	}
}

func TestAFailedStartShowsTheLogOfTheProcessThatFailed(t *testing.T) {
	tests := []struct {
		name, program, script string
		want                  []string
	}{
		{
			"etcd fails", etcdProgram, "echo 'the disk is made of cheese'; exit 4",
			[]string{"server (pid", "exit status 4", "the disk is made of cheese"},
		},
		{
			"kube-apiserver fails", apiServerProgram, "echo 'no such flag'; exit 5",
			[]string{"kube-apiserver (pid", "exit status 5", "no such flag"},
		},
		{
			"kube-controller-manager fails", controllersProgram, "echo 'out of control'; exit 6",
			[]string{"kube-controller-manager (pid", "exit status 6", "out of control"},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			c, err := startOnce(within(t), programsWith(t, tc.program, tc.script))
			if err == nil {
				must(t, c.Stop())
				t.Fatal("got no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
			left, err := os.ReadDir(os.Getenv("TMPDIR"))
			must(t, err)
			if len(left) > 0 {
				t.Errorf("the failed start left %s", left[0].Name())
			}
		})
	}
}

// programsWith returns a folder with the programs of the control plane, one of
// them replaced by a shell script.
func programsWith(t *testing.T, replaced, script string) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{etcdProgram, apiServerProgram, controllersProgram} {
		path := filepath.Join(dir, program)
		if program != replaced {
			must(t, os.Symlink(filepath.Join(shared.programs, program), path))
			continue
		}
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	return dir
}

func TestAPortThatWasTakenMeanwhileIsToldApart(t *testing.T) {
	ctx := within(t)
	c := &Cluster{dir: t.TempDir(), programs: shared.programs, tokens: newTokens()}
	must(t, c.prepare())
	taken, err := net.Listen("tcp", fmt.Sprintf("%s:%d", loopback.Address, c.ports.apiServer))
	must(t, err)
	defer taken.Close()
	if err := c.start(ctx); !errors.Is(err, errPortTaken) {
		t.Errorf("got %v, want %v", err, errPortTaken)
	}
	must(t, c.Stop())
}
