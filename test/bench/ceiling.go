package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"

	"github.com/miekg/dns"
)

// ceilingServer is a server with the plugin ceiling.
type ceilingServer struct {
	*coredns.Process
	pprof string
}

// doors are the addresses of a ceiling for one case. The one with records made
// anew is empty where no figure needs it.
type doors struct{ shared, anew string }

// startCeiling starts one server with a port for each case, where it sends the
// answer that ours gives now.
func startCeiling(ctx context.Context, program, dir, ours string, cases []queryCase) (*ceilingServer, []doors, error) {
	var corefile strings.Builder
	pprof, err := coredns.Address()
	if err != nil {
		return nil, nil, err
	}
	open := func(args string) (string, error) {
		address, err := coredns.Address()
		corefile.WriteString(block(address, "pprof "+pprof, "ceiling "+args))
		return address, err
	}
	all := make([]doors, len(cases))
	for i, c := range cases {
		sample, err := coredns.Ask(ctx, ours, c.question)
		if err != nil {
			return nil, nil, err
		}
		wire, err := sample.Pack()
		if err != nil {
			return nil, nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("answer-%d", i))
		if err := os.WriteFile(file, wire, 0o600); err != nil {
			return nil, nil, err
		}
		if all[i].shared, err = open(file); err != nil {
			return nil, nil, err
		}
		if c.name == "A" && c.client == clientEDNS {
			if all[i].anew, err = open(file + " anew"); err != nil {
				return nil, nil, err
			}
		}
	}
	process, err := coredns.Start(coredns.Program{Path: program, Corefile: corefile.String(), Core: serverCore})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	last := len(cases) - 1
	_, err = process.Await(ctx, all[last].shared, cases[last].question, step, func(*dns.Msg) error { return nil })
	if err != nil {
		return nil, nil, errors.Join(err, process.Stop())
	}
	return &ceilingServer{process, pprof}, all, nil
}
