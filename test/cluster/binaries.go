package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// The programs, as `go build` names them.
const (
	etcdProgram        = "server"
	apiServerProgram   = "kube-apiserver"
	controllersProgram = "kube-controller-manager"
)

// VersionVariable is the environment variable that chooses the minor version of
// Kubernetes, such as 1.35. Where it is unset or empty, DefaultVersion is taken.
const VersionVariable = "KUBERNETES_VERSION"

// DefaultVersion is the minor version of the module test/controlplane. The
// others are folders in it.
const DefaultVersion = "1.37"

// Binaries returns the folder of the control plane's programs. It builds them
// where they are missing, which takes 5 minutes on two cores; whoever asks
// meanwhile, in this process or another, waits for that build. The working
// folder must be in the repository.
func Binaries(ctx context.Context) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	module, err := versionModule(filepath.Join(root, "test", "controlplane"), os.Getenv(VersionVariable))
	if err != nil {
		return "", err
	}
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

// versionModule returns the folder of the module, at or below all, that builds a
// minor version of Kubernetes.
func versionModule(all, version string) (string, error) {
	if version == "" || version == DefaultVersion {
		return all, nil
	}
	if versions := otherVersions(all); !slices.Contains(versions, version) {
		return "", fmt.Errorf("%s=%s: there is no control plane of that version, only of %s and %s",
			VersionVariable, version, strings.Join(versions, ", "), DefaultVersion)
	}
	return filepath.Join(all, version), nil
}

// otherVersions are the folders with a module in them.
func otherVersions(all string) []string {
	files, _ := filepath.Glob(filepath.Join(all, "*", "go.mod"))
	var versions []string
	for _, file := range files {
		versions = append(versions, filepath.Base(filepath.Dir(file)))
	}
	return versions
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
