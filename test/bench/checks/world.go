//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/checks/fleet"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"

	"github.com/miekg/dns"
)

// The server runs on one core, and all else on the other one.
const serverCore, otherCore = 0, 1

// perSlice is how many endpoints a slice has.
const perSlice = 100

// A service is one without selector.
type service struct {
	// namespace is one of many: of each, sixty targets are new at once, and one a second then.
	namespace int
	name      string
	// endpoints are the numbers of its targets.
	endpoints []int
	// check is the annotation; empty is none.
	check string
	// ported is how many of the first endpoints have the port that is checked; 0 is all.
	ported int
}

// of returns the numbers from first on.
func of(first, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = first + i
	}
	return all
}

func (s service) fqdn() string { return s.name + "." + s.in() + ".svc.cluster.local." }

func (s service) in() string { return fmt.Sprintf("team-%d", s.namespace) }

// world is a CoreDNS that serves Services from a folder.
type world struct {
	*coredns.Process
	dir string
	// address, pprof and metrics are where it listens.
	address, pprof, metrics string
}

// setting says how a CoreDNS checks.
type setting struct {
	services []service
	// lines are further ones of the stanza.
	lines string
}

// start returns a world that answers for the last endpoint of each Service.
func (b *bench) start(ctx context.Context, set setting) (_ *world, err error) {
	w := new(world)
	if w.dir, err = os.MkdirTemp("", "k8s_endpoints-checks-"); err != nil {
		return nil, err
	}
	if err := write(w.dir, set.services); err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	for _, address := range []*string{&w.address, &w.pprof, &w.metrics} {
		if *address, err = coredns.Address(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(w.dir))
		}
	}
	w.Process, err = coredns.Start(coredns.Program{Path: b.program, Core: serverCore, Corefile: w.corefile(set.lines)})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	for _, s := range set.services {
		if err := w.serves(ctx, s.fqdn()); err != nil {
			return nil, errors.Join(err, w.stop())
		}
	}
	return w, nil
}

func (w *world) corefile(lines string) string {
	host, port, _ := strings.Cut(w.address, ":")
	_, unasked, _ := strings.Cut(w.pprof, ":")
	return fmt.Sprintf(`.:%s {
    bind %s
    k8s_endpoints cluster.local {
        manifests %s
        %s
    }
}
unasked.:%s {
    bind 127.0.0.2
    pprof %s
    prometheus %s
}
`, port, host, w.dir, lines, unasked, w.pprof, w.metrics)
}

// checking is what a stanza says that checks all targets.
const checking = `checks on
        check_allow * to 10.0.0.0/8 ports 1-65535 kinds tcp redis`

func (w *world) stop() error { return errors.Join(w.Stop(), os.RemoveAll(w.dir)) }

// serves returns once the name has an answer.
func (w *world) serves(ctx context.Context, fqdn string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := w.Await(ctx, w.address, question(fqdn), 10*time.Millisecond, func(m *dns.Msg) error {
		if m.Rcode != dns.RcodeSuccess {
			return fmt.Errorf("it answers %s", dns.RcodeToString[m.Rcode])
		}
		return nil
	})
	return err
}

func question(fqdn string) *dns.Msg {
	q := new(dns.Msg).SetQuestion(fqdn, dns.TypeA)
	q.SetEdns0(4096, false)
	return q
}

// counter returns the sum of the series of a metric whose labels have a text.
func (w *world) counter(ctx context.Context, name, labels string) (float64, error) {
	return coredns.CounterWith(ctx, w.metrics, "coredns_k8s_endpoints_"+name, labels)
}

// dashed is the endpoint name of an address.
func dashed(addr string) string { return strings.ReplaceAll(addr, ".", "-") }

// write writes the manifests of Services, one file each.
func write(dir string, all []service) error {
	for _, s := range all {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		for _, object := range s.objects() {
			if err := encoder.Encode(object); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, s.name+".json"), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// object is one of the Kubernetes API.
type object = map[string]any

// port is the name of the port in the slice whose first endpoint that is.
func (s service) port(first int) string {
	if s.ported > 0 && first >= s.ported {
		return "other"
	}
	return "redis"
}

func (s service) objects() []object {
	meta := object{"name": s.name, "namespace": s.in()}
	if s.check != "" {
		meta["annotations"] = object{"k8s-endpoints.coredns.io/check": s.check}
	}
	all := []object{{"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": object{"clusterIP": "None"}}}
	for first := 0; first < len(s.endpoints); first += perSlice {
		var endpoints []object
		for _, i := range s.endpoints[first:min(first+perSlice, len(s.endpoints))] {
			endpoints = append(endpoints, object{"addresses": []string{fleet.Address(i).String()}})
		}
		all = append(all, object{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
			"metadata": object{
				"name": fmt.Sprintf("%s-%d", s.name, first), "namespace": s.in(),
				"labels": object{"kubernetes.io/service-name": s.name, "service.kubernetes.io/headless": ""},
			},
			"ports":     []object{{"name": s.port(first), "protocol": "TCP", "port": fleet.Port}},
			"endpoints": endpoints,
		})
	}
	return all
}
