package endpoints

import (
	"slices"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"pgregory.net/rapid"
)

// With topology observe, whatever is asked is answered as with topology off.
func TestObservingTopologyChangesNoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanza(t)
		s.MaxAnswers = rapid.SampledFrom([]int{0, 3}).Draw(t, "max_answers")
		cluster := drawLargeService(t)
		byTopology(t, s, cluster)
		var servers []wholeServer
		for _, mode := range []topology.Mode{topology.Off, topology.Observe} {
			of := *s
			of.Settings.Topology.Mode = mode
			servers = append(servers, newServer(&of, syncedWith(of.Settings, cluster.changes())))
		}
		for range rapid.IntRange(1, 8).Draw(t, "questions") {
			asked := drawLargeQuestion(t).SetEdns0(uint16(rapid.IntRange(512, 4096).Draw(t, "size")), false)
			var replies []*client
			for _, server := range servers {
				r := asked.Copy()
				c := &client{ResponseWriter: test.ResponseWriter{}}
				if _, err := server.h.ServeDNS(c.context(), request.NewScrubWriter(r, c), r); err != nil {
					t.Fatal(err)
				}
				replies = append(replies, c)
			}
			want, got := replies[0], replies[1]
			if got.passed != want.passed || len(got.replies) != len(want.replies) {
				t.Fatalf("%v: passed on %t, want %t", asked, got.passed, want.passed)
			}
			if len(want.replies) == 0 {
				continue
			}
			if got.replies[0].MsgHdr != want.replies[0].MsgHdr || optOf(got.replies[0]) != optOf(want.replies[0]) {
				t.Fatalf("%v: got\n%v\nwant\n%v", asked, got.replies[0], want.replies[0])
			}
			if got, want := written(got.replies[0]), written(want.replies[0]); !slices.Equal(got.answer, want.answer) || !slices.Equal(got.authority, want.authority) {
				t.Fatalf("%v: got\n%v\nwant\n%v", asked, got, want)
			}
		}
	})
}
