// Command peerlist replays what peer-finder and Percona's peer-list do, which cannot be had as
// modules: each second it asks for the SRV records of the bare name of a Service, SERVICE in the
// environment, by the search path. It is ready when its own name, below the name of the Service,
// OWN, is among the targets. GET /peers at port 8080 has a line for each target.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

const period = time.Second

func main() {
	var peers atomic.Pointer[[]string]
	peers.Store(new([]string))
	http.HandleFunc("/peers", func(w http.ResponseWriter, _ *http.Request) {
		for _, each := range *peers.Load() {
			fmt.Fprintln(w, each)
		}
	})
	own := os.Getenv("OWN")
	go pod.Serve(func() bool { return slices.Contains(*peers.Load(), own) })
	pod.Drain()
	for ; ; time.Sleep(period) {
		found, err := targets(os.Getenv("SERVICE"))
		log.Printf("%d targets, %v", len(found), err)
		if err == nil {
			peers.Store(&found)
		}
	}
}

// targets returns the targets of a Service's SRV records in order, without the last dot.
func targets(service string) ([]string, error) {
	_, records, err := net.DefaultResolver.LookupSRV(context.Background(), "", "", service)
	var all []string
	for _, each := range records {
		all = append(all, strings.TrimSuffix(each.Target, "."))
	}
	slices.Sort(all)
	return all, err
}
