// The program that CoreDNS makes its manual pages with, in the release that
// CoreDNS 1.15.0 uses. A module of its own, so that the plugin does not require
// it.
module github.com/k8s-endpoints/k8s_endpoints/man/mmark

go 1.26.0

tool github.com/mmarkdown/mmark/v2

require (
	github.com/BurntSushi/toml v1.4.0 // indirect
	github.com/gomarkdown/markdown v0.0.0-20240730141124-034f12af3bf6 // indirect
	github.com/mmarkdown/mmark/v2 v2.2.47 // indirect
)
