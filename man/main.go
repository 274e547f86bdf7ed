// Command man makes the manual page of the plugin from README.md, as CoreDNS
// makes those of its own plugins. It runs in the folder of the module.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := write(context.Background(), "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
