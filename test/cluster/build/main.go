// Command build builds the control plane of the end-to-end tests, where that
// is not done yet, and prints the folder of its programs. Tests do the same on
// demand; a first build takes minutes, which their time limit may not leave.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
)

func main() {
	dir, err := cluster.Binaries(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
