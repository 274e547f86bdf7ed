package endpoints

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"pgregory.net/rapid"
)

func TestThePluginAnswersWhatTheModelDoes(t *testing.T) {
	for title, naming := range map[string]roster.Naming{"by hostname": roster.ByHostname, "by Pod name": roster.ByPodName} {
		t.Run(title, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s, cluster := drawStanza(t), drawCluster(t, poolVersions[0])
				s.Settings.Naming = naming
				server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
				for _, r := range drawQuestions(t, 200) {
					server.compare(t, n, r)
				}
			})
		})
	}
}

// What the model and random clusters found, in its smallest form.
func TestTheModelInHardCases(t *testing.T) {
	port := func(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
	}
	sql, dnsUDP, dnsTCP := port("sql", corev1.ProtocolTCP, 5432), port("dns", corev1.ProtocolUDP, 53), port("dns-tcp", corev1.ProtocolTCP, 53)
	for _, c := range []struct {
		name      string
		ports     []discoveryv1.EndpointPort
		endpoints []discoveryv1.Endpoint
		below     string
		qtype     uint16
	}{
		{
			"two ports of one number are one SRV record of the Service name",
			[]discoveryv1.EndpointPort{dnsUDP, dnsTCP}, []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}, "", dns.TypeSRV,
		},
		{
			"a hostname that looks like another endpoint's address is one target with it",
			[]discoveryv1.EndpointPort{sql},
			[]discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, Hostname: new("10-0-0-2")}, {Addresses: []string{"10.0.0.2"}}}, "", dns.TypeSRV,
		},
		{
			"a Pod's name that looks like another endpoint's address resolves to both",
			[]discoveryv1.EndpointPort{sql},
			[]discoveryv1.Endpoint{
				{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Name: "10-0-0-2"}},
				{Addresses: []string{"10.0.0.2"}},
			}, "_sql._tcp.", dns.TypeSRV,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := oneService(c.ports, c.endpoints)
			s := testStanza()
			server := newServer(s, synced(s.Settings.Naming, cluster.changes()))
			server.compare(t, cluster.model(s), new(dns.Msg).SetQuestion(c.below+"db.default.svc.cluster.local.", c.qtype))
		})
	}
}

// Two Pods swap their names: all that an answer for the Service name is made of
// stays the same.
func TestAChangeThatOnlyAnEndpointNameShows(t *testing.T) {
	pods := func(names ...string) drawnCluster {
		var endpoints []discoveryv1.Endpoint
		for i, name := range names {
			endpoints = append(endpoints, discoveryv1.Endpoint{
				Addresses: []string{fmt.Sprintf("10.0.0.%d", i+1)},
				TargetRef: &corev1.ObjectReference{Name: name},
			})
		}
		return oneService(nil, endpoints)
	}
	before, after := pods("one", "two"), pods("two", "one")
	s := testStanza()
	c := synced(s.Settings.Naming, before.changes())
	server := newServer(s, c)
	r := new(dns.Msg).SetQuestion("one.db.default.svc.cluster.local.", dns.TypeA)
	server.compare(t, before.model(s), r)
	c.Apply(after.changes())
	c.publish()
	server.compare(t, after.model(s), r)
}

// Every object goes through several states, in any order among the objects, in
// any batches, with and without a publication in between.
func TestOnlyTheLastStateOfEachObjectCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanza(t)
		var states []drawnCluster
		for _, versions := range poolVersions {
			states = append(states, drawCluster(t, versions))
		}
		var steps []string
		for _, state := range states {
			for _, key := range slices.Sorted(maps.Keys(state)) {
				if !slices.Contains(steps, key) {
					steps = append(steps, key, key, key)
				}
			}
		}
		steps = rapid.Permutation(steps).Draw(t, "steps")
		c := newCache(s.Settings, false)
		server, now, seen := newServer(s, c), make(drawnCluster), make(map[string]int)
		syncAt := rapid.IntRange(0, len(steps)).Draw(t, "synced after")
		for done := 0; done < len(steps); {
			size := rapid.IntRange(1, len(steps)-done).Draw(t, "batch")
			var batch []model.Change
			for _, key := range steps[done : done+size] {
				object := states[seen[key]][key]
				seen[key]++
				now[key] = object
				batch = append(batch, change(key, object))
			}
			c.Apply(batch)
			done += size
			if done >= syncAt {
				c.Synced()
			}
			if rapid.Bool().Draw(t, "publish") {
				c.publish()
				if done >= syncAt {
					server.compare(t, now.model(s), drawQuestion(t))
				}
			}
		}
		c.Synced()
		c.publish()
		n := states[len(states)-1].model(s)
		for _, r := range drawQuestions(t, 50) {
			server.compare(t, n, r)
		}
	})
}

// Whatever was there before: what is left out now is said to be so where a Service or what
// it has is denied, and nothing else is.
func TestReasonsKnowWhatIsLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, cluster := drawCluster(t, poolVersions[0]), drawCluster(t, poolVersions[1])
		for key := range before {
			if _, stays := cluster[key]; !stays {
				cluster[key] = before[key]
			}
		}
		s := testStanza()
		server := newServer(s, synced(s.Settings.Naming, before.changes(), cluster.changes()))
		for _, namespace := range poolNamespaces {
			for _, service := range poolServices {
				below := rapid.SampledFrom([]string{"", "nobody.", "_http._tcp.", "_none._tcp.", "a.b."}).Draw(t, "below")
				qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT}).Draw(t, "type")
				r := new(dns.Msg).SetQuestion(below+service+"."+namespace+".svc.cluster.local.", qtype).SetEdns0(1232, false)
				m := server.ask(t, r)
				if service, _ := cluster["Service "+namespace+"/"+service].(*corev1.Service); service != nil && naiveServes(service) && service.Spec.ExternalName != "" {
					continue
				}
				got := strings.Join(reasons(m), "; ")
				if want := cluster.leftOut(namespace, service); strings.Contains(got, "left out") != (want != "") || !strings.Contains(got, want) {
					t.Fatalf("%s %s: the reason is %q, want one with %q", r.Question[0].Name, dns.TypeToString[qtype], got, want)
				}
			}
		}
	})
}

// leftOut returns what reasons say of what is left out of a Service.
func (c drawnCluster) leftOut(namespace, name string) string {
	service, _ := c["Service "+namespace+"/"+name].(*corev1.Service)
	switch {
	case service == nil:
		return ""
	case service.Spec.ExternalName == notAName:
		return "the Service " + namespace + "/" + name + ` was left out: externalName "` + notAName + `"`
	case service.Spec.ClusterIP != corev1.ClusterIPNone:
		return ""
	}
	n := 0
	for _, object := range c {
		slice, ok := object.(*discoveryv1.EndpointSlice)
		if ok && slice.Namespace == namespace && slice.Labels[discoveryv1.LabelServiceName] == name && slice.AddressType == discoveryv1.AddressTypeFQDN {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 EndpointSlice was left out: type FQDN"
	}
	return fmt.Sprintf("%d EndpointSlices were left out, the first: type FQDN", n)
}

func TestAnswersMayBeChangedByWhoeverGetsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawCluster(t, poolVersions[0])
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for _, r := range drawQuestions(t, 20) {
			m := server.ask(t, r.Copy())
			if m == nil {
				continue
			}
			for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
				for _, rr := range *section {
					*rr.Header() = dns.RR_Header{Name: "changed.", Rrtype: dns.TypeNULL, Class: dns.ClassANY, Ttl: 99}
				}
				clear(*section)
				*section = append((*section)[:0], nil, nil)
			}
			m.Question[0].Name = "changed."
			server.compare(t, n, r)
		}
	})
}
