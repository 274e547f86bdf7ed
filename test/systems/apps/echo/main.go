// Command echo answers each request at port 8080 with the name of its Pod, and closes the
// connection.
package main

import (
	"fmt"
	"net/http"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprintln(w, pod.Name())
	})
	pod.Drain()
	pod.Serve(pod.Warm())
}
