package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// The files, in the folder of the module.
var (
	readme = "README.md"
	manual = filepath.Join("man", "coredns-k8s_endpoints.7")
	// mmark is the module that has the program.
	mmark = filepath.Join("man", "mmark")
)

// titleBlock is the text that CoreDNS's Makefile.doc puts in front of each
// README.
const titleBlock = `%%%
 title = "coredns-k8s_endpoints 7"
 area = "CoreDNS"
 workgroup = "CoreDNS Plugins"
%%%

`

// write makes the manual page anew, unless only its date would change: the
// month in which the page was made.
func write(ctx context.Context, root string) error {
	made, err := page(ctx, root)
	if err != nil {
		return err
	}
	path := filepath.Join(root, manual)
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if bytes.Equal(undated(kept), undated(made)) {
		return nil
	}
	return os.WriteFile(path, made, 0o644)
}

// page makes the manual page of the README in the folder root.
func page(ctx context.Context, root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, readme))
	if err != nil {
		return nil, err
	}
	body, err := withoutTitle(text)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "coredns-k8s_endpoints.*.md")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append([]byte(titleBlock), withoutPictures(body)...))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return render(ctx, filepath.Join(root, mmark), file.Name())
}

// withoutTitle cuts the title, which the title block replaces. It looks at the
// first line only: a comment in an example begins with the same character.
func withoutTitle(text []byte) ([]byte, error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if !bytes.HasPrefix(first, []byte("# ")) {
		return nil, fmt.Errorf("%s: the first line is %q, want the title, as in \"# k8s_endpoints\"", readme, first)
	}
	return rest, nil
}

// picture is a paragraph that is nothing but a picture.
var picture = regexp.MustCompile(`(?m)^!\[.*\]\(.*\)\n\n`)

// withoutPictures cuts them, which a terminal does not show.
func withoutPictures(text []byte) []byte { return picture.ReplaceAll(text, nil) }

func render(ctx context.Context, module, file string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "mmark", "-man", file)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var said bytes.Buffer
	cmd.Stderr = &said
	made, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mmark of %s: %w\n%s", readme, err, said.Bytes())
	}
	return made, nil
}

// undated is a manual page without its title line, which has the date.
func undated(page []byte) []byte {
	at := bytes.Index(page, []byte("\n.TH "))
	if at < 0 {
		return page
	}
	_, rest, _ := bytes.Cut(page[at+1:], []byte("\n"))
	return rest
}
