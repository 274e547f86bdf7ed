package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// What the environment may ask for: a CoreDNS with the race detector in it, one that
// packs each of its answers from a message, and one with few plugins.
const (
	raceVariable    = "RACE"
	raceValue       = "1"
	answersVariable = "ANSWERS"
	answersValue    = "messages"
	pluginsVariable = "PLUGINS"
	pluginsValue    = "slim"
)

// Commit is the one that Binary says it was built from: of a work tree the go command may say none.
const Commit = "built-for-tests"

// asMessages is the variable that has the plugin write no bytes.
const asMessages = "github.com/k8s-endpoints/k8s_endpoints/plugin/wire.asMessages"

// AsMessages reports whether the environment asks for a CoreDNS that packs each answer of
// the plugin from a message, so that a test of both ways finds no bytes.
func AsMessages() bool { return os.Getenv(answersVariable) == answersValue }

// IsSlim reports whether the environment asks for a CoreDNS with few plugins.
func IsSlim() bool { return os.Getenv(pluginsVariable) == pluginsValue }

// variant returns the name of what the environment asks for, and how it is built.
func variant() (name string, args []string, err error) {
	for variable, value := range map[string]string{answersVariable: answersValue, pluginsVariable: pluginsValue} {
		if asked := os.Getenv(variable); asked != "" && asked != value {
			return "", nil, fmt.Errorf("%s is %q in the environment, and can be %q only", variable, asked, value)
		}
	}
	name = "plain"
	variables := "-ldflags=-X github.com/coredns/coredns/coremain.GitCommit=" + Commit
	if os.Getenv(raceVariable) == raceValue {
		name, args = "race", append(args, "-race")
	}
	if AsMessages() {
		name, variables = name+"-messages", variables+" -X "+asMessages+"=1"
	}
	if IsSlim() {
		name, args = name+"-"+pluginsValue, append(args, "-tags="+pluginsValue)
	}
	return name, append(args, variables), nil
}

var built struct {
	sync.Mutex
	path string
}

// Binary returns the path of CoreDNS, built from the sources as they are at the
// first call.
func Binary(ctx context.Context) (string, error) {
	built.Lock()
	defer built.Unlock()
	if built.path != "" {
		return built.path, nil
	}
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	name, args, err := variant()
	if err != nil {
		return "", err
	}
	dir, err := gobuild.CacheOf(root, "coredns", name)
	if err != nil {
		return "", err
	}
	built.path, err = build(ctx, root, dir, args)
	return built.path, err
}

// build leaves two names of one file: the one that the go command compares
// with the sources, and so may replace at any time, and the one that is
// replaced only in whole, while other processes start it.
func build(ctx context.Context, root, dir string, args []string) (string, error) {
	unlock, err := gobuild.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	target, link, program := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "coredns")
	args = append(args, "-o", target, "./cmd/coredns")
	if err := gobuild.Build(ctx, root, nil, args...); err != nil {
		return "", err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.Link(target, link); err != nil {
		return "", err
	}
	return program, os.Rename(link, program)
}
