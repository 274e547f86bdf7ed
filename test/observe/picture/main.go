// Command picture records what the dashboard shows of a real server, for the
// picture in docs/operations.md:
//
//	picture PROMETHEUS SERIES.json
//
// It runs a control plane, the built CoreDNS and the program PROMETHEUS on
// 127.0.0.1, asks questions and changes the cluster for four minutes, and then
// asks Prometheus for every query of deploy/grafana/dashboard.json. The working
// folder must be in the repository.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: picture PROMETHEUS SERIES.json")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// recording is all that is drawn.
type recording struct {
	Start  time.Time  `json:"start"`
	End    time.Time  `json:"end"`
	Events []event    `json:"events"`
	Panels []recorded `json:"panels"`
}

// event is a change of the cluster.
type event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

func run(ctx context.Context, program, file string) (err error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	panels, err := readPanels(filepath.Join(root, "deploy", "grafana", "dashboard.json"))
	if err != nil {
		return err
	}
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	p, err := startPrometheus(ctx, program, s.server.MetricsAddress(), s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.process.Kill()) }()

	made := recording{Start: time.Now()}
	if made.Events, err = s.play(ctx); err != nil {
		return err
	}
	made.End = time.Now()
	if made.Panels, err = p.record(ctx, panels, made.Start, made.End); err != nil {
		return err
	}
	return made.write(file, s.dir)
}

// write leaves out where this run had its files.
func (r *recording) write(file, dir string) error {
	for _, p := range r.Panels {
		for i := range p.Lines {
			p.Lines[i].Legend = strings.TrimPrefix(p.Lines[i].Legend, dir+string(filepath.Separator))
		}
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
