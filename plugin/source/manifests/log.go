package manifests

import (
	"slices"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin("k8s_endpoints")

// complaint is what was logged of something that is wrong: why, and once more where
// another reason has come. A third one, or one that comes back, is no news.
type complaint []string

// maxComplaint is how many reasons are logged.
const maxComplaint = 2

func (c complaint) isNews(why string) bool { return len(c) < maxComplaint && !slices.Contains(c, why) }
