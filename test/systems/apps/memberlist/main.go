// Command memberlist joins a cluster of memberlist by the name of a Service, host:port in the
// environment as JOIN. It does so as Serf, Loki and Mimir do: at the start, again after a second
// until it has met somebody, and never after that. It is ready then. GET /members at port 8080
// has a line for each member, with its name and its address.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

const (
	retry = time.Second
	leave = 2 * time.Second
)

func main() {
	pod.PrintVersion("github.com/hashicorp/memberlist")
	cluster, err := memberlist.Create(config())
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/members", func(w http.ResponseWriter, _ *http.Request) {
		for _, each := range cluster.Members() {
			fmt.Fprintln(w, each.Name, each.Addr)
		}
	})
	var joined atomic.Bool
	go pod.Serve(joined.Load)
	pod.AtTheEnd(func() {
		if err := cluster.Leave(leave); err != nil {
			log.Print(err)
		}
	})
	join(cluster)
	joined.Store(true)
	select {}
}

func config() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name = pod.Name()
	c.BindAddr = os.Getenv("POD_IP")
	c.AdvertiseAddr = c.BindAddr
	// A name that comes back with another address is else refused for good by those that took
	// it for dead. Consul and Serf have such a time, too.
	c.DeadNodeReclaimTime = time.Second
	// Two clusters that get each other's addresses are else one.
	c.Label = os.Getenv("NAMESPACE")
	c.Logger = log.New(os.Stderr, "", log.Lmicroseconds)
	return c
}

// join returns when somebody was met, this member included.
func join(cluster *memberlist.Memberlist) {
	for begun := time.Now(); ; time.Sleep(retry) {
		met, err := cluster.Join([]string{os.Getenv("JOIN")})
		log.Printf("after %v: met %d, %v", time.Since(begun), met, err)
		if met > 0 {
			return
		}
	}
}
