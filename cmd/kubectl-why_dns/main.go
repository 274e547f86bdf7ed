// Command kubectl-why_dns says why a name of the cluster has what it has in DNS: `kubectl why-dns NAME`. It only reads. Under
// the name coredns-why it is the same without kubectl.
//
// Read gather.go first (whom it asks, in which order), then options.go. The packages below this one each have one part: what
// people type (question), what is known (facts), the API server (cluster), DNS and status pages (server), the judgement
// (cause), and how it is written (report).
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
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// patience is how long all may take, of one name and of all of a namespace.
const (
	patience    = 30 * time.Second
	patienceAll = 2 * time.Minute
)

func main() {
	// What client-go logs of a port-forward that fails is a finding here.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status. The report goes to out, and everything else to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	o, err := parse(args, time.Now(), progress)
	if errors.Is(err, flag.ErrHelp) {
		return report.Fine
	}
	if err != nil {
		fmt.Fprintln(progress, err)
		return report.Unknown
	}
	limit := patience
	if o.all {
		limit = patienceAll
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	all, err := o.verdicts(ctx)
	if err != nil {
		fmt.Fprintln(progress, "cannot say why:", err)
		return report.Unknown
	}
	if err := o.form(out, all, paint(out)); err != nil {
		fmt.Fprintln(progress, err)
		return report.Unknown
	}
	return report.Status(all)
}

// paint reports whether colours go to a terminal whose user has not said no (no-color.org).
func paint(out io.Writer) report.Paint {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
