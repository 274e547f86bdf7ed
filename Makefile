# make run    builds the custom CoreDNS and serves testdata/demo on 127.0.0.1:1053
# make run KUBECONFIG=FILE    serves the cluster of that kubeconfig file instead
# make compare KUBECONFIG=FILE    asks that cluster's DNS and this plugin the same
#             questions, and says whether it is safe to switch; flags of
#             cmd/compare go in COMPARE, as in COMPARE='-zone example.org -o json'
# make why    build/kubectl-why_dns, which says why a name has what it has in DNS:
#             in a folder of PATH, it is `kubectl why-dns`
# make test   all tests: units, properties, short fuzzing, end to end
# make bench  measures this plugin against the stock one, in a quarter of an hour,
#             and writes what it finds into docs/performance.md and README.md
# make bench BENCH=-short    the same in three minutes, and only prints
# make bench-checks    the same for checks of endpoints, in half an hour, as root
# make systems    etcd, ZooKeeper and others that live on headless Services, on this
#             plugin and on the stock one, in an hour, as root; writes docs/systems.md
# make soak SOAK=1h    faults at random, each suite for that long
# make test-matrix    the tests with a control plane, on each version of
#             Kubernetes that is supported; builds those versions first
# make man    writes the manual page anew, from README.md
# make image  builds the container image for linux/amd64 and linux/arm64, with docker,
#             podman or buildah, whichever works here
# make image BASE=scratch ARCHS=arm64    the same on another base, for one of them
# make build PLUGINS=slim, make image PLUGINS=slim    with those plugins only that most
#             clusters need, in less memory
# make picture  records what the dashboard shows of a real server, in five minutes
# make lint   gofmt, go vet, staticcheck
#
# Each target installs what it needs: Debian packages through apt-get where the
# user is root, Go tools through the module proxy.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZ        := 1
MINIMIZE    := -fuzzminimizetime 10x
BENCH       :=
SOAK        := 10m
COMPARE     :=
KUBERNETES  := 1.35 1.36 1.37
PLUGINS     := all

# An exported KUBECONFIG must not make the demo serve a real cluster.
ifeq ($(origin KUBECONFIG),command line)
SOURCE := kubeconfig $(abspath $(KUBECONFIG))
else
SOURCE := manifests testdata/demo
endif

ifeq ($(filter all slim,$(PLUGINS)),)
$(error PLUGINS is "$(PLUGINS)", and can be all or slim)
endif
# The tag of the build, and a part of the image's.
SLIM := $(filter slim,$(PLUGINS))

IMAGE := coredns-k8s_endpoints
ARCHS := amd64 arm64
# Empty is the base that Dockerfile names.
BASE  :=
# The first that works. docker without an engine does not; buildah needs none.
BUILDER = $(or $(shell for each in docker podman buildah; do \
	$$each info > /dev/null 2>&1 && echo $$each && break; done),buildah)

.DELETE_ON_ERROR:
.PRECIOUS: build/image/linux-%/coredns
.PHONY: all build run compare why image test controlplane test-race test-messages test-allocs test-fuzz test-browser test-matrix soak bench bench-checks man lint clean builder buildah dig dnsperf prometheus resolvers targets software systems picture chromium
all: build

build:
	go build $(SLIM:%=-tags %) -o build/coredns ./cmd/coredns

# The file of `make run`: Corefile.example, or the same with another source.
build/Corefile: FORCE
	@mkdir -p build
	@sed 's#manifests testdata/demo#$(SOURCE)#' Corefile.example > $@

run: build build/Corefile dig
	@echo
	@echo 'Serving $(SOURCE) on 127.0.0.1:1053. In another terminal, try:'
ifneq ($(findstring manifests,$(SOURCE)),)
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer db.default.svc.cluster.local'
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer +additional SRV _sql._tcp.db.default.svc.cluster.local'
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer website.default.svc.cluster.local'
else
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer SERVICE.NAMESPACE.svc.cluster.local'
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer +additional SRV SERVICE.NAMESPACE.svc.cluster.local'
	@echo '  dig @127.0.0.1 -p 1053 +noall +answer -x ADDRESS'
endif
	@echo
	@exec build/coredns -conf build/Corefile

# make ends with a status of its own where this one is not 0.
compare:
	go build -o build/compare ./cmd/compare
	build/compare $(if $(filter command,$(origin KUBECONFIG)),-kubeconfig $(abspath $(KUBECONFIG))) $(COMPARE)

# One file without any other that it needs, for whatever machine it is copied to.
why:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o build/kubectl-why_dns ./cmd/kubectl-why_dns

VERSION = $(shell sed -n 's/^var version = "\(.*\)"$$/\1/p' cmd/coredns/main.go)
# Of a folder that is no git work tree, nothing is known.
COMMIT  = $(shell git describe --always --abbrev=40 --exclude '*' --dirty 2> /dev/null)
EPOCH   = $(or $(shell git log -1 --format=%ct 2> /dev/null),0)
CREATED = $(or $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2> /dev/null),1970-01-01T00:00:00Z)

# One commit is one program with one release of Go, in whatever folder and
# environment. The first tag is CoreDNS's own: without it much that is never called is
# linked.
build/image/linux-%/coredns: FORCE
	@mkdir -p $(@D)
	GOFLAGS= CGO_ENABLED=0 GOOS=linux GOARCH=$* GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= go build -trimpath -buildvcs=false \
		-tags grpcnotrace$(SLIM:%=,%) -ldflags '-s -w -buildid= -X github.com/coredns/coredns/coremain.GitCommit=$(COMMIT)' \
		-o $@ ./cmd/coredns

build/image/linux-%.tar: build/image/linux-%/coredns
	go run ./cmd/layer $< > $@

# docker takes the time of the files from the environment, the others from an
# argument. Its old builder does not know the platform, and builds its own only.
image: builder $(ARCHS:%=build/image/linux-%.tar)
	@set -e; builder=$(BUILDER); set --; \
	[ $$builder = docker ] || set -- --timestamp $(EPOCH); \
	[ -z '$(BASE)' ] || set -- "$$@" --build-arg BASE=$(BASE); \
	for arch in $(ARCHS); do \
		tag=$(IMAGE):$(VERSION)$(SLIM:%=-%)-$$arch; \
		echo "$$builder builds $$tag"; \
		SOURCE_DATE_EPOCH=$(EPOCH) $$builder build --platform linux/$$arch "$$@" --build-arg VERSION=$(VERSION) \
			--build-arg COMMIT=$(COMMIT) --build-arg CREATED=$(CREATED) \
			--build-arg TARGETOS=linux --build-arg TARGETARCH=$$arch --tag $$tag . ; \
	done

test: dig buildah prometheus resolvers targets software chromium controlplane test-race test-messages test-allocs test-fuzz test-browser

# The end-to-end tests under test/ need a real etcd, kube-apiserver and
# kube-controller-manager. Building them takes some minutes the first time; they
# are kept in the user's cache folder.
controlplane:
	go run ./test/cluster/build

# Packages that run beside each other: they wait most of the time, for what the plugin does after
# seconds and minutes, or measure nothing that others could change.
BESIDE := ./test/external ./test/faults/apiserver ./test/outside ./test/image ./cmd/...

# Of the programs that tests build and start, go test does not know the sources:
# without -count it would take an old result for theirs. Those under a load run
# one after the other, since each would measure the other one, and those that wait side by side.
test-race:
	go build -race ./...
	go test -race -count=1 -timeout 20m . ./plugin/... ./man/...
	go test -race -count=1 -p 1 -timeout 40m $$(go list ./test/... | grep -vxF "$$(go list $(BESIDE))")
	go test -race -count=1 -p 3 -timeout 40m $(BESIDE)

# What goes as bytes may differ from a message in the writing only: the suites that look at
# whole answers run once more, with a server that packs all of them.
test-messages: dig controlplane
	ANSWERS=messages go test -race -count=1 -p 1 -timeout 20m ./test/e2e ./test/differential ./test/wire

# Packages with tests that the race detector leaves out: the figures of test/topology are worked
# out by one goroutine, ten times as long with it, and what is measured in the engine allocates.
ALONE := ./plugin/check/engine ./test/topology

# Budgets of allocations hold without the race detector, which allocates.
test-allocs:
	go test -run Alloc . ./plugin/...
	go test -count=1 $(ALONE)

# The status page in a real browser. What drives that is a module of its own.
test-browser:
	cd test/browser && go vet ./... && go test -count=1 -timeout 10m ./...

# Each target runs that many inputs, which takes some ten seconds, and not for a time: at
# the end of a time Go's coordinator now and then takes its own deadline for a failure.
test-fuzz:
	go test -run '^$$' -fuzz '^FuzzParse$$' -fuzztime $$((130000 * $(FUZZ)))x $(MINIMIZE) ./plugin/name
	go test -run '^$$' -fuzz '^FuzzLoad$$' -fuzztime $$((14000 * $(FUZZ)))x $(MINIMIZE) ./plugin/source/manifests
	go test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $$((28000 * $(FUZZ)))x $(MINIMIZE) ./plugin/snapshot
	go test -run '^$$' -fuzz '^FuzzStory$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/history
	go test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $$((5000 * $(FUZZ)))x $(MINIMIZE) ./plugin/history
	go test -run '^$$' -fuzz '^FuzzServeDNS$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) .
	go test -run '^$$' -fuzz '^FuzzAnnotation$$' -fuzztime $$((10000 * $(FUZZ)))x $(MINIMIZE) ./plugin/corefile
	go test -run '^$$' -fuzz '^FuzzWire$$' -fuzztime $$((10000 * $(FUZZ)))x $(MINIMIZE) .
	go test -run '^$$' -fuzz '^FuzzObject$$' -fuzztime $$((15000 * $(FUZZ)))x $(MINIMIZE) ./plugin/source/apiserver/sparse
	go test -run '^$$' -fuzz '^FuzzEvent$$' -fuzztime $$((15000 * $(FUZZ)))x $(MINIMIZE) ./plugin/source/apiserver/sparse
	go test -run '^$$' -fuzz '^FuzzSubnet$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/place
	go test -run '^$$' -fuzz '^FuzzClients$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/corefile
	go test -run '^$$' -fuzz '^FuzzCheck$$' -fuzztime $$((50000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check
	go test -run '^$$' -fuzz '^FuzzAllow$$' -fuzztime $$((30000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check
	go test -run '^$$' -fuzz '^FuzzStatus$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check/probe
	go test -run '^$$' -fuzz '^FuzzRedis$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check/probe
	go test -run '^$$' -fuzz '^FuzzHealth$$' -fuzztime $$((15000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check/probe
	go test -run '^$$' -fuzz '^FuzzDNS$$' -fuzztime $$((20000 * $(FUZZ)))x $(MINIMIZE) ./plugin/check/probe
	go test -run '^$$' -fuzz '^FuzzQuestion$$' -fuzztime $$((50000 * $(FUZZ)))x $(MINIMIZE) ./cmd/kubectl-why_dns/question

# One suite after the other: each has a control plane, servers and a load. Some
# of them have several tests that take SOAK each.
soak: dig controlplane
	go test -race -timeout 0 -count 1 -v ./test/faults/apiserver -soak $(SOAK)
	go test -race -timeout 0 -count 1 -v ./test/faults/reload -soak $(SOAK)
	go test -race -timeout 0 -count 1 -v ./test/faults/hostile -soak $(SOAK)

# A version is one of test/cluster/binaries.go. Each takes its control plane some
# minutes to build, the first time. What a test reads before its run, such as the
# version, go test does not know either: hence -count.
test-matrix: dig
	@for version in $(KUBERNETES); do \
		echo "Kubernetes $$version"; \
		export KUBERNETES_VERSION=$$version; \
		go run ./test/cluster/build || exit 1; \
		go test -count=1 -p 1 -timeout 40m ./cmd/compare/... ./cmd/kubectl-why_dns ./test/cluster ./test/deploy ./test/e2e ./test/health ./test/differential || exit 1; \
	done

# Nothing else should run on the machine meanwhile.
bench: dnsperf controlplane
	go run ./test/bench $(BENCH)

# Own checks of endpoints: in half an hour, as root.
bench-checks: dnsperf
	$(call installed,ip,iproute2)
	$(call installed,iptables,iptables)
	go run ./test/bench/checks $(BENCH)
	$(if $(BENCH),,go run ./test/bench -render)

man:
	go run ./man

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# $(call installed,PROGRAM,PACKAGE) installs a Debian package for a program.
define installed
	@command -v $(1) > /dev/null || { \
		echo '$(1) is missing: installing the Debian package $(2)'; \
		[ "$$(id -u)" = 0 ] || { echo 'that needs root: run "apt-get install $(2)" first'; exit 1; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2); }
endef

dig:
	$(call installed,dig,bind9-dnsutils)

builder:
	$(call installed,$(BUILDER),$(BUILDER))

ifeq ($(shell id -u),0)
buildah:
	$(call installed,buildah,buildah)
else
buildah:
	@echo 'not root: the image is not tested, which takes mounts, chroot and files with capabilities'
endif

# The browser for the status page.
ifeq ($(shell id -u),0)
chromium:
	$(call installed,chromium,chromium)
else
chromium:
	@command -v chromium > /dev/null || echo 'not root: the status page is not tested in a browser, which takes the Debian package chromium'
endif

dnsperf:
	$(call installed,dnsperf,dnsperf)
	$(call installed,taskset,util-linux)

# promtool tests the alerts. The Debian package is only unpacked: installed, it
# would start a server.
prometheus:
	@[ -x build/prometheus/usr/bin/promtool ] || { command -v promtool && command -v prometheus; } > /dev/null || { \
		echo 'promtool is missing: unpacking the Debian package prometheus into build/'; \
		mkdir -p build/prometheus && cd build/prometheus && \
		{ apt-get download -qq prometheus 2> /dev/null || { \
			[ "$$(id -u)" = 0 ] || { echo 'that needs root once: run "apt-get update" first'; exit 1; }; \
			apt-get update -qq && apt-get download -qq prometheus; }; } && \
		dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb; }

# $(call unpacked,FOLDER,PACKAGES) unpacks Debian packages into build/FOLDER, with the
# libraries that each needs and that are not installed. Installed, some would start a server.
define unpacked
	@[ "$$(cat build/$(1)/packages 2> /dev/null)" = '$(2)' ] || { set -e; \
		echo '$(1) are missing: unpacking the Debian packages $(2), and what they need, into build/'; \
		rm -rf build/$(1); mkdir -p build/$(1)/usr/bin build/$(1)/usr/sbin build/$(1)/usr/lib; cd build/$(1); \
		ln -s usr/bin usr/sbin usr/lib .; \
		apt-get update -qq; \
		simulated=$$(apt-get install -s -qq --no-install-recommends $(2)); \
		packages=$$(echo "$$simulated" | sed -n 's/^Inst \([^ ]*\) .*/\1/p'); \
		[ -z "$$packages" ] || apt-get download -qq -o APT::Sandbox::User=root $$packages; \
		for each in *.deb; do \
			[ ! -e "$$each" ] || dpkg-deb --fsys-tarfile "$$each" | tar -x --keep-directory-symlink; \
		done; \
		rm -f *.deb; \
		echo '$(2)' > packages; }
endef

# What test/resolvers runs in front of the plugin.
RESOLVERS := unbound dnsmasq-base pdns-recursor knot-resolver bind9 systemd-resolved haproxy

ifeq ($(shell id -u),0)
resolvers: dig
	$(call installed,ip,iproute2)
	$(call unpacked,resolvers,$(RESOLVERS))
else
resolvers:
	@echo 'not root: the resolvers are not tested, which takes networks of their own, mounts and port 53'
endif

# What test/checks asks, as the plugin does. One that is installed is taken as it is.
TARGETS := postgresql nginx-light redis-server

ifeq ($(shell id -u),0)
targets:
	$(call installed,iptables,iptables)
	$(call installed,setpriv,util-linux)
	$(call unpacked,targets,$(TARGETS))
else
targets:
	@echo 'not root: of PostgreSQL, nginx and Redis those are checked that are installed'
endif

# What lives on headless Services, and clients of theirs, for test/systems.
SOFTWARE := haproxy musl-tools nodejs pgbouncer postgresql rabbitmq-server redis-sentinel redis-server unbound zookeeper

ifeq ($(shell id -u),0)
software:
	$(call installed,ip,iproute2)
	$(call installed,nsenter,util-linux)
	$(call unpacked,systems,$(SOFTWARE))
else
software:
	@echo 'not root: no system is run on the plugin, which takes networks of their own, mounts and port 53'
endif

# All lives of all systems, beside the stock plugin. Nothing else should run meanwhile. What
# matters most comes first, and each row is written when it is there: after a run that was
# broken off, `go run ./test/systems/report` shows what there is. How long each round takes is
# `go test -v -run Hour ./test/systems/plan`. What was left out, and why, stands at the end.
systems: software controlplane
	go test -count=1 -timeout 0 -v ./test/systems -run TestSystems -whole -write $(CURDIR)/docs/systems.json
	go run ./test/systems/report

picture: prometheus controlplane
	@mkdir -p build
	go run ./test/observe/picture "$$(PATH="$$PWD/build/prometheus/usr/bin:$$PATH" command -v prometheus)" build/series.json
	cd test/plot && go run ./dashboard ../../build/series.json ../../docs/dashboard.svg

clean:
	rm -rf build

.PHONY: FORCE
FORCE:
