package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// An Answer is an answer as dig printed it. Records are in the order in which
// they came, each in the form `example.org. 5 IN A 192.0.2.1`, with the TTL in
// seconds and single spaces.
type Answer struct {
	// Status is the response code, such as NOERROR or NXDOMAIN.
	Status string
	// Flags are those of the header, such as qr, aa, tc, rd.
	Flags []string
	// UDPSize is the size of the EDNS of the answer, in bytes; 0 is no EDNS.
	UDPSize int
	// EDE holds the Extended DNS Errors (RFC 8914) as dig shows them, such as
	// `14 (Not Ready): (no sync yet)`.
	EDE []string
	// Subnet is the EDNS Client Subnet (RFC 7871) of the answer, as address, length and scope:
	// 10.0.1.0/24/24; empty is none.
	Subnet string
	// Question is name, class and type, such as `example.org. IN A`.
	Question                      string
	Answer, Authority, Additional []string
	// Truncated says that the answer over UDP had the flag TC. Without the
	// argument +ignore dig then asks again over TCP: Flags and records are
	// those of the answer over TCP.
	Truncated bool
	// TCP says that this answer came over TCP.
	TCP bool
}

// HasFlag reports whether the header has the flag, such as aa.
func (a *Answer) HasFlag(flag string) bool {
	for _, f := range a.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// String writes the whole answer, for a comparison: a line for the status and
// the flags, and one for each Extended DNS Error, the client's subnet, the question and each
// record. It leaves out the size of EDNS and the transport.
func (a *Answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", a.Status, strings.Join(a.Flags, " "))
	for _, e := range a.EDE {
		fmt.Fprintln(&b, "ede", e)
	}
	if a.Subnet != "" {
		fmt.Fprintln(&b, "subnet", a.Subnet)
	}
	fmt.Fprintln(&b, "question", a.Question)
	for _, s := range []struct {
		name    string
		records []string
	}{{"answer", a.Answer}, {"authority", a.Authority}, {"additional", a.Additional}} {
		for _, record := range s.records {
			fmt.Fprintln(&b, s.name, record)
		}
	}
	return b.String()
}

// A parser reads the lines that dig prints.
type parser struct {
	Answer
	counts  map[string]int
	section string
}

func parse(out string) (*Answer, error) {
	p := parser{counts: make(map[string]int)}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("cannot read the line %q of dig: %w", line, err)
		}
	}
	return &p.Answer, p.check()
}

func (p *parser) line(line string) error {
	if line == "" {
		p.section = ""
		return nil
	}
	for _, kind := range lineKinds {
		if rest, ok := strings.CutPrefix(line, kind.prefix); ok {
			return kind.read(p, rest)
		}
	}
	switch {
	case strings.HasSuffix(line, " SECTION:"):
		p.section = strings.TrimSuffix(strings.TrimPrefix(line, ";; "), " SECTION:")
		return nil
	case p.section == "QUESTION":
		p.Question = strings.Join(strings.Fields(strings.TrimPrefix(line, ";")), " ")
		return nil
	case p.section == "", strings.HasPrefix(line, ";"):
		return nil
	}
	return p.record(line)
}

// lineKinds are the lines outside of the sections of records, and how each is
// read.
var lineKinds = []struct {
	prefix string
	read   func(p *parser, rest string) error
}{
	{";; ->>HEADER<<- ", (*parser).header},
	{";; flags: ", (*parser).flags},
	{"; EDNS: ", (*parser).edns},
	{"; EDE: ", (*parser).ede},
	{"; CLIENT-SUBNET: ", (*parser).subnet},
	{";; SERVER: ", (*parser).server},
	{";; Truncated, retrying in TCP mode", (*parser).retried},
}

func (p *parser) header(rest string) error {
	if p.Status != "" {
		return errors.New("this is a second message; only one can be read")
	}
	_, status, _ := strings.Cut(rest, "status: ")
	p.Status, _, _ = strings.Cut(status, ",")
	return nil
}

// flags reads `qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1`.
func (p *parser) flags(rest string) error {
	flags, counts, _ := strings.Cut(rest, ";")
	p.Flags = strings.Fields(flags)
	p.Truncated = p.Truncated || p.HasFlag("tc")
	for count := range strings.SplitSeq(counts, ",") {
		section, number, _ := strings.Cut(strings.TrimSpace(count), ": ")
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		p.counts[section] = n
	}
	return nil
}

// edns reads `version: 0, flags: do; udp: 1232`.
func (p *parser) edns(rest string) (err error) {
	_, size, _ := strings.Cut(rest, "udp: ")
	p.UDPSize, err = strconv.Atoi(strings.TrimSpace(size))
	// The pseudo record is counted with the additional ones, and not shown
	// among them.
	p.counts["ADDITIONAL"]--
	return err
}

func (p *parser) ede(rest string) error {
	p.EDE = append(p.EDE, rest)
	return nil
}

func (p *parser) subnet(rest string) error {
	p.Subnet = rest
	return nil
}

func (p *parser) server(rest string) error {
	p.TCP = strings.HasSuffix(rest, "(TCP)")
	return nil
}

func (p *parser) retried(string) error {
	p.Truncated = true
	return nil
}

func (p *parser) record(line string) error {
	rr, err := dns.NewRR(line)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(rr.String(), "\t", " ")
	switch p.section {
	case "ANSWER":
		p.Answer.Answer = append(p.Answer.Answer, text)
	case "AUTHORITY":
		p.Authority = append(p.Authority, text)
	case "ADDITIONAL":
		p.Additional = append(p.Additional, text)
	default:
		return fmt.Errorf("there is no section %s", p.section)
	}
	return nil
}

// check compares the numbers of records with the counts in the header.
func (p *parser) check() error {
	if p.Status == "" {
		return errors.New("dig printed no header of an answer")
	}
	for section, records := range map[string][]string{
		"ANSWER": p.Answer.Answer, "AUTHORITY": p.Authority, "ADDITIONAL": p.Additional,
	} {
		if len(records) != p.counts[section] {
			return fmt.Errorf("read %d records of the section %s, where its header says %d", len(records), section, p.counts[section])
		}
	}
	return nil
}
