//go:build linux

package image

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == containArgument {
		fmt.Fprintln(os.Stderr, contain(os.Args[2]))
		os.Exit(1)
	}
	flag.Parse()
	code := m.Run()
	if err := removeBuilt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
