package gobuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestModuleRootHoldsGoMod(t *testing.T) {
	root, err := ModuleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "module github.com/k8s-endpoints/k8s_endpoints\n"; !strings.HasPrefix(string(text), want) {
		t.Errorf("%s/go.mod does not start with %q", root, want)
	}
}

func TestModuleRootOutsideOfAModule(t *testing.T) {
	t.Chdir(t.TempDir())
	if root, err := ModuleRoot(t.Context()); err == nil {
		t.Errorf("got %q, want an error", root)
	}
}

func TestBuildSaysWhatTheCompilerSaid(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module broken\n")
	write(t, dir, "main.go", "package main\n\nfunc main() { undeclared() }\n")
	err := Build(t.Context(), dir, []string{"GOWORK=off"}, "-o", os.DevNull, ".")
	if err == nil || !strings.Contains(err.Error(), "undefined: undeclared") {
		t.Errorf("got %v, want the compiler's words", err)
	}
}

func TestOneHoldsTheLockAtATime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, file); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second Lock: got %v, want %v", err, context.DeadlineExceeded)
	}
	unlock()
	again, err := Lock(t.Context(), file)
	if err != nil {
		t.Fatalf("Lock after unlock: %v", err)
	}
	again()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
