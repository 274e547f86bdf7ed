package main

import (
	"context"
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

const directive = "ceiling"

func init() { plugin.Register(directive, setup) }

// anew is the option that makes the records of each answer anew.
const anew = "anew"

// setup reads `ceiling FILE [anew]`. The file is a message in wire format.
func setup(c *caddy.Controller) error {
	var args []string
	for c.Next() {
		args = append(args, c.RemainingArgs()...)
	}
	if len(args) != 1 && !(len(args) == 2 && args[1] == anew) {
		return plugin.Error(directive, c.ArgErr())
	}
	wire, err := os.ReadFile(args[0])
	if err != nil {
		return plugin.Error(directive, err)
	}
	sample := new(dns.Msg)
	if err := sample.Unpack(wire); err != nil {
		return plugin.Error(directive, c.Errf("%s: %v", args[0], err))
	}
	h := newHandler(sample)
	h.anew = len(args) == 2
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler { return h })
	return nil
}

// handler answers every question with the same records.
type handler struct {
	rcode         int
	truncated     bool
	answer, extra []dns.RR
	// anew makes no two answers share records. Plugins between this one and the
	// server may write into them, and some do.
	anew bool
}

func newHandler(sample *dns.Msg) *handler {
	h := &handler{rcode: sample.Rcode, truncated: sample.Truncated, answer: sample.Answer}
	for _, rr := range sample.Extra {
		// The server adds one of its own.
		if rr.Header().Rrtype != dns.TypeOPT {
			h.extra = append(h.extra, rr)
		}
	}
	// The server's EDNS record must not go into the memory that all answers
	// share.
	h.extra = h.extra[:len(h.extra):len(h.extra)]
	return h
}

// Name implements plugin.Handler.
func (h *handler) Name() string { return directive }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Rcode, m.Authoritative, m.Truncated = h.rcode, true, h.truncated
	m.Answer, m.Extra = h.answer, h.extra
	if h.anew {
		m.Answer = copied(h.answer)
	}
	if err := w.WriteMsg(m); err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// copied copies address records into one block of memory: no other records are
// asked for anew. The addresses stay shared, since nobody writes into them.
func copied(all []dns.RR) []dns.RR {
	block, made := make([]dns.A, len(all)), make([]dns.RR, len(all))
	for i, rr := range all {
		block[i] = *rr.(*dns.A)
		made[i] = &block[i]
	}
	return made
}
