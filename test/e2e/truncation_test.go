package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// many is how many endpoints the Service many has.
const many = 300

// runMany creates the Service many, and waits until it is answered whole. It
// returns its addresses.
func (p *place) runMany(t *testing.T, s *server.Server) []string {
	t.Helper()
	ctx := within(t)
	ports := []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432)}
	var addresses []string
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "many", nil)))
	const perSlice = 100
	for first := 0; first < many; first += perSlice {
		var some []string
		for host := first; host < first+perSlice; host++ {
			some = append(some, fmt.Sprintf("10.2.%d.%d", p.network, host%250+1))
			if host >= 250 {
				some[len(some)-1] = fmt.Sprintf("10.3.%d.%d", p.network, host%250+1)
			}
		}
		must(t, p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, fmt.Sprintf("many-%d", first), "many", ports, some...)))
		addresses = append(addresses, some...)
	}
	name := p.name("many")
	wantSoon(t, s, question{name: name, qtype: "A", args: []string{"+tcp"}, want: found(at(name, addresses...)...)})
	return addresses
}

// datagram asks once over UDP and returns the answer and its size in bytes.
func datagram(t *testing.T, s *server.Server, name string, qtype uint16, bufsize uint16) (*dns.Msg, int) {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype)
	if bufsize > 0 {
		q.SetEdns0(bufsize, false)
	}
	packed, err := q.Pack()
	must(t, err)
	c, err := net.Dial("udp", s.Address())
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(answerTimeout)))
	_, err = c.Write(packed)
	must(t, err)
	buffer := make([]byte, dns.MaxMsgSize)
	n, err := c.Read(buffer)
	must(t, err)
	m := new(dns.Msg)
	must(t, m.Unpack(buffer[:n]))
	return m, n
}

// wantPart fails the test where the records are not different ones of all.
func wantPart(t *testing.T, records, all []string) {
	t.Helper()
	if different := slices.Compact(slices.Sorted(slices.Values(records))); len(different) != len(records) {
		t.Errorf("%d of %d records are different ones", len(different), len(records))
	}
	for _, record := range records {
		if !slices.Contains(all, record) {
			t.Errorf("got the record %s, which is none of the Service's", record)
		}
	}
}

func TestAnAnswerCarriesWhatFits(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	addresses := p.runMany(t, s)
	name, alias := p.name("many"), p.external(t, "alias", p.name("many"))
	all := at(name, addresses...)
	wantSoon(t, s, question{name: alias, qtype: "A", args: []string{"+tcp"}, want: found(append([]string{cname(alias, name)}, all...)...)})

	for _, bufsize := range []uint16{0, 512, 1232, 4096} {
		t.Run(fmt.Sprintf("bufsize %d", bufsize), func(t *testing.T) {
			size := max(int(bufsize), dns.MinMsgSize)
			m, n := datagram(t, s, name, dns.TypeA, bufsize)
			const sizeA = 16
			if n > size || n+sizeA <= size {
				t.Errorf("the answer has %d bytes, want all of the %d that another record does not fit into", n, size)
			}
			wantTruncated(t, m)
			wantPart(t, texts(m.Answer), all)

			m, n = datagram(t, s, alias, dns.TypeA, bufsize)
			if n > size {
				t.Errorf("the answer for an alias has %d bytes, want at most %d", n, size)
			}
			wantTruncated(t, m)
			if got := texts(m.Answer); got[0] != cname(alias, name) || len(got) < 2 {
				t.Errorf("got %v, want the alias and addresses", got)
			} else {
				wantPart(t, got[1:], all)
			}
		})
	}

	// dig asks again over TCP.
	got := s.MustDig(t, name, "A", "+bufsize=512")
	if !got.Truncated || !got.TCP {
		t.Errorf("got Truncated %t and TCP %t, want both", got.Truncated, got.TCP)
	}
	wantNow(t, s, question{name: name, qtype: "A", args: []string{"+bufsize=512"}, want: found(all...)})
}

func wantTruncated(t *testing.T, m *dns.Msg) {
	t.Helper()
	if !m.Truncated || m.Rcode != dns.RcodeSuccess || !m.Authoritative || len(m.Ns) > 0 {
		t.Errorf("got\n%s\nwant a truncated answer without more", m)
	}
}

func TestSRVRecordsOfManyEndpoints(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	addresses := p.runMany(t, s)
	name := p.name("_sql._tcp.many")
	var srvs, glue []string
	for _, address := range addresses {
		target := p.name(dashed(address) + ".many")
		srvs = append(srvs, srv(name, 5432, target))
		glue = append(glue, at(target, address)...)
	}
	m, n := datagram(t, s, name, dns.TypeSRV, 1232)
	if n > 1232 {
		t.Errorf("the answer has %d bytes, want at most 1232", n)
	}
	wantTruncated(t, m)
	if len(m.Answer) < 10 {
		t.Errorf("got %d records, want as many as fit", len(m.Answer))
	}
	wantPart(t, texts(m.Answer), srvs)
	if extra := texts(m.Extra); len(extra) > 0 {
		t.Errorf("got the additional records %q beside a part of the answer", extra)
	}
	wantNow(t, s, question{name: name, qtype: "SRV", args: []string{"+tcp"}, want: want{answer: srvs, additional: glue}})
}

func TestAdditionalRecordsAreDroppedFirst(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	// Four SRV records fit into 512 bytes, and not 16 addresses with them.
	slice := cluster.HandmadeSlice(p.namespace, "few-1", "few", []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432)})
	var srvs, glue []string
	for i := range 4 {
		hostname := fmt.Sprintf("few-%d", i)
		target := p.name(hostname + ".few")
		srvs = append(srvs, srv(p.name("_sql._tcp.few"), 5432, target))
		for j := range 4 {
			address := p.v4(10*i + j + 1)
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}, Hostname: &hostname})
			glue = append(glue, at(target, address)...)
		}
	}
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "few", nil)), p.CreateSlice(ctx, slice))
	name := p.name("_sql._tcp.few")
	wantSoon(t, s, question{name: name, qtype: "SRV", want: want{answer: srvs, additional: glue}})

	m, n := datagram(t, s, name, dns.TypeSRV, 512)
	if m.Truncated || n > 512 {
		t.Errorf("got TC %t and %d bytes, want no TC and at most 512", m.Truncated, n)
	}
	got := texts(m.Answer)
	slices.Sort(got)
	if strings.Join(got, "\n") != strings.Join(srvs, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(srvs, "\n"))
	}
	extra := texts(m.Extra)
	wantPart(t, extra, glue)
	if len(extra) >= len(glue) || len(extra)%4 != 0 {
		t.Errorf("got %d additional records, want all 4 of some targets", len(extra))
	}
}

func TestMaxAnswers(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	addresses := p.runMany(t, s)
	// The block of alone.test has max_answers 20.
	zone := p.namespace + ".svc.alone.test."
	name := "many." + zone
	all := atFor(30, name, addresses...)
	different := make(map[string]bool)
	for _, args := range [][]string{{"+tcp"}, {"+notcp"}, {"+tcp"}, {"+notcp", "+bufsize=4096"}} {
		got := s.MustDig(t, name, "A", append(args, "+ignore")...)
		if len(got.Answer) != 20 || strings.Join(got.Flags, " ") != owned || len(got.Authority)+len(got.Additional) > 0 {
			t.Errorf("%s: got %d records and the flags %s, want 20 and %s", args, len(got.Answer), got.Flags, owned)
		}
		if want := []string{fmt.Sprintf("0 (Other): (20 of %d addresses)", many)}; !slices.Equal(got.EDE, want) {
			t.Errorf("%s: got the reason %q, want %q", args, got.EDE, want)
		}
		wantPart(t, got.Answer, all)
		for _, record := range got.Answer {
			different[record] = true
		}
	}
	if len(different) != 20 {
		t.Errorf("four answers to one client had %d records, want the same 20", len(different))
	}
	got := s.MustDig(t, "_sql._tcp."+name, "SRV", "+tcp")
	if want := []string{fmt.Sprintf("0 (Other): (20 of %d SRV records)", many)}; len(got.Answer) != 20 || len(got.Additional) != 20 || !slices.Equal(got.EDE, want) {
		t.Errorf("got %d SRV records, %d additional ones and the reason %q, want 20 of each and %q", len(got.Answer), len(got.Additional), got.EDE, want)
	}
}
