package endpoints

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
)

// A page of a large cluster costs about as much as one of a small one, and is as large: lists
// have pages. What is measured is the whole request, of a browser on this machine.
//
//	go test -run '^$' -bench StatusPage .
func BenchmarkStatusPage(b *testing.B) {
	large := func(b testing.TB) *night {
		n := newNight(b, "publish serving\npod_names all")
		var changes []model.Change
		for i := range 10_000 {
			namespace, name := fmt.Sprintf("ns-%d", i%100), fmt.Sprintf("service-%d", i)
			conditions := "rrrrrrrrrr"
			if i%100 == 0 {
				conditions = "rrrrrrrrr-"
			}
			changes = append(changes, headlessService(namespace, name), pods(namespace, name, conditions))
		}
		n.at("03:00:00", changes...)
		n.cache.Synced()
		n.cache.publish()
		// A hundred of them are in trouble, and have a past.
		for minute := range 30 {
			changes = changes[:0]
			for i := 0; i < 10_000; i += 100 {
				conditions := []string{"rrrrrrrr--", "rrrrrrrrr-"}[minute%2]
				changes = append(changes, pods(fmt.Sprintf("ns-%d", i%100), fmt.Sprintf("service-%d", i), conditions))
			}
			n.at(fmt.Sprintf("03:%02d:00", minute+1), changes...)
		}
		return n
	}
	busy := func(b testing.TB) *night {
		n := newNight(b, "publish serving\npod_names all")
		n.at("02:00:00", headlessService("shop", "large"), thousand(0))
		n.cache.Synced()
		n.cache.publish()
		// An hour of ten changes a second.
		for i := range 36_000 {
			n.now = n.now.Add(100 * time.Millisecond)
			n.cache.Apply([]model.Change{thousand(i + 1)})
			n.cache.publish()
		}
		return n
	}
	for _, bench := range []struct {
		name, path string
		of         func(testing.TB) *night
	}{
		{"overview of 10000 Services", "/", large},
		{"list of 10000 Services", "/services", large},
		{"search in 10000 Services", "/services?q=service-99", large},
		{"Service of 1000 endpoints after 36000 changes", "/services/shop/large", busy},
	} {
		var server *status.Server
		b.Run(bench.name, func(b *testing.B) {
			if server == nil {
				n := bench.of(b)
				var err error
				if server, err = status.Listen(netip.MustParseAddrPort("127.0.0.1:0"), ofTime{n}); err != nil {
					b.Fatal(err)
				}
			}
			size := 0
			for b.Loop() {
				r, err := http.NewRequest(http.MethodGet, "http://"+server.Addr().String()+bench.path, nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Accept", "text/html")
				response, err := http.DefaultClient.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				page, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(response.Status, err)
				}
				size = len(page)
			}
			b.ReportMetric(float64(size)/1000, "KB")
		})
		if server != nil {
			server.End()
		}
	}
}

// thousand is a slice of a thousand endpoints, each of which is down in turn.
func thousand(turn int) model.Change {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: "shop", Name: "large-x"}, Service: "large", Version: uint64(turn), Ports: []model.Port{{Name: "http", Number: 80}}}
	for i := range 1000 {
		addr := netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)})
		is := model.Ready | model.Serving
		if turn > 0 && i == turn/2*7%1000 && turn%2 == 1 {
			is = 0
		}
		s.Endpoints = append(s.Endpoints, model.Endpoint{Address: addr, Hostname: fmt.Sprintf("large-%d", i), ID: addr.As16(), Conditions: is})
	}
	return model.SliceChange(s)
}
