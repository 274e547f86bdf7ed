package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

const (
	connectAgain = time.Second
	selection    = 3 * time.Second
	askEach      = 50 * time.Millisecond
	askLimit     = 4 * time.Second
)

// view is what the driver knows, as GET /view says it in JSON.
type view struct {
	mu sync.Mutex
	// Hosts are those of the driver's topology, by their first labels, and the kind of each.
	Hosts map[string]string
	// Removed are the hosts that the topology has lost again, in order.
	Removed []string
	// Asked counts requests, and Failed those without an answer.
	Asked, Failed int
	Last          string
}

// watch connects, and asks until the program ends.
func watch(uri string) {
	v := &view{Hosts: make(map[string]string)}
	http.HandleFunc("/view", v.show)
	go pod.Serve(func() bool { return true })
	pod.Drain()
	client := connect(uri, v)
	for ; ; time.Sleep(askEach) {
		v.note(ask(client))
	}
}

// connect returns when the driver takes what DNS says: it looks the SRV and TXT records up
// before it returns, and an error of that is final for it.
func connect(uri string, v *view) *mongo.Client {
	for ; ; time.Sleep(connectAgain) {
		// Options keep an error for good.
		client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(selection).
			SetServerMonitor(&event.ServerMonitor{TopologyDescriptionChanged: v.changed}))
		if err == nil {
			return client
		}
		log.Print(err)
	}
}

func ask(client *mongo.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	return client.Database("admin").RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err()
}

func (v *view) changed(e *event.TopologyDescriptionChangedEvent) {
	hosts := make(map[string]string)
	for _, each := range e.NewDescription.Servers {
		name, _, _ := strings.Cut(each.Addr.String(), ".")
		hosts[name] = each.Kind
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.Hosts {
		if _, stays := hosts[name]; !stays {
			v.Removed = append(v.Removed, name)
		}
	}
	v.Hosts = hosts
	fmt.Println(time.Now().Format(time.StampMilli), e.NewDescription.Kind, hosts)
}

func (v *view) note(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Asked++
	if err != nil {
		v.Failed++
		v.Last = err.Error()
		log.Print(err)
	}
}

func (v *view) show(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}
