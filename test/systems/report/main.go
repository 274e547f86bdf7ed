// Command report writes docs/systems.md anew from docs/systems.json, which `make systems`
// makes, and from what the drivers say of their systems. It runs in the project's folder.
package main

import (
	"fmt"
	"os"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/report/page"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

func main() {
	if err := write("docs/systems.json", "docs/systems.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(from, to string) error {
	file, err := results.Read(from)
	if err != nil {
		return err
	}
	text, err := page.Render(file)
	if err != nil {
		return err
	}
	return os.WriteFile(to, []byte(text), 0o644)
}
