package main

import (
	"flag"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

var must = polltest.Must

// shared is the control plane of all tests that need one.
var shared cluster.Shared

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(shared.Main(m))
}
