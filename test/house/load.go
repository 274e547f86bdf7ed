package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// A pkg is one package without its tests.
type pkg struct {
	// path is its import path.
	path  string
	lines int
	graph *graph
}

// listed is the part of the output of `go list` that is needed.
type listed struct {
	Dir, ImportPath string
	GoFiles         []string
	// Export is the file with the types of the compiled package.
	Export string
	// DepOnly is set for a package that none of the patterns names.
	DepOnly bool
}

// load reads and checks the packages that the patterns name, in the folder dir. What they import is not read from
// source, but from the cache of the compiler.
func load(dir string, patterns ...string) ([]*pkg, error) {
	all, err := list(dir, patterns)
	if err != nil {
		return nil, err
	}
	exports := make(map[string]string)
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s was not compiled", path)
		}
		return os.Open(exports[path])
	})
	var packages []*pkg
	for _, l := range all {
		if l.DepOnly || len(l.GoFiles) == 0 {
			continue
		}
		p, err := check(l, fset, imports)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

func list(dir string, patterns []string) ([]*listed, error) {
	args := append([]string{"list", "-export", "-deps", "-json=Dir,ImportPath,GoFiles,Export,DepOnly", "--"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, said.Bytes())
	}
	var all []*listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		l := new(listed)
		if err := d.Decode(l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, l)
	}
}

func check(l *listed, fset *token.FileSet, imports types.Importer) (*pkg, error) {
	p := &pkg{path: l.ImportPath}
	var files []*ast.File
	for _, name := range l.GoFiles {
		text, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.ImportPath, err)
		}
		files = append(files, file)
		p.lines += bytes.Count(text, []byte("\n"))
	}
	var err error
	p.graph, err = draw(l.ImportPath, fset, files, imports)
	return p, err
}

// draw finds out which file uses which. A file uses another one if it names anything that is declared there: a
// function, a method, a type, a field, a variable or a constant.
func draw(path string, fset *token.FileSet, files []*ast.File, imports types.Importer) (*graph, error) {
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: imports}
	checked, err := config.Check(path, fset, files, info)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	nameOf := func(at token.Pos) string { return fset.Position(at).Filename }
	g := &graph{uses: make(map[edge][]string)}
	for _, file := range files {
		g.files = append(g.files, nameOf(file.Pos()))
	}
	for ident, used := range info.Uses {
		if used.Pkg() == checked {
			g.add(nameOf(ident.Pos()), nameOf(used.Pos()), used.Name())
		}
	}
	return g, nil
}
