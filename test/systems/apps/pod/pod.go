// Package pod is what the programs have in common: they tell the kubelet when they are ready,
// and end as they are told to.
//
// The environment says how: POD_NAME is the name of the Pod; WARM is how long after its start a
// program becomes ready, and DRAIN how long it serves on after SIGTERM, both as 1s or 200ms, and at
// once where they are unset.
package pod

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Name is the name of the Pod.
func Name() string { return os.Getenv("POD_NAME") }

// Serve answers at port 8080 until the program ends: /readyz with 200 while ready says so, and
// else with 503.
func Serve(ready func() bool) {
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}

// Warm returns a function that says whether the program has run for WARM.
func Warm() (ready func() bool) {
	at := time.Now().Add(duration("WARM"))
	return func() bool { return !time.Now().Before(at) }
}

// Drain ends the program DRAIN after SIGTERM.
func Drain() { AtTheEnd(func() { time.Sleep(duration("DRAIN")) }) }

// AtTheEnd has SIGTERM call last, and end the program after it.
func AtTheEnd(last func()) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told
		last()
		os.Exit(0)
	}()
}

// duration reads a variable of the environment, which may be unset.
func duration(variable string) time.Duration {
	text := os.Getenv(variable)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		log.Fatalf("%s: %v", variable, err)
	}
	return d
}

// PrintVersion prints the version of a module that is linked, such as v0.7.0, and ends the
// program, where its only argument is -version.
func PrintVersion(module string) {
	if len(os.Args) != 2 || os.Args[1] != "-version" {
		return
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		log.Fatal("the program does not know what it is built of")
	}
	for _, each := range info.Deps {
		if each.Path == module {
			fmt.Println(each.Version)
			os.Exit(0)
		}
	}
	log.Fatalf("%s is not linked", module)
}
