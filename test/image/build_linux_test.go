package image

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

var (
	must  = polltest.Must
	until = polltest.Until
)

// built has the images that the tests share, once one of them has asked for it.
var built struct {
	sync.Mutex
	dir         string
	whole, slim images
	err         error
}

// images are of one run of `make image`, by their architecture.
type images map[string]*image

var every = flag.Bool("every-architecture", false, "build the images of all architectures, not only of this machine's")

// architectures are those that the tests look at. Compiling for another one takes
// minutes where nothing was compiled before.
func architectures() []string {
	if *every {
		return []string{"amd64", "arm64"}
	}
	return []string{runtime.GOARCH}
}

// An image is one that `make image` has built, unpacked.
type image struct {
	config config
	// root is the folder with its files.
	root string
	// layers are the paths of its layers.
	layers []string
	// size is that of its layers in a registry, in bytes.
	size int64
}

// config is the part of the image configuration (OCI image specification) that
// is tested.
type config struct {
	Architecture, OS string
	Config           struct {
		User, WorkingDir string
		Entrypoint       []string
		ExposedPorts     map[string]struct{}
		Labels           map[string]string
	}
}

// imageFor returns the image for an architecture.
func imageFor(t *testing.T, architecture string) *image {
	t.Helper()
	needRoot(t)
	built.Lock()
	defer built.Unlock()
	if built.whole == nil && built.err == nil {
		built.whole, built.err = build(t.Context(), "", architectures())
	}
	must(t, built.err)
	return built.whole[architecture]
}

// slimImage returns the image with few plugins, for this machine.
func slimImage(t *testing.T) *image {
	t.Helper()
	needRoot(t)
	built.Lock()
	defer built.Unlock()
	if built.slim == nil && built.err == nil {
		built.slim, built.err = build(t.Context(), "slim", []string{runtime.GOARCH})
	}
	must(t, built.err)
	return built.slim[runtime.GOARCH]
}

// needRoot skips a test where there is no root: a program with a capability,
// another root and another user can only be had with it.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this test needs root, for mounts, chroot and files with a capability")
	}
}

// build builds the images with these plugins, or with all.
func build(ctx context.Context, plugins string, architectures []string) (images, error) {
	if err := makeStore(); err != nil {
		return nil, err
	}
	args := []string{"image", "BUILDER=buildah", "BASE=scratch", "IMAGE=test", "ARCHS=" + strings.Join(architectures, " ")}
	if plugins != "" {
		args = append(args, "PLUGINS="+plugins)
		plugins = "-" + plugins
	}
	if err := command(ctx, "make", args...); err != nil {
		return nil, err
	}
	made := make(images)
	for _, architecture := range architectures {
		var err error
		if made[architecture], err = unpack(ctx, plugins+"-"+architecture); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// makeStore makes the folder of the images, where there is none yet.
func makeStore() (err error) {
	if built.dir != "" {
		return nil
	}
	if built.dir, err = os.MkdirTemp("", "k8s_endpoints-image-"); err != nil {
		return err
	}
	// CoreDNS is not root, and has to enter the folder.
	if err := os.Chmod(built.dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(path("storage.conf"), []byte(storage()), 0o600)
}

func path(name string) string { return filepath.Join(built.dir, name) }

// storage keeps the images of the test apart from those of the machine, and
// needs no file system of its own.
func storage() string {
	return fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", path("storage"), path("run"))
}

func removeBuilt() error {
	built.Lock()
	defer built.Unlock()
	if built.dir == "" {
		return nil
	}
	return os.RemoveAll(built.dir)
}

// command runs a program in the folder of the module. An error has its output.
func command(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	// The flags of a `make` around the test are not for the one in it.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES=", "CONTAINERS_STORAGE_CONF="+path("storage.conf"))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out), nil
}

// unpack writes the image as the OCI image layout, and its layers into a folder,
// with the capabilities of the files. Its tag is the version with the suffix.
func unpack(ctx context.Context, suffix string) (*image, error) {
	layout := path("layout" + suffix)
	all, err := output(ctx, "buildah", "images", "--format", "{{.Name}}:{{.Tag}}")
	if err != nil {
		return nil, err
	}
	names := regexp.MustCompile(`(?m)^\S+:\d+\.\d+\.\d+`+suffix+`$`).FindAllString(all, -1)
	if len(names) != 1 {
		return nil, fmt.Errorf("%q end in %s, want one of\n%s", names, suffix, all)
	}
	if err := command(ctx, "buildah", "push", names[0], "oci:"+layout); err != nil {
		return nil, err
	}
	i := &image{root: path("root" + suffix)}
	var index struct{ Manifests []descriptor }
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%d manifests are in the layout, want one", len(index.Manifests))
	}
	err = errors.Join(
		readJSON(index.Manifests[0].blob(layout), &manifest),
		readJSON(manifest.Config.blob(layout), &i.config),
		os.Mkdir(i.root, 0o755),
	)
	for _, layer := range manifest.Layers {
		i.size += layer.Size
		i.layers = append(i.layers, layer.blob(layout))
		err = errors.Join(err, command(ctx, "tar", "--extract", "--gzip", "--file", layer.blob(layout), "--directory", i.root,
			"--preserve-permissions", "--xattrs", "--xattrs-include=security.capability"))
	}
	return i, err
}

// A descriptor names a blob of the layout.
type descriptor struct {
	Digest string
	Size   int64
}

func (d descriptor) blob(layout string) string {
	return filepath.Join(layout, "blobs", strings.ReplaceAll(d.Digest, ":", string(filepath.Separator)))
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
