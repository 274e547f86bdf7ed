package systems

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/life"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/plan"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"

	"golang.org/x/sys/unix"
)

// found is what came of all lives.
var found = findings{versions: make(map[string]string), queries: make(map[string][]queries.Query), skipped: make(map[string]string)}

type findings struct {
	mu sync.Mutex
	// about is a file without rows, which says what was measured, and where.
	about    results.File
	rows     []results.Row
	versions map[string]string
	// queries are those that ours was asked, with the namespace replaced.
	queries map[string][]queries.Query
	skipped map[string]string
}

// add adds the trials of a row to those of the same life, and returns all of them.
func (f *findings) add(row results.Row) results.Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.find(row.System, row.Life, row.Server); old != nil {
		old.Trials = append(old.Trials, row.Trials...)
		return *old
	}
	f.rows = append(f.rows, row)
	return row
}

func (f *findings) find(system, life, server string) *results.Row {
	// It finds them in the slice that both have.
	return (&results.File{Rows: f.rows}).Find(system, life, server)
}

// begins reports whether a life that begins with a system that is whole can be tried.
func (f *findings) begins(system, server string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return server == node.Ours || !plan.NeverBegins(f.find(system, drivers.Cold, server))
}

func (f *findings) skip(system, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skipped[system] = why
}

// namespace stands for those of all stages.
const namespace = "namespace"

func (f *findings) asked(system string, stage *life.Stage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range stage.Queries() {
		labels := strings.Split(q.Name, ".")
		for i, each := range labels {
			if each == stage.Namespace {
				labels[i] = namespace
			}
		}
		q.Name = strings.Join(labels, ".")
		f.queries[system] = append(f.queries[system], q)
	}
}

// version asks once for that of a system.
func (f *findings) version(ctx context.Context, s drivers.System, stage *life.Stage) {
	f.mu.Lock()
	known := f.versions[s.Key]
	f.mu.Unlock()
	if known != "" {
		return
	}
	version, err := s.Version(ctx, stage.At, stage.Place)
	if err != nil {
		version = fmt.Sprintf("unknown (%v)", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.versions[s.Key] = strings.TrimSpace(version)
}

// summary says what was left out, and why.
func (f *findings) summary() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var text strings.Builder
	for _, system := range slices.Sorted(maps.Keys(f.skipped)) {
		fmt.Fprintf(&text, "left out: %s: %s\n", system, f.skipped[system])
	}
	return text.String()
}

// shapes is how many of the most frequent queries of a system are written down.
const shapes = 8

// write writes what was found until now to a file, and keeps the rows there of what was not
// lived now.
func (f *findings) write(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := results.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = new(results.File), nil
	}
	if err != nil {
		return err
	}
	about := f.about
	about.Versions, about.Queries, about.Rows = file.Versions, file.Queries, file.Rows
	file = &about
	if file.Versions == nil {
		file.Versions, file.Queries = make(map[string]string), make(map[string][]string)
	}
	maps.Copy(file.Versions, f.versions)
	for system, asked := range f.queries {
		var lines []string
		for _, each := range queries.Counts(asked, namespace) {
			lines = append(lines, each.String())
		}
		file.Queries[system] = lines[:min(shapes, len(lines))]
	}
	for _, row := range f.rows {
		if old := file.Find(row.System, row.Life, row.Server); old != nil {
			*old = row
		} else {
			file.Rows = append(file.Rows, row)
		}
	}
	file.Rows = slices.DeleteFunc(file.Rows, func(r results.Row) bool { return !plan.Has(r.System, r.Life, r.Server) })
	return file.Write(path)
}

// describe notes what is measured, and where.
func (f *findings) describe() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	commit, err := exec.Command("git", "describe", "--always", "--abbrev=40", "--exclude", "*", "--dirty").Output()
	if err == nil {
		f.about.Commit = strings.TrimSpace(string(commit))
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	f.about.Kernel = unix.ByteSliceToString(name.Release[:])
	f.about.CPUs, f.about.AtOnce = runtime.NumCPU(), together()
	// The control plane was built of a module, and does not know its version.
	f.about.Kubernetes = cmp.Or(os.Getenv(cluster.VersionVariable), cluster.DefaultVersion)
	return nil
}
