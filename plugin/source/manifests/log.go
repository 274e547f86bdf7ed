package manifests

import clog "github.com/coredns/coredns/plugin/pkg/log"

var log = clog.NewWithPlugin("k8s_endpoints")
