// Command compare asks the DNS servers of a cluster and k8s_endpoints the same questions, and says what would change
// for its clients. It only reads.
//
// Read compare.go first (the whole way), then questions.go (what is asked), judge.go (whether two answers are alike)
// and view.go (which part of an answer counts). The packages below this one each have one part: what the API server
// knows (inventory), the two servers (servers), the documented differences (differences), and the result (report).
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

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status. The report goes to out, and everything else to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	o, err := parse(args, progress)
	if errors.Is(err, flag.ErrHelp) {
		return report.Safe
	}
	if err != nil {
		fmt.Fprintln(progress, err)
		return report.Unknown
	}
	r, err := compare(ctx, o, progress)
	if err != nil {
		fmt.Fprintln(progress, "cannot compare:", err)
		return report.Unknown
	}
	if err := o.write(out, r); err != nil {
		fmt.Fprintln(progress, err)
		return report.Unknown
	}
	return r.Status()
}
