package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

// roleVariable makes the test binary play another program.
const roleVariable = "PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "parent":
		beParent()
	case "child":
		fmt.Println("child started")
		// It waits for longer than the test, but not for ever.
		<-time.After(10 * time.Minute)
	}
	os.Exit(m.Run())
}

// The main thread never ends, so no other goroutine of the parent may be on it.
func init() {
	if os.Getenv(roleVariable) == "parent" {
		runtime.LockOSThread()
	}
}

// beParent starts a child from a thread that then ends, prints the child's
// process id, and waits to be killed.
func beParent() {
	os.Setenv(roleVariable, "child")
	thread := make(chan int)
	var child *Process
	var err error
	go func() {
		runtime.LockOSThread()
		child, err = Start(os.Args[0], os.Args[1])
		thread <- syscall.Gettid()
	}()
	path := fmt.Sprintf("/proc/self/task/%d", <-thread)
	for exists(path) {
		runtime.Gosched()
	}
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(child.PID())
	<-child.Done()
	os.Exit(1)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestAProgramLivesAsLongAsTheProcessThatStartedIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a signal for the death of the parent")
	}
	log := filepath.Join(t.TempDir(), "child.log")
	parent := exec.Command(os.Args[0], log)
	parent.Env = append(os.Environ(), roleVariable+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill(); _ = parent.Wait() })
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatalf("the parent did not print a process id: %v", err)
	}
	until(t, func() error { return contains(log, "child started") })
	if !runs(child) {
		t.Fatal("the child ended with the thread that asked for it; it must live as long as the process")
	}

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, func() error {
		if runs(child) {
			return fmt.Errorf("the child %d still runs after its parent was killed", child)
		}
		return nil
	})
}

func TestStopEndsAProgramThatIgnoresTheRequest(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start("/bin/sh", log, "-c", `trap "" TERM; echo deaf; while :; do sleep 1; done`)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() error { return contains(log, "deaf") })
	if err := p.Stop(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after Stop: got %v, want %v", err, os.ErrProcessDone)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("Kill after Stop: %v", err)
	}
}

func TestAPausedProgramDoesNothingUntilItIsResumed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start("/bin/sh", log, "-c", "while :; do echo tick; done")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	for range 3 {
		until(t, func() error { return contains(log, "tick") })
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(log, 0); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			runtime.Gosched()
		}
		if text := p.Log(); text != "" {
			t.Fatalf("a paused program printed %q", text)
		}
		if err := p.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("Kill of a paused program: %v", err)
	}
	if err := p.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Pause after the end: got %v, want %v", err, os.ErrProcessDone)
	}
}

func TestFailureTellsHowTheProgramEndedAndItsLastLines(t *testing.T) {
	p, err := Start("/bin/sh", filepath.Join(t.TempDir(), "log"), "-c",
		`for i in $(seq 40); do echo line $i; done; echo "bind: address already in use" >&2; exit 3`)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	got := p.Failure().Error()
	for _, want := range []string{"sh (pid", "exit status 3", "line 40", "address already in use"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "line 1\n") {
		t.Errorf("more than the last %d lines in:\n%s", tailLines, got)
	}
	if !p.PortTaken() {
		t.Error("PortTaken: got false, want true")
	}
}

func contains(path, want string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), want) {
		return fmt.Errorf("%s has no %q: %s", path, want, text)
	}
	return nil
}

// runs reports whether a process exists and is no zombie: its new parent may be
// slow to wait for it.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func until(t *testing.T, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll.Until(ctx, func(context.Context) error { return condition() }); err != nil {
		t.Fatal(err)
	}
}
