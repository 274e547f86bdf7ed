package cause

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// client judges how the client asks.
func (j *judgement) client() {
	c := &j.Client
	if !c.Known {
		return
	}
	j.resolver()
	if c.Mesh != "" {
		j.say(why.CauseResolverMesh, c.Source, c.Mesh)
	}
	if !j.Question.Address.IsValid() {
		j.search()
	}
}

func (j *judgement) resolver() {
	c := &j.Client
	if c.Policy == "Default" && len(c.Nameservers) == 0 {
		j.blame(why.CauseResolverNode, c.Source, c.Policy).
			do("set dnsPolicy ClusterFirst, or ClusterFirstWithHostNet where it has hostNetwork, in the template of " + c.Source)
		return
	}
	if len(c.Nameservers) == 0 {
		return
	}
	first := c.Nameservers[0]
	switch address, err := netip.ParseAddr(first); {
	case first == j.Servers.Address:
	case err == nil && (address.IsLinkLocalUnicast() || address.IsLoopback()):
		j.say(why.CauseResolverCache, c.Source, first)
	case j.Servers.Address != "":
		j.say(why.CauseResolverOther, c.Source, first, j.Servers.Address)
	}
}

// search counts the names that a resolver tries before the right one.
func (j *judgement) search() {
	c, want := &j.Client, j.Question.Name()
	if len(c.Search) == 0 {
		return
	}
	tried := Candidates(j.Question.Typed, c.Search, c.Ndots)
	switch at := slices.Index(tried, want); {
	case at < 0:
		j.blame(why.CauseSearchWrong, c.Source, strings.TrimSuffix(tried[0], "."), strings.TrimSuffix(want, ".")).
			do("ask for " + want)
	case at > 0:
		names := count(at, "name") + " is asked"
		if at > 1 {
			names = count(at, "name") + " are asked"
		}
		j.say(why.CauseSearch, c.Ndots, names, strings.TrimSuffix(want, ".")).do("ask for " + want + " with the final dot")
	}
}

// Candidates are the names that a resolver asks for, in order, with their final dots (resolv.conf(5)).
func Candidates(typed string, search []string, ndots int) []string {
	typed = strings.ToLower(typed)
	if strings.HasSuffix(typed, ".") {
		return []string{typed}
	}
	var all []string
	for _, domain := range search {
		all = append(all, typed+"."+strings.Trim(strings.ToLower(domain), ".")+".")
	}
	if strings.Count(typed, ".") >= ndots {
		return slices.Insert(all, 0, typed+".")
	}
	return append(all, typed+".")
}
