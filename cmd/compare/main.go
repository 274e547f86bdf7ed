// Command compare asks the DNS servers of a cluster and k8s_endpoints the same
// questions, and tells what would change for its clients. It only reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses.
const (
	safe     = 0
	decide   = 1
	cannotBe = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status. Results go to out, all else to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	o, err := parse(args, progress)
	if errors.Is(err, flag.ErrHelp) {
		return safe
	}
	if err != nil {
		fmt.Fprintln(progress, err)
		return cannotBe
	}
	r, err := compare(ctx, o, progress)
	if err != nil {
		fmt.Fprintln(progress, "cannot compare:", err)
		return cannotBe
	}
	if err := o.write(out, r); err != nil {
		fmt.Fprintln(progress, err)
		return cannotBe
	}
	return r.status()
}
