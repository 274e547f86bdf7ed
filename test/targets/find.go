package targets

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// nobody is the user without rights, and its group.
const nobody = 65534

// isRoot is whether servers must become somebody else.
func isRoot() bool { return os.Getuid() == 0 }

// own gives a file, or a folder that others may then go through, to whom servers run as.
func own(path string) error {
	if !isRoot() {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}

// roots are where packages are: unpacked by `make targets`, in the folder of the repository
// that tests two folders below it see, and installed.
var roots = []string{"../../build/targets", "/"}

// find returns the path of a program, and skips the test where there is none.
func find(t testing.TB, program string) string {
	t.Helper()
	for _, root := range roots {
		for _, folder := range []string{"usr/bin", "usr/sbin", "usr/lib/postgresql/*/bin"} {
			found, err := filepath.Glob(filepath.Join(root, folder, program))
			if err != nil || len(found) == 0 {
				continue
			}
			// Of several versions the last one.
			path, err := filepath.Abs(found[len(found)-1])
			if err != nil {
				continue
			}
			if closed := closedTo(path); isRoot() && closed != "" {
				t.Skipf("%s cannot be run without the rights of root: others may not go through %s", path, closed)
			}
			return path
		}
	}
	t.Skipf("%s is not here: run `make targets` as root, or install it", program)
	return ""
}

// closedTo returns the folder above a file that only its owner may go through, and nothing
// where there is none.
func closedTo(path string) string {
	for path != filepath.Dir(path) {
		path = filepath.Dir(path)
		if folder, err := os.Stat(path); err != nil || folder.Mode().Perm()&1 == 0 {
			return path
		}
	}
	return ""
}

// without returns the command that runs a program without the rights of root, and with the
// libraries that are unpacked. It ends with whoever started it: a change of the user would
// else take that away.
func without(program string, args ...string) []string {
	command := append([]string{program}, args...)
	if libraries, err := filepath.Glob(filepath.Join(roots[0], "usr/lib/*-linux-gnu*")); err == nil && len(libraries) > 0 {
		if path, err := filepath.Abs(libraries[0]); err == nil {
			command = append([]string{"/usr/bin/env", "LD_LIBRARY_PATH=" + path}, command...)
		}
	}
	if isRoot() {
		id := strconv.Itoa(nobody)
		command = append([]string{"/usr/bin/setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--pdeathsig=KILL"}, command...)
	}
	return command
}

// do runs a command to its end.
func do(t testing.TB, dir string, command []string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
}
