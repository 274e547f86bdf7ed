package manifests

import (
	"fmt"
	"strings"
	"testing"
)

func TestMirroring(t *testing.T) {
	const (
		service   = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None}\n---\n"
		selecting = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, selector: {app: a}}\n---\n"
		endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets:\n"
		address   = "- addresses: [{ip: 192.0.2.1}]\n"
	)
	for _, row := range []struct {
		name, manifest, want string
	}{
		{"a Service without selector has its Endpoints read as slices", service + endpoints + address,
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1"},
		{"an empty selector is none", strings.Replace(selecting, "{app: a}", "{}", 1) + endpoints + address,
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1"},
		{"a Service with a selector has, too, since no controller makes its slices here", selecting + endpoints + address,
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1"},
		{"no Service, no mirror", endpoints + address, ""},
		{"a Service that is left out is no Service", strings.Replace(service, "clusterIP: None", "type: ExternalName", 1) + endpoints + address, ""},
		{"a ClusterIP Service is not served, so neither is its mirror", strings.Replace(service, "None", "10.96.0.1", 1) + endpoints + address, ""},
		{"beside a slice of the Service it has not", service + endpoints + address + "---\n" + slice("a-1", "a", "192.0.2.2"),
			"Slice default/a-1 of a: 192.0.2.2"},
		{"beside a slice that cannot be served it has", service + endpoints + address + "---\n" + slice("a-1", "a", "nowhere"), `
			Slice default/a-1 of a is left out: address "nowhere"
			Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1`},
		{"beside a slice of another Service it has", service + endpoints + address + "---\n" + slice("b-1", "b", "192.0.2.2"), `
			Slice default/b-1 of b: 192.0.2.2
			Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1`},
		{"the label skip-mirror is obeyed", service + strings.Replace(endpoints, "{name: a}", `{name: a, labels: {endpointslice.kubernetes.io/skip-mirror: "true"}}`, 1) + address, ""},
		{"skip-mirror with another value means nothing", service + strings.Replace(endpoints, "{name: a}", `{name: a, labels: {endpointslice.kubernetes.io/skip-mirror: "yes"}}`, 1) + address,
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1"},
		{"the record of a leader election is no Endpoints object", service + strings.Replace(endpoints, "{name: a}", `{name: a, annotations: {control-plane.alpha.kubernetes.io/leader: "{}"}}`, 1) + address, ""},
		{"no subsets, no slices", service + endpoints, ""},
		{"a family without addresses has no slice", service + endpoints + `- addresses: [{ip: "2001:db8::1"}]`,
			"Slice default/endpoints/a/ipv6/0 of a: 2001:db8::1"},
		{"hostname, Pod and readiness are taken over", service + endpoints +
			"- addresses: [{ip: 192.0.2.1, hostname: one, targetRef: {kind: Pod, name: pod-1}}]\n  notReadyAddresses: [{ip: 192.0.2.2}]\n",
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1=one(pod-1) 192.0.2.2!"},
		{"subsets of different ports are slices of their own", service + endpoints +
			"- addresses: [{ip: 192.0.2.1}]\n  ports: [{name: http, port: 80}]\n- addresses: [{ip: 192.0.2.2}]\n  ports: [{name: http, port: 81}]\n", `
			Slice default/endpoints/a/ipv4/0 of a http/80/tcp: 192.0.2.1
			Slice default/endpoints/a/ipv4/1 of a http/81/tcp: 192.0.2.2`},
		{"subsets of the same port are one slice", service + endpoints +
			"- addresses: [{ip: 192.0.2.1}]\n  ports: [{name: http, port: 80}]\n- addresses: [{ip: 192.0.2.2}]\n  ports: [{name: http, port: 80, protocol: TCP}]\n",
			"Slice default/endpoints/a/ipv4/0 of a http/80/tcp: 192.0.2.1 192.0.2.2"},
		{"ports of the same addresses are one slice", service + endpoints +
			"- addresses: [{ip: 192.0.2.1}]\n  ports: [{name: http, port: 80}]\n- addresses: [{ip: 192.0.2.1}]\n  ports: [{name: dns, port: 53, protocol: UDP}]\n",
			"Slice default/endpoints/a/ipv4/0 of a http/80/tcp dns/53/udp: 192.0.2.1"},
		{"not ready wins where a subset says ready", service + endpoints +
			"- addresses: [{ip: 192.0.2.1}]\n- notReadyAddresses: [{ip: 192.0.2.1}]\n- addresses: [{ip: 192.0.2.1}]\n",
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1!"},
		{"two Pods may share an address", service + endpoints +
			"- addresses:\n  - {ip: 192.0.2.1, targetRef: {name: one, uid: a}}\n  - {ip: 192.0.2.1, targetRef: {name: two, uid: b}}\n",
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1(one) 192.0.2.1(two)"},
		{"addresses in odd forms are read as a cluster does", service + endpoints + `- addresses: [{ip: 192.0.002.001}, {ip: "::ffff:192.0.2.2"}]`,
			"Slice default/endpoints/a/ipv4/0 of a: 192.0.2.1 192.0.2.2"},
		{"a bad address leaves out the object", service + endpoints + "- addresses: [{ip: 192.0.2.1}, {ip: nowhere}]\n",
			`Slice default/endpoints/a/left-out of a is left out: mirrored Endpoints, address "nowhere"`},
		{"a bad address beside slices, which count, is not missed", service + endpoints + "- addresses: [{ip: nowhere}]\n---\n" + slice("a-1", "a", "192.0.2.2"),
			"Slice default/a-1 of a: 192.0.2.2"},
		{"a bad port leaves out the object", service + endpoints + "- addresses: [{ip: 192.0.2.1}]\n  ports: [{name: http, port: 0}]\n",
			"Slice default/endpoints/a/left-out of a is left out: mirrored Endpoints, port number 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"a.yaml": row.manifest})
			var slices []string
			for line := range strings.SplitSeq(loaded(t, dir, Options{}), "\n") {
				if strings.HasPrefix(line, "Slice") {
					slices = append(slices, line)
				}
			}
			if got, want := strings.Join(slices, "\n"), unindent(row.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestASubsetIsMirroredUpToAThousandAddresses(t *testing.T) {
	dir := t.TempDir()
	text := headless("a") + "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets:\n- notReadyAddresses: [{ip: 192.0.2.1}]\n  addresses:\n"
	for i := range maxMirrored + 5 {
		text += fmt.Sprintf("  - {ip: 10.244.%d.%d}\n", i/256, i%256)
	}
	write(t, dir, map[string]string{"a.yaml": text})
	s, err := New(dir, Options{})
	must(t, err)
	r := newReceiver()
	s.report(r)
	var leftOut []string
	for _, slice := range r.state.Slices {
		if slice.Refused != "" {
			leftOut = append(leftOut, slice.Refused)
		} else if len(slice.Endpoints) != maxMirrored {
			t.Errorf("%d endpoints are mirrored, want %d", len(slice.Endpoints), maxMirrored)
		}
	}
	if got := strings.Join(leftOut, "; "); got != "mirrored Endpoints, 6 addresses too many" {
		t.Errorf("left out: %s", got)
	}
	const want = "6 addresses more than the 1000 of a subset that are mirrored; the others are served"
	if got := s.files[dir+"/a.yaml"].objects[1].refused; got == nil || got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
