package drivers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A resolver is a library that looks names up for programs.
type resolver struct {
	key, name string
	needs     []string
	// file is a program of testdata/lookups, "" for one that is there.
	file string
	// command asks, in a shell whose folder has the file: "$@" are questions as TYPE:NAME, and
	// what it prints is a line for each, with the question and the answers.
	command string
	// version is a command that prints it.
	version []string
	// asksOn says that it asks for AAAA records alone, and on by the search path where a name
	// has none.
	asksOn bool
	// types are those that it asks for.
	types          []string
	needed, beware string
}

var resolvers = []resolver{
	{
		key: "glibc", name: "glibc, getaddrinfo and getnameinfo", asksOn: true,
		needs: []string{"/usr/bin/getent"},
		command: `for each; do
			name=${each#*:}
			case $each in
			A:*) found=$(getent ahostsv4 $name | cut -d' ' -f1 | sort -u) ;;
			AAAA:*) found=$(getent ahostsv6 $name | cut -d' ' -f1 | grep -v ^::ffff: | sort -u) ;;
			PTR:*) found=$(getent hosts $name | tr -s ' ' | cut -d' ' -f2) ;;
			esac
			echo $each $found
		done`,
		version: []string{"getent", "--version"},
		types:   []string{"A", "AAAA", "PTR"},
		needed:  "A and AAAA, side by side, by the search path; a name that has one of them must be NODATA for the other, not NXDOMAIN.",
		beware:  "It keeps nothing, without nscd. `ndots:5` makes up to four questions of a short name.",
	},
	{
		key: "musl", name: "musl, getaddrinfo",
		needs: []string{"/usr/bin/musl-gcc"}, file: "lookup.c",
		command: `{ [ -x /mnt/lookup ] || musl-gcc -static -o /mnt/lookup lookup.c; } && /mnt/lookup "$@"`,
		version: []string{"sh", "-c", "$(ls /lib/ld-musl-*.so.1 | head -1) 2>&1; true"},
		types:   []string{"A", "AAAA"},
		needed:  "A and AAAA, side by side, by the search path.",
		beware:  "SERVFAIL for a name of the search path ends the look-up: it does not try the next one. A snapshot has such names denied while the API server is away.",
	},
	{
		key: "jvm", name: "JVM, InetAddress and JNDI",
		needs: []string{"/usr/lib/jvm/*/bin/java"}, file: "Lookup.java",
		command: `$(ls /usr/lib/jvm/*/bin/java | head -1) -XX:TieredStopAtLevel=1 Lookup.java "$@"`,
		version: []string{"sh", "-c", "$(ls /usr/lib/jvm/*/bin/java | head -1) --version"},
		types:   []string{"A", "AAAA", "SRV", "PTR"},
		needed:  "A and AAAA by way of the C library; SRV of whole names, by JNDI; PTR, and then A of that name, which has to be the same address.",
		beware:  "It keeps an address for 30 s and a denial for 10 s, whatever the TTL: `networkaddress.cache.ttl` and `networkaddress.cache.negative.ttl`. `patience` spares it early denials.",
	},
	{
		key: "node", name: "Node.js, dns.lookup and c-ares", asksOn: true,
		needs: []string{"/usr/bin/node"}, file: "lookup.js",
		command: `node lookup.js "$@"`,
		version: []string{"node", "--version"},
		types:   []string{"A", "AAAA", "SRV", "PTR"},
		needed:  "A and AAAA by way of the C library, which `dns.lookup` and all of `net` ask; SRV and PTR of whole names by c-ares.",
		beware:  "`dns.resolve` does not go by the search path.",
	},
	{
		key: "erlang", name: "Erlang, inet and inet_res", asksOn: true,
		needs: []string{"/usr/bin/erl"}, file: "lookup.erl",
		command: `$(ls /usr/bin/escript /usr/lib/erlang/bin/escript 2> /dev/null | head -1) lookup.erl "$@"`,
		version: []string{"erl", "-noshell", "-eval", `{ok, V} = file:read_file(filename:join([code:root_dir(), "releases", erlang:system_info(otp_release), "OTP_VERSION"])), io:put_chars(V), halt().`},
		types:   []string{"A", "AAAA", "SRV", "PTR"},
		needed:  "A and AAAA by way of the C library; SRV by `inet_res`, also of the bare name of a Service, as libcluster asks: its targets become the names of nodes.",
		beware:  "libcluster's DNSSRV strategy takes a part for the whole: `max_answers` must not cut.",
	},
}

// lookups are systems of which each looks the names of one Service up.
func lookups() (all []System) {
	for _, r := range resolvers {
		all = append(all, System{
			Key:      "lookups-" + r.key,
			Name:     r.name,
			Proof:    Real,
			Members:  3,
			Starts:   1,
			Needs:    append([]string{"echo"}, r.needs...),
			Workload: "StatefulSet/web",
			Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
				return versionOf(ctx, p, "client", r.version...)
			},
			Objects: r.objects,
			Whole:   r.whole,
			Lives: map[string]Bounds{
				Cold:      {Formed: 10 * time.Second},
				Staggered: {Formed: 12 * time.Second, Long: true},
				Ordered:   {Formed: 12 * time.Second, Long: true},
				Rolling:   {Formed: 10 * time.Second, Long: true},
				Drain:     {Formed: 10 * time.Second, Long: true},
				Reuse:     {Formed: 10 * time.Second, Long: true},
				Scale:     {Formed: 20 * time.Second, Long: true},
				Reload:    {Formed: 15 * time.Second, Long: true},
				Away:      {Formed: 10 * time.Second, Long: true, Restarts: 1},
				Together:  {Formed: 12 * time.Second, Long: true},
				Exchange:  {Formed: 20 * time.Second, Long: true},
				Outage:    r.outage(),
			},
			Needed: r.needed,
			Stanza: "The default.",
			Beware: r.beware,
		})
	}
	return all
}

// outage is what must hold while the API server is away and CoreDNS starts again.
func (r *resolver) outage() Bounds {
	// In make test only musl is asked, which takes a failure for an answer.
	b := Bounds{Formed: 12 * time.Second, Long: r.key != "musl", Restarts: 1, Answered: answered}
	if r.asksOn {
		b.Failed = 24
		b.Known = "for AAAA alone, which a name does not have, the C library asks on by the search path: web-0.web.svc.Z would be a Service with a cluster IP, and nobody knows then whether there is one"
	}
	return b
}

func (r *resolver) objects(at Place) (string, error) {
	if r.file != "" {
		program, err := testdata.ReadFile("testdata/lookups/" + r.file)
		if err != nil {
			return "", err
		}
		path := filepath.Join(at.Work, r.file)
		if err := errors.Join(os.WriteFile(path, program, 0o644), os.Chmod(path, 0o644)); err != nil {
			return "", err
		}
	}
	return manifest("lookups.yaml", at)
}

// whole compares what the client finds with the Pods that there are.
func (r *resolver) whole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "web-", want)
	if err != nil {
		return err
	}
	namespace, err := p.Exec(ctx, "client", "printenv", "NAMESPACE")
	if err != nil {
		return err
	}
	wanted := r.wanted(p, all, strings.TrimSpace(namespace))
	var questions []string
	for _, each := range wanted {
		questions = append(questions, each[0])
	}
	out, err := p.Exec(ctx, "client", append([]string{"sh", "-c", "cd $WORK && " + r.command, "lookup"}, questions...)...)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(wanted) {
		return fmt.Errorf("%d answers to %d questions: %s", len(lines), len(wanted), out)
	}
	for i, line := range lines {
		got := strings.Fields(line)
		if len(got) > 1 {
			slices.Sort(got[1:])
		}
		if !slices.Equal(got, wanted[i]) {
			return fmt.Errorf("got %q, want %q", got, wanted[i])
		}
	}
	return nil
}

// wanted are questions with their answers in order: of the Service by all names that the search
// path makes of it, of each Pod, of the port, and of each address.
func (r *resolver) wanted(p Pods, pods []string, namespace string) (all [][]string) {
	service := "web." + namespace + ".svc.cluster.local"
	var addresses, names []string
	for _, each := range pods {
		addresses = append(addresses, p.Address(each).String())
		names = append(names, each+"."+service)
	}
	slices.Sort(addresses)
	add := func(kind, name string, answers ...string) {
		if slices.Contains(r.types, kind) {
			all = append(all, append([]string{kind + ":" + name}, answers...))
		}
	}
	for _, name := range []string{"web", "web." + namespace, service} {
		add("A", name, addresses...)
		add("AAAA", name)
	}
	for i, each := range pods {
		address := p.Address(each).String()
		add("A", each+".web", address)
		add("AAAA", each+".web")
		add("A", names[i], address)
		add("PTR", address, names[i])
	}
	add("SRV", "_http._tcp."+service, names...)
	add("SRV", service, names...)
	return all
}
