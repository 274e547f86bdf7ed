// Package dnsperf runs DNS-OARC's load generator of that name.
package dnsperf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Load is a server, and the questions that dnsperf asks it.
type Load struct {
	// Address of the server, as host:port.
	Address string
	// Questions is a file that Write wrote.
	Questions string
	Duration  time.Duration
	// Core is the one that dnsperf runs on.
	Core int
}

// The clients and their outstanding queries of every load.
const (
	clients     = "20"
	outstanding = "200"
)

// Result has the figures that dnsperf prints.
type Result struct {
	PerSecond float64
	// Answered is the number of questions that were answered.
	Answered int
	// ResponseBytes is the mean size of a response.
	ResponseBytes float64
	Lost          int
}

// Write writes a file of questions in wire format: only so does dnsperf send
// their EDNS buffer size.
func Write(file string, questions ...*dns.Msg) error {
	var stream []byte
	for _, q := range questions {
		wire, err := q.Pack()
		if err != nil {
			return err
		}
		stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(wire))), wire...)
	}
	return os.WriteFile(file, stream, 0o600)
}

// Run runs dnsperf. Responses other than NOERROR are an error: they would not
// be what the figures say.
func Run(ctx context.Context, l Load) (Result, error) {
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return Result{}, err
	}
	args := []string{
		"-c", strconv.Itoa(l.Core), "dnsperf", "-B", "-d", l.Questions, "-s", host, "-p", port,
		"-c", clients, "-q", outstanding, "-l", strconv.FormatFloat(l.Duration.Seconds(), 'f', -1, 64),
	}
	out, err := exec.CommandContext(ctx, "taskset", args...).CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("taskset %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	r, err := parse(string(out))
	if err != nil {
		return Result{}, fmt.Errorf("%w in what dnsperf says of %s:\n%s", err, l.Address, out)
	}
	return r, nil
}

var (
	perSecond = regexp.MustCompile(`(?m)^ *Queries per second: +([0-9.]+)$`)
	completed = regexp.MustCompile(`(?m)^ *Queries completed: +([0-9]+) `)
	lost      = regexp.MustCompile(`(?m)^ *Queries lost: +([0-9]+) `)
	codes     = regexp.MustCompile(`(?m)^ *Response codes: +(.*)$`)
	sizes     = regexp.MustCompile(`(?m)^ *Average packet size: +request [0-9]+, response ([0-9.]+)$`)
)

func parse(out string) (Result, error) {
	var r Result
	var err error
	number := func(of *regexp.Regexp) float64 {
		found := of.FindStringSubmatch(out)
		if found == nil {
			err = errors.Join(err, fmt.Errorf("no match of %s", of))
			return 0
		}
		value, failed := strconv.ParseFloat(found[1], 64)
		err = errors.Join(err, failed)
		return value
	}
	r.PerSecond, r.ResponseBytes = number(perSecond), number(sizes)
	r.Answered, r.Lost = int(number(completed)), int(number(lost))
	found := codes.FindStringSubmatch(out)
	if found == nil || !strings.HasPrefix(found[1], "NOERROR ") || strings.Contains(found[1], ",") {
		err = errors.Join(err, errors.New("responses other than NOERROR"))
	}
	return r, err
}
