package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var controlPlanes = filepath.Join("..", "controlplane")

func TestVersionModuleTakesTheDefaultWhereNothingIsAskedFor(t *testing.T) {
	for _, version := range []string{"", DefaultVersion} {
		if got, err := versionModule(controlPlanes, version); err != nil || got != controlPlanes {
			t.Errorf("%q: got %q and %v, want %q", version, got, err, controlPlanes)
		}
	}
}

func TestVersionModuleOfAnUnknownVersionSaysWhichThereAre(t *testing.T) {
	for _, version := range []string{"1.1", ".", "..", "1.35/.."} {
		got, err := versionModule(controlPlanes, version)
		if err == nil || !strings.Contains(err.Error(), VersionVariable+"="+version) || !strings.Contains(err.Error(), "1.35, 1.36 and 1.37") {
			t.Errorf("%q: got %q and %v, want an error that names 1.35, 1.36 and 1.37", version, got, err)
		}
	}
}

func TestEachControlPlaneIsOfTheVersionOfItsFolder(t *testing.T) {
	for _, version := range []string{"1.35", "1.36", DefaultVersion} {
		dir, err := versionModule(controlPlanes, version)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		staging := "k8s.io/api => k8s.io/api v0." + strings.TrimPrefix(version, "1.") + "."
		for _, want := range []string{"k8s.io/kubernetes v" + version + ".", staging} {
			has := func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), want) }
			if !slices.ContainsFunc(slices.Collect(strings.Lines(string(text))), has) {
				t.Errorf("%s/go.mod has no line that begins with %q", dir, want)
			}
		}
	}
}
