package manifests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	kept    = "Keeping the last good state of a manifest"
	isGood  = "counts again"
	oneLine = 1
)

// truncate writes a file in place, as a shell does that sends output to it.
func truncate(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_TRUNC|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(content)
	must(t, errors.Join(err, f.Close()))
}

// replaceFile puts another file in the place of one.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	temporary := filepath.Join(filepath.Dir(path), ".new")
	must(t, os.WriteFile(temporary, []byte(content), 0o600))
	must(t, os.Rename(temporary, path))
}

// A part of a file is not the truth. Each row has a file change into one that
// stands still: doubted is whether its last good state is kept for holdTime.
func TestWhatMayBeAPartIsHeldForAWhile(t *testing.T) {
	service, first, second := headless("a"), slice("s-1", "a", "10.0.0.1", "10.0.0.12"), slice("s-2", "a", "10.0.0.3")
	all := strings.Join([]string{service, first, second}, "---\n")
	mirrored := service + "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets:\n- addresses:\n  - {ip: 192.0.2.2}\n  - {ip: 192.0.2.1}\n"
	dump := "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  clusterIP: None\n"
	sliceDump := "addressType: IPv4\nendpoints:\n- addresses:\n  - 10.0.0.1\n- addresses:\n  - 10.0.0.2\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" +
		"metadata:\n  labels:\n    kubernetes.io/service-name: a\n  name: s-1\nports:\n- name: p\n  port: 80\n"
	stream := "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"clusterIP\":\"None\"}}\n" +
		"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"b\"},\"spec\":{\"clusterIP\":\"None\"}}\n"
	for _, row := range []struct {
		name, before, now string
		put               func(t *testing.T, path, content string)
		doubted           bool
	}{
		{"emptied", all, "", truncate, true},
		{"emptied by another file", all, "", replaceFile, true},
		{"nothing but white space and comments is left", all, "# dump\n---\n", truncate, true},
		{"cut behind the first document", all, service, truncate, true},
		{"cut behind the second document", all, service + "---\n" + first, truncate, true},
		{"cut before the mark", all, service + "---\n" + first + "---\n", truncate, true},
		{"cut between two endpoints", service + "---\n" + first, service + "---\n" + slice("s-1", "a", "10.0.0.1"), truncate, true},
		{"cut in the last address, to another one", service + "---\n" + strings.Replace(first, "- addresses: [10.0.0.12]", "- addresses:\n  - 10.0.0.12", 1),
			service + "---\n" + strings.Replace(first, "- addresses: [10.0.0.12]\n", "- addresses:\n  - 10.0.0.1", 1), truncate, true},
		{"cut, and something before the end is new", all, headless("new") + "---\n" + service, truncate, true},
		{"cut behind something new", all, service + "---\n" + headless("new"), truncate, true},
		{"cut before the spec", dump, "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n", truncate, true},
		{"cut before the kind", sliceDump, sliceDump[:strings.Index(sliceDump, "kind:")], truncate, true},
		{"cut before the name", sliceDump, sliceDump[:strings.Index(sliceDump, "  name: s-1")], truncate, true},
		{"cut before the ports", sliceDump, sliceDump[:strings.Index(sliceDump, "ports:")], truncate, true},
		{"Endpoints, cut between two addresses", mirrored, strings.Replace(mirrored, "  - {ip: 192.0.2.1}\n", "", 1), truncate, true},
		{"JSON objects one after the other, cut behind the first", stream, stream[:strings.Index(stream, "\n")+1], truncate, true},

		{"cut by another file that takes its place", all, service, replaceFile, false},
		{"an endpoint in the middle goes", service + "---\n" + first, service + "---\n" + slice("s-1", "a", "10.0.0.12"), truncate, false},
		{"the first document goes", all, first + "---\n" + second, truncate, false},
		{"a document in the middle goes", all, service + "---\n" + second, truncate, false},
		{"the last document is another one", all, service + "---\n" + first + "---\n" + headless("b"), truncate, false},
		{"everything is new, and less", all, headless("b"), truncate, false},
		{"a Service that is not headless any more", service, strings.Replace(service, "None", "10.96.0.1", 1), truncate, false},
		{"more at the end", service, all, truncate, false},
		{"a last line that never had an end", strings.TrimSpace(service), strings.TrimSpace(headless("b")), truncate, false},
		{"nothing that had nothing", "# nothing\n", "", truncate, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := captureLog(t)
			dir := t.TempDir()
			path := filepath.Join(dir, "a.yaml")
			write(t, dir, map[string]string{"a.yaml": row.before})
			before, now := loaded(t, dir, Options{}), loadedText(t, row.now)
			s := newStill(t, dir, Options{})
			log.forget()

			row.put(t, path, row.now)
			s.after(0)
			s.want(t, before)
			s.after(writeTime)
			if !row.doubted {
				s.want(t, now)
				if log.text() != "" && !strings.Contains(log.text(), "Left out") {
					t.Errorf("logged %s", log.text())
				}
				return
			}
			s.want(t, before)
			s.after(holdTime - time.Millisecond)
			s.want(t, before)
			// What somebody else does to the file without changing it does not matter.
			s.look()
			s.after(writeTime)
			s.want(t, now)
			if log.count(kept) != oneLine || log.count(isGood) != oneLine {
				t.Errorf("logged\n%swant one line, and one more when it counts", log.text())
			}
		})
	}
}

// loadedText returns what is reported of one file.
func loadedText(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": text})
	return loaded(t, dir, Options{})
}

// However a file is written, between its two states no other one is served, and
// the log has at most two lines about it.
func TestAFileThatIsBeingWrittenIsNotTheTruth(t *testing.T) {
	list := func(address string) string {
		text := "{\n \"apiVersion\": \"v1\",\n \"kind\": \"List\",\n \"items\": [\n"
		text += "  {\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"a\"}, \"spec\": {\"clusterIP\": \"None\"}},\n"
		for i := range 20 {
			text += fmt.Sprintf("  {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"p%d\"}},\n", i)
		}
		return text + "  {\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \"metadata\": {\"name\": \"s\", \"labels\": {\"kubernetes.io/service-name\": \"a\"}}," +
			" \"addressType\": \"IPv4\", \"endpoints\": [{\"addresses\": [\"" + address + "\"]}]}\n ]\n}\n"
	}
	documents := func(address string) string {
		text := headless("a") + "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, labels: {kubernetes.io/service-name: a}}\n"
		text += "addressType: IPv4\nendpoints:\n"
		for i := range 40 {
			text += fmt.Sprintf("- addresses:\n  - 10.1.0.%d\n", i+100)
		}
		return text + "- addresses:\n  - " + address + "\n"
	}
	for _, file := range []struct {
		name string
		text func(address string) string
	}{{"a.json", list}, {"a.yaml", documents}} {
		for _, pause := range []time.Duration{writeTime / 2, writeTime, 3 * time.Second} {
			for _, address := range []string{"10.0.0.1", "10.0.0.2"} {
				t.Run(fmt.Sprintf("%s every %v to %s", file.name, pause, address), func(t *testing.T) {
					log := captureLog(t)
					dir := t.TempDir()
					path := filepath.Join(dir, file.name)
					write(t, dir, map[string]string{file.name: file.text("10.0.0.1")})
					s := newStill(t, dir, Options{})
					before := s.lines()
					log.forget()
					text := file.text(address)
					const pieces = 37
					for i := range pieces {
						truncate(t, path, text[:len(text)*i/pieces])
						s.after(0)
						s.after(pause)
						s.want(t, before)
					}
					truncate(t, path, text)
					s.after(0)
					s.after(writeTime)
					s.want(t, strings.ReplaceAll(before, " 10.0.0.1", " "+address))
					if log.count(kept) > oneLine || log.count(isGood) != log.count(kept) {
						t.Errorf("logged\n%s", log.text())
					}
				})
			}
		}
	}
}

// The output of a command that empties the file, and has an answer later.
func TestACommandThatWritesItsOutputLate(t *testing.T) {
	dir := t.TempDir()
	text := headless("a") + "---\n" + slice("s", "a", "10.0.0.1")
	write(t, dir, map[string]string{"dump.yaml": text})
	r := run(t, dir, Options{})
	before := r.lines()
	path := filepath.Join(dir, "dump.yaml")
	truncate(t, path, "")
	// Another file that changes is reported meanwhile.
	write(t, dir, map[string]string{"b.yaml": headless("b")})
	const b = "Service default/b headless"
	r.await(t, strings.Replace(before, "\nSlice", "\n"+b+"\nSlice", 1))
	truncate(t, path, text+"---\n"+headless("c"))
	r.await(t, strings.Replace(before, "\nSlice", "\n"+b+"\nService default/c headless\nSlice", 1))
}

func TestANewFileIsReadWhenItStandsStill(t *testing.T) {
	dir := t.TempDir()
	s := newStill(t, dir, Options{})
	path := filepath.Join(dir, "a.yaml")
	text := headless("a") + "---\n" + headless("b")
	for i := range 10 {
		must(t, os.WriteFile(path, []byte(text[:len(text)*(i+1)/10]), 0o600))
		s.want(t, "")
		s.after(writeTime / 2)
	}
	s.after(writeTime)
	s.want(t, "Service default/a headless\nService default/b headless")
}

// Files that change together are reported together, and what goes from one to
// another is never away.
func TestFilesThatChangeTogether(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": headless("a"), "b.yaml": headless("b")})
	s := newStill(t, dir, Options{})
	must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "z.yaml")))
	write(t, dir, map[string]string{"b.yaml": headless("c")})
	s.after(0)
	s.want(t, "Service default/a headless\nService default/b headless")
	s.after(writeTime)
	s.want(t, "Service default/a headless\nService default/c headless")
	if n := len(s.applies); n != 2 {
		t.Errorf("%d reports, want the first one and one more", n)
	}
}

// A reason that changes with every piece is logged once, and that of a file which
// stays broken is there in the end.
func TestABrokenFileIsLoggedOnce(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	s := newStill(t, dir, Options{})
	log.forget()
	for i := range 5 {
		truncate(t, path, strings.Repeat("\n", i)+"a: [")
		s.after(0)
		s.after(writeTime)
	}
	if n := log.count(kept); n != 1 {
		t.Errorf("%d lines while the file changes, want one:\n%s", n, log.text())
	}
	s.after(holdTime)
	s.after(holdTime)
	if log.count(kept) != 2 || log.count(kept+", still: "+path+":5: ") != 1 {
		t.Errorf("logged\n%swant the last reason, once", log.text())
	}
	truncate(t, path, headless("a"))
	s.settle(t)
	if log.count(kept) != 2 || log.count("The manifest "+path+" counts again") != 1 {
		t.Errorf("logged\n%swant that it is good again", log.text())
	}
	s.want(t, "Service default/a headless")
}

// Whoever changes a file all the time must not keep it from being read.
func TestAFileThatChangesAllTheTimeIsRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, path, content string)
		within time.Duration
	}{
		{"another file in its place", replaceFile, writeTime},
		{"written in place", truncate, longestWriteTime},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.yaml")
			write(t, dir, map[string]string{"a.yaml": headless("a")})
			s := newStill(t, dir, Options{})
			const step = writeTime / 4
			passed := time.Duration(0)
			for n := 0; ; n++ {
				row.change(t, path, headless(fmt.Sprintf("a%d", n)))
				s.after(step)
				if passed += step; s.lines() != "Service default/a headless" {
					break
				}
				if passed > row.within+step {
					t.Fatalf("nothing is read within %v", passed)
				}
			}
			if passed < row.within {
				t.Errorf("it is read after %v, want %v", passed, row.within)
			}
		})
	}
}
