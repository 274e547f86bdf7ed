package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"
)

func TestFlagsMayStandOnBothSidesOfTheName(t *testing.T) {
	for _, line := range []string{"web -n shop -o json", "-n shop web -o json", "-o json --namespace shop web", "--namespace=shop -o=json web"} {
		o, err := parse(strings.Fields(line), now, io.Discard)
		if err != nil || o.name != "web" || o.namespace != "shop" {
			t.Errorf("%s: got %+v and %v", line, o, err)
		}
	}
}

func TestMistakesAreSaid(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "give one name, not 0",
		"web db":                             "give one name, not 2",
		"web --all":                          "and not both",
		"--all --connect":                    "--all goes with none of",
		"web -o yaml":                        "the form is text, short or json",
		"web --at soon":                      "is no time",
		"web --at 10m --from 20m":            "give --at, or --from",
		"web --to 10m":                       "give --at, or --from",
		"web --from 10m --to 20m":            "is not before",
		"web --status 127.0.0.1:8053":        "is no URL",
		"web --status file:///etc/passwd":    "is no URL",
		"web --kube-dns 10.0.0.1:53:53":      "is not of the form",
		"web --pod":                          "flag needs an argument",
		"web --nonsense":                     "flag provided but not defined",
		"web --kubeconfig /does/not/exist":   "cannot use the kubeconfig",
		"a..b --no-cluster":                  `"a..b" is no name`,
		"web --kubeconfig testdata/nonsense": "cannot use the kubeconfig",
	} {
		t.Run(line, func(t *testing.T) {
			var out, said bytes.Buffer
			if status := run(t.Context(), strings.Fields(line), &out, &said); status != report.Unknown || out.Len() > 0 || !strings.Contains(said.String(), want) {
				t.Errorf("got %d, %q and %q, want %q", status, out.String(), said.String(), want)
			}
		})
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var said bytes.Buffer
	if _, err := parse([]string{"--help"}, now, &said); !errors.Is(err, flag.ErrHelp) || !strings.Contains(said.String(), "kubectl why-dns NAME") {
		t.Errorf("got %v and %q", err, said.String())
	}
}

func TestAddressesMayGoWithoutAPort(t *testing.T) {
	for given, want := range map[string]string{"10.96.0.10": "10.96.0.10:53", "10.96.0.10:5353": "10.96.0.10:5353", "fd00::a": "[fd00::a]:53", "localhost": "localhost:53"} {
		if o, err := parse([]string{"web", "--kube-dns", given}, now, io.Discard); err != nil || o.kubeDNS != want {
			t.Errorf("%s: got %+v and %v", given, o, err)
		}
	}
}

// Without anybody to ask, nothing is found out, and that is said.
func TestNobodyToAsk(t *testing.T) {
	var out, said bytes.Buffer
	status := run(t.Context(), []string{"web", "--no-cluster"}, &out, &said)
	want := "– not looked at: Pods, slices and Services (--no-cluster)\n– not looked at: answers and history (no server to ask: give --kube-dns or --status)\n"
	if status != report.Unknown || out.String() != want {
		t.Errorf("got %d and\n%s%s", status, out.String(), said.String())
	}
}
