// Command mongo is MongoDB's own driver, and a server that it takes for a mongos:
//
//	mongo -version       prints the version of the driver
//	mongo serve          stands in for a mongos, at port 27017
//	mongo watch URI      connects by the URI, asks all the time, and says at port 8080 what it knows
//
// Read client.go first, then server.go and message.go, which know as much of the protocol as the
// driver needs to believe them.
package main

import (
	"log"
	"os"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

func main() {
	pod.PrintVersion("go.mongodb.org/mongo-driver/v2")
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "serve":
		log.Fatal(serve())
	case len(args) == 2 && args[0] == "watch":
		watch(args[1])
	default:
		log.Fatalf("%q: want -version, serve, or watch URI", strings.Join(args, " "))
	}
}
