package drivers

// Option is an option of the stanza or an annotation, and what it is to these systems.
type Option struct {
	// Name is as it is written, For says whom it helps, and Hurts whom not: each in Markdown,
	// the last one possibly empty.
	Name, For, Hurts string
}

// Options are those that are of more use to some systems than to others.
var Options = []Option{
	{
		Name:  "`publish serving`",
		For:   "Clients of a Service with `publishNotReadyAddresses`: MongoDB's driver, HAProxy, gRPC.",
		Hurts: "Members that form by the Service name: etcd, memberlist, peer-list, Akka, CockroachDB, Elasticsearch. As soon as one serves, the others do not find those that start.",
	},
	{
		Name:  "`pod_names all`",
		For:   "Members that know each other by their own names, where `publishNotReadyAddresses` is not set: NATS, RabbitMQ, ZooKeeper, Kafka.",
		Hurts: "Nobody. The name of a Pod that hangs stays.",
	},
	{
		Name:  "`min-endpoints`",
		For:   "Who makes final what is seen first: etcd's SRV discovery, MongoDB's driver, CockroachDB, Akka, DNS_PING, peer-list.",
		Hurts: "A Service that begins with fewer: its name is denied until there are as many.",
	},
	{
		Name:  "`patience`",
		For:   "Who keeps a denial, or dies of it: JVMs with ZooKeeper, Kafka or Spark, RabbitMQ, ClickHouse Keeper, MinIO, gangs of workers.",
		Hurts: "Who asks for a Pod that never comes: each denial takes that long. A resolver's own time-out must be longer.",
	},
	{
		Name:  "`soa`",
		For:   "PgBouncer with `dns_zone_check_period`.",
		Hurts: "Nobody.",
	},
	{
		Name:  "`txt`, `txt-grpc-config`",
		For:   "MongoDB's driver for its options; gRPC for its service config.",
		Hurts: "Nobody else asks.",
	},
	{
		Name:  "`max_answers`",
		For:   "Clients of large sets that need any one, and resolvers that refuse large sets: BIND, PowerDNS Recursor.",
		Hurts: "Who takes a part for the whole: MongoDB's driver, which removes the hosts that are left out, memberlist, DNS_PING, Cassandra's seeds, libcluster, Prometheus. `max-answers: 0` as an annotation is the way out.",
	},
	{
		Name:  "`srv_tiers all`",
		For:   "Clients that go by priority (RFC 2782).",
		Hurts: "Who ignores it: MongoDB's driver, peer-finder, libcluster. Backups become equals.",
	},
	{
		Name:  "`fail_open`",
		For:   "Clients that retry elsewhere: HAProxy, gRPC, Envoy.",
		Hurts: "Systems whose readiness elects a leader: those that are not it are published too.",
	},
	{
		Name:  "`fallback none`",
		For:   "Clients with another Service to go to.",
		Hurts: "All others: the last member that drains is not found.",
	},
	{
		Name:  "`damping on`",
		For:   "Clients that look up often: HAProxy, nginx, Envoy.",
		Hurts: "Nobody below five endpoints. Members that form by the Service name must not miss one: `damping: off` for them.",
	},
	{
		Name:  "`topology on`",
		For:   "Clients that need any one near by.",
		Hurts: "Members that need all of the others: etcd, memberlist, MongoDB's driver, Prometheus. `topology: off` for them.",
	},
	{
		Name:  "`snapshot`",
		For:   "All, and most those by musl: while the API server is away, it denies names of the search path that musl must not see fail.",
		Hurts: "Nobody.",
	},
	{
		Name:  "`fqdn_slices`",
		For:   "Cassandra by cass-operator, from 1.26 on.",
		Hurts: "Nobody.",
	},
}
