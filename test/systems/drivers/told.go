package drivers

// Untried is a system that cannot be had here: what is known of it comes from its source, its
// documents, and from those who have run it.
type Untried struct {
	// Name is for people, Queries are what it asks, where S is the full name of a Service, and
	// P that of a Pod below it. The others are as those of a System.
	Name, Queries, Needed, Stanza, Beware string
}

// early is what those need that ask for others before they are ready.
const early = "`publishNotReadyAddresses`, and the default."

// Told are the systems that are only told of, by name.
var Told = []Untried{
	{
		Name:    "Aerospike, peer-finder",
		Queries: "SRV at the bare `S`, each second",
		Needed:  "The Pod's own name among the targets, before it is ready. The port may have no name.",
		Stanza:  early,
		Beware:  "All targets are used, whatever their priority: no `srv_tiers all`.",
	},
	{
		Name:    "Akka and Pekko, cluster bootstrap",
		Queries: "SRV `_management._tcp.S`",
		Needed:  "All contact points, before they are ready.",
		Stanza:  early + " `min-endpoints` with the number that has to be met.",
		Beware:  "`publish serving` shows nobody before the first one is ready.",
	},
	{
		Name:    "Cadence",
		Queries: "A `S`",
		Needed:  "Members before they are ready for each other, and never for clients.",
		Stanza:  "Two Services: one with `publishNotReadyAddresses` for members, one without for clients.",
		Beware:  "With one Service, `publish: serving` as an annotation shows members only while nobody serves.",
	},
	{
		Name:    "Cassandra, K8ssandra",
		Queries: "A of the seed Service and of `additional-seed-service`",
		Needed:  "Seeds before they are ready. cass-operator from 1.26 on writes slices of type FQDN.",
		Stanza:  early + " `fqdn_slices` for what cass-operator writes.",
		Beware:  "Members that see a part of the seeds form islands: no `max_answers` below their number.",
	},
	{
		Name:    "Ceph, monitors",
		Queries: "SRV `_ceph-mon._tcp.S`, by the C library",
		Needed:  "All monitors, ready or not.",
		Stanza:  early,
	},
	{
		Name:    "ClickHouse Keeper",
		Queries: "A of its own `P` and of its peers', at the start",
		Needed:  "All names at once, before anybody is ready: it dies of a denial.",
		Stanza:  early + " `patience 2s`.",
		Beware:  "Behind a cache on the node a denial lives as long as its negative TTL.",
	},
	{
		Name:    "CloudNativePG, Patroni",
		Queries: "A of the Service of the primary",
		Needed:  "The new primary within a second.",
		Stanza:  "A headless Service by label, with `soa: \"true\"` where PgBouncer asks.",
		Beware:  "Patroni writes Endpoints: without the mirroring controller, which Kubernetes may run without from 1.37 on, no slice is made of them, and the name is empty. A Service with a ClusterIP is kube-proxy's.",
	},
	{
		Name:    "CockroachDB",
		Queries: "A `P` of `--join`; with `--experimental-dns-srv` SRV `_grpc._tcp.S` or `S`",
		Needed:  "Members within 7 s of the start, before they are ready; else each Pod makes a cluster of its own.",
		Stanza:  early + " `min-endpoints` with the number of members.",
		Beware:  "`publish serving`.",
	},
	{
		Name:    "Elasticsearch, OpenSearch",
		Queries: "A `S` of `seed_hosts`, A `P` of the first masters",
		Needed:  "Members before they are ready, and their names.",
		Stanza:  early,
		Beware:  "`publish serving` shows nobody to the first ones that look.",
	},
	{
		Name:    "Galera, MariaDB and Percona XtraDB",
		Queries: "A `P` of `wsrep_cluster_address`; SRV at the bare `S` by peer-list",
		Needed:  "The names of members before they are ready.",
		Stanza:  early + " For peer-list, `min-endpoints`.",
		Beware:  "Who sees nobody bootstraps a cluster of its own.",
	},
	{
		Name:    "gRPC, Envoy, Temporal",
		Queries: "A `S`; TXT `_grpc_config.S`; with grpclb SRV `_grpclb._tcp.S`",
		Needed:  "Only those that are ready; one that drains goes early.",
		Stanza:  "The default, without `publishNotReadyAddresses`. `txt-grpc-config` for a service config.",
		Beware:  "grpc-go looks up again when a connection fails, and not before 30 s have passed: drain for longer, or end connections by `MaxConnectionAge`.",
	},
	{
		Name:    "HDFS",
		Queries: "A `P`; PTR of each DataNode that registers",
		Needed:  "PTR always, before readiness too, and always the same one: the NameNode rejects a DataNode without.",
		Stanza:  early + " The reverse zones in the stanza.",
		Beware:  "It reads one PTR record. Of several Services the one with the hostnames comes first.",
	},
	{
		Name:    "Infinispan, Keycloak, Hazelcast (JGroups DNS_PING)",
		Queries: "A `S`, or SRV",
		Needed:  "All members, before they are ready.",
		Stanza:  early + " `min-endpoints`, where two halves must not start.",
		Beware:  "A part for the whole makes two clusters that merge later. A JVM keeps a denial for 10 s.",
	},
	{
		Name:    "JobSet, Kubeflow Trainer, MPI Operator, Volcano",
		Queries: "A of each worker's `P`, by its short name; the launcher's own",
		Needed:  "All names before readiness. One that fails among a hundred ends the gang.",
		Stanza:  early + " `patience 2s`.",
		Beware:  "Names of the search path are denied first: behind a cache on the node each denial stays for its negative TTL.",
	},
	{
		Name:    "Kafka, Strimzi",
		Queries: "A of each broker's `P`, which it advertises; A of the bootstrap Service; with `resolve_canonical_bootstrap_servers_only` PTR of each address",
		Needed:  "Brokers by their own names, before they are ready. A bootstrap name that is never denied: the client's constructor fails.",
		Stanza:  early + " `patience 2s` for clients that start with the brokers.",
		Beware:  "A JVM keeps an address for 30 s: `-Dsun.net.inetaddr.ttl=1`. With Kerberos or canonical names PTR has to be the name in the principal.",
	},
	{
		Name:    "LeaderWorkerSet, vLLM, Ray",
		Queries: "A of the leader's `P`, or of the head's `S`",
		Needed:  "The leader before it is ready, within a second, and its new address at once after a restart of the group.",
		Stanza:  early + " `patience 2s`.",
		Beware:  "`publish serving`, for Ray.",
	},
	{
		Name:    "libcluster (Elixir, Erlang)",
		Queries: "A `S`, or SRV at the bare `S`",
		Needed:  "Targets that are the names by which nodes call themselves.",
		Stanza:  early,
		Beware:  "It takes a part for the whole, and drops others: no `max_answers` below the number of nodes.",
	},
	{
		Name:    "Loki, Mimir, Tempo",
		Queries: "A `S` (`dns+`), SRV `_grpc._tcp.S` (`dnssrv+`)",
		Needed:  "Members before they are ready, for gossip.",
		Stanza:  early + " As memberlist.",
		Beware:  "Queriers want those that are ready: a Service of their own, without `publishNotReadyAddresses`.",
	},
	{
		Name:    "MinIO",
		Queries: "A of every `P` in the pool, at the start",
		Needed:  "All names before readiness.",
		Stanza:  early + " `patience 2s`.",
		Beware:  "A denial that is kept for 30 s, as NodeLocal DNSCache does without a line for it, is a crash loop.",
	},
	{
		Name:    "NeuVector",
		Queries: "A `S`",
		Needed:  "Controllers before they are ready.",
		Stanza:  early,
		Beware:  "Without `publishNotReadyAddresses` it waits for itself.",
	},
	{
		Name:    "nginx, from 1.27.3 on with `resolve` and `service=`",
		Queries: "A and AAAA, or SRV, at its own interval",
		Needed:  "A set that changes only when endpoints do.",
		Stanza:  "The default, and `resolver ... valid=1s`.",
		Beware:  "Without `resolve` it asks once, at its start.",
	},
	{
		Name:    "Prometheus, `dns_sd_configs`",
		Queries: "SRV or A, each `refresh_interval`",
		Needed:  "All endpoints that are to be scraped.",
		Stanza:  "The default. `publishNotReadyAddresses` to scrape those that are not ready.",
		Beware:  "What `max_answers` leaves out is not scraped.",
	},
	{
		Name:    "Spark",
		Queries: "A of the driver's headless Service, by executors",
		Needed:  "The driver before it is ready.",
		Stanza:  early + " `patience 2s`.",
		Beware:  "A JVM keeps a denial for 10 s.",
	},
	{
		Name:    "Thanos",
		Queries: "A (`dns+`), SRV (`dnssrv+`, `dnssrvnoa+`)",
		Needed:  "Only stores that are ready.",
		Stanza:  "The default, without `publishNotReadyAddresses`.",
		Beware:  "It looks up each 30 s.",
	},
	{
		Name:    "Valkey Sentinel",
		Queries: "A and AAAA of all `P`, each second",
		Needed:  "As Redis Sentinel, of which it is a fork.",
		Stanza:  early,
		Beware:  "Host names have at most 45 characters.",
	},
	{
		Name:    "Vault, Qdrant, TiDB, Pinot",
		Queries: "A `P`",
		Needed:  "The names of members before they are ready.",
		Stanza:  early,
	},
}
