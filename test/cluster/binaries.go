package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// The programs, as `go build` names them.
const (
	etcdProgram        = "server"
	apiServerProgram   = "kube-apiserver"
	controllersProgram = "kube-controller-manager"
)

// Binaries returns the folder of the control plane's programs. It builds them
// where they are missing, which takes 5 minutes on two cores; whoever asks
// meanwhile, in this process or another, waits for that build. The working
// folder must be in the repository.
func Binaries(ctx context.Context) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test", "controlplane")
	digest, err := digestOf(filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	cache, err := gobuild.Cache("controlplane")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, digest)
	if isFolder(dir) {
		return dir, nil
	}
	unlock, err := gobuild.Lock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isFolder(dir) {
		return dir, nil
	}
	return dir, build(ctx, module, dir)
}

// build makes dir appear with all programs in it, or not at all.
func build(ctx context.Context, module, dir string) error {
	fmt.Fprintln(os.Stderr, "building etcd, kube-apiserver and kube-controller-manager for the end-to-end tests; this takes minutes, once")
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	env := []string{"CGO_ENABLED=0", "GOWORK=off"}
	err := gobuild.Build(ctx, module, env, "-trimpath", "-ldflags=-s -w", "-o", unfinished+string(filepath.Separator), "tool")
	if err != nil {
		return err
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "built them in", dir)
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func digestOf(files ...string) (string, error) {
	sum := sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
