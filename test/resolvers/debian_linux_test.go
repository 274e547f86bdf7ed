package resolvers

import (
	"errors"
	"os"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/network"
)

// The resolvers. What is set here and is no default only lets them run beside each
// other and as root, and ask loopback addresses and reverse zones of private ones.
var (
	unbound = resolver{
		name: "Unbound", program: "unbound", version: "-V",
		args: []string{"-d", "-c", "DIR/unbound.conf"},
		files: map[string]string{"DIR/unbound.conf": `server:
    interface: 127.0.0.1
    port: LISTEN
    username: ""
    chroot: ""
    directory: "DIR"
    pidfile: "DIR/unbound.pid"
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    unblock-lan-zones: yes
    insecure-lan-zones: yes
    num-threads: 1
remote-control:
    control-enable: no
SOURCE
`},
		forward: `forward-zone:
    name: "."
    forward-addr: HOST@PORT`,
		iterate: `server:
    root-hints: "DIR/hints"`,
	}

	dnsmasq = resolver{
		name: "dnsmasq", program: "dnsmasq", version: "--version",
		args: []string{"--keep-in-foreground", "--conf-file=DIR/dnsmasq.conf"},
		files: map[string]string{"DIR/dnsmasq.conf": `port=LISTEN
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=root
log-facility=-
pid-file=DIR/dnsmasq.pid
SOURCE
`},
		forward: `server=HOST#PORT`,
	}

	recursor = resolver{
		name: "PowerDNS Recursor", program: "pdns_recursor", version: "--version",
		args: []string{"--config-dir=DIR"},
		files: map[string]string{"DIR/recursor.conf": `local-address=127.0.0.1
local-port=LISTEN
dont-query=
serve-rfc1918=no
socket-dir=DIR
daemon=no
threads=1
dnssec=off
security-poll-suffix=
setuid=
setgid=
SOURCE
`},
		forward: `forward-zones-recurse=.=HOST:PORT`,
		iterate: `hint-file=DIR/hints`,
	}

	bind = resolver{
		name: "BIND", program: "named", version: "-v",
		args: []string{"-f", "-g", "-n", "1", "-c", "DIR/named.conf"},
		files: map[string]string{"DIR/named.conf": `options {
    directory "DIR";
    listen-on port LISTEN { 127.0.0.1; };
    listen-on-v6 { none; };
    pid-file "DIR/named.pid";
    lock-file none;
    session-keyfile "DIR/session.key";
    dnssec-validation no;
    empty-zones-enable no;
    recursion yes;
    SOURCE
};
controls { };
`},
		forward: `forward only;
    forwarders { HOST port PORT; };`,
		iterate: `};
zone "." {
    type hint;
    file "DIR/hints";`,
	}

	knot = resolver{
		name: "Knot Resolver", program: "kresd", version: "--version",
		args: []string{"--noninteractive", "--config=DIR/kresd.conf", "DIR"},
		files: map[string]string{"DIR/kresd.conf": `cache.size = 10*MB
net.listen('127.0.0.1', LISTEN)
trust_anchors.remove('.')
SOURCE
`},
		forward: `policy.add(policy.all(policy.STUB('HOST@PORT')))`,
		iterate: `modules = {'hints > iterate'}
hints.root_file('DIR/hints')`,
	}

	// As root it would become a user that only an installed package has.
	resolved = resolver{
		name: "systemd-resolved", program: "systemd-resolved", version: "--version",
		prepare: prepareResolved,
		command: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
			"--inh-caps=+setpcap,+net_raw,+net_bind_service", "--ambient-caps=+setpcap,+net_raw,+net_bind_service"},
		files: map[string]string{
			"/run/systemd/resolved.conf.d/test.conf": `[Resolve]
FallbackDNS=
Domains=~.
DNSSEC=no
MulticastDNS=no
LLMNR=no
CacheFromLocalhost=yes
DNSStubListener=no
DNSStubListenerExtra=127.0.0.1:LISTEN
ReadEtcHosts=no
SOURCE
`},
		forward: `DNS=HOST:PORT`,
	}
)

// nobody is the user without rights, and its group.
const nobody = 65534

// prepareResolved makes the folder of its sockets, and an interface, without which it takes
// the machine for one that is not on a network.
var prepareResolved = sync.OnceValue(func() error {
	const sockets = "/run/systemd/resolve"
	return errors.Join(
		os.MkdirAll(sockets, 0o755),
		os.Chown(sockets, nobody, nobody),
		network.IP("link", "add", "one", "type", "veth", "peer", "name", "other"),
		network.IP("address", "add", "10.54.0.1/32", "dev", "one"),
		network.IP("link", "set", "one", "up"),
		network.IP("link", "set", "other", "up"),
	)
})
