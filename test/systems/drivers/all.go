package drivers

import "slices"

// All are the systems, in the order of docs/systems.md.
var All = slices.Concat(
	[]System{etcd, memberlist, nats, peerList, haproxySRV, haproxyA, pgbouncer, zookeeperFresh, zookeeperDefault, rabbitmq, sentinel, mongodb, unbound},
	lookups(),
)
