// Package checks tests the checks of endpoints against servers that people run: PostgreSQL,
// nginx and Redis of Debian, a health service of gRPC, and CoreDNS. Each is asked as the
// plugin asks it, while it runs, hangs, is gone, and is back; and what it logs is looked at.
package checks
