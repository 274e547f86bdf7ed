package image

import (
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheImageSaysHowToRunIt(t *testing.T) {
	for _, architecture := range architectures() {
		t.Run(architecture, func(t *testing.T) {
			got := imageFor(t, architecture).config
			if got.OS != "linux" || got.Architecture != architecture {
				t.Errorf("it is for %s/%s", got.OS, got.Architecture)
			}
			// Kubernetes knows only of a number that it is not root.
			if got.Config.User != "65532:65532" || got.Config.WorkingDir != "/" {
				t.Errorf("the user is %q and the folder %q", got.Config.User, got.Config.WorkingDir)
			}
			if !slices.Equal(got.Config.Entrypoint, []string{"/coredns"}) {
				t.Errorf("the entrypoint is %q", got.Config.Entrypoint)
			}
			for _, port := range []string{"53/tcp", "53/udp"} {
				if _, ok := got.Config.ExposedPorts[port]; !ok {
					t.Errorf("%s is not exposed", port)
				}
			}
		})
	}
}

func TestTheImageHoldsAStaticProgramAndNothingElse(t *testing.T) {
	for _, architecture := range architectures() {
		t.Run(architecture, func(t *testing.T) {
			i := imageFor(t, architecture)
			// A test before this one may have left folders to mount volumes on.
			if got, want := files(t, i.root), []string{"coredns"}; !slices.Equal(got, want) {
				t.Errorf("its files are %q, want %q", got, want)
			}
			wantStatic(t, filepath.Join(i.root, "coredns"), architecture)
			wantCapability(t, filepath.Join(i.root, "coredns"))
			if info, err := os.Stat(filepath.Join(i.root, "coredns")); err == nil {
				t.Logf("%d bytes of layers in a registry, %d bytes of /coredns", i.size, info.Size())
			}
		})
	}
}

// Which plugins it has is tested in test/installation.
func TestTheSlimImageIsTheSameWithLessInIt(t *testing.T) {
	slim, whole := slimImage(t), imageFor(t, runtime.GOARCH)
	if got, want := files(t, slim.root), []string{"coredns"}; !slices.Equal(got, want) {
		t.Errorf("its files are %q, want %q", got, want)
	}
	wantStatic(t, filepath.Join(slim.root, "coredns"), runtime.GOARCH)
	wantCapability(t, filepath.Join(slim.root, "coredns"))
	if !reflect.DeepEqual(slim.config, whole.config) {
		t.Errorf("it says %+v, want %+v", slim.config, whole.config)
	}
	if slim.size > whole.size*4/5 {
		t.Errorf("its layers have %d bytes in a registry, where those of the whole image have %d", slim.size, whole.size)
	}
	out, err := output(t.Context(), filepath.Join(slim.root, "coredns"), "-plugins")
	must(t, err)
	if got := strings.Fields(out); !slices.Contains(got, "k8s_endpoints") || slices.Contains(got, "route53") {
		t.Errorf("its plugins are %q", got)
	}
}

func files(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	must(t, fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, name)
		}
		return err
	}))
	return found
}

func wantStatic(t *testing.T, program, architecture string) {
	t.Helper()
	f, err := elf.Open(program)
	must(t, err)
	defer f.Close()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture]
	if f.Machine != machine {
		t.Errorf("the program is for %v, want %v", f.Machine, machine)
	}
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker")
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the program needs the libraries %q (%v)", libraries, err)
	}
}

// wantCapability holds the program to what `setcap cap_net_bind_service=+ep`
// writes.
func wantCapability(t *testing.T, program string) {
	t.Helper()
	value := make([]byte, 64)
	n, err := unix.Getxattr(program, "security.capability", value)
	must(t, err)
	const want = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if got := string(value[:n]); got != want {
		t.Errorf("the capabilities of the program are %q, want %q", got, want)
	}
}

func TestTheProgramBringsCertificatesAlong(t *testing.T) {
	for _, architecture := range architectures() {
		info, err := buildinfo.ReadFile(filepath.Join(imageFor(t, architecture).root, "coredns"))
		must(t, err)
		found := false
		for _, module := range info.Deps {
			found = found || module.Path == "golang.org/x/crypto/x509roots/fallback"
		}
		if !found {
			t.Errorf("the program for %s does not have the authorities of golang.org/x/crypto/x509roots", architecture)
		}
	}
}

func TestTheLabelsAreThoseOfTheOCIImageSpecification(t *testing.T) {
	head, err := output(t.Context(), "git", "rev-parse", "HEAD")
	must(t, err)
	commit := regexp.QuoteMeta(strings.TrimSpace(head)) + `(-dirty)?`
	labels := imageFor(t, architectures()[0]).config.Config.Labels
	for label, want := range map[string]string{
		"title":       `CoreDNS with k8s_endpoints`,
		"description": `.+`,
		"source":      `https://github\.com/k8s-endpoints/k8s_endpoints`,
		"licenses":    `Apache-2\.0`,
		"version":     `\d+\.\d+\.\d+`,
		"revision":    commit,
		"created":     `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
	} {
		if got := labels["org.opencontainers.image."+label]; !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("the label %s is %q, want it to match %s", label, got, want)
		}
	}
}
