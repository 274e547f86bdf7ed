package apiserver

import (
	"context"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
)

// searchPage is how many slices a page of the search has at most. The search
// names no resource version: at version 0 the API server would answer with one
// page, however large.
const searchPage = 500

// searchBackoff is how long the search waits after it has failed: up to five
// minutes, for as long as it takes.
var searchBackoff = wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.2, Steps: 20, Cap: 5 * time.Minute}

// search finds the Services that have slices of the EndpointSlice controller
// without the headless label. Most of these are slices of Services with a
// ClusterIP, so only the metadata is asked for and nothing is kept.
type search struct {
	metadata metadata.Interface
	// selector selects the slices.
	selector string
	clock    clock.Clock
	backoff  wait.Backoff
	// found takes the Services that slices name, page by page. over is called once,
	// after the first try.
	found func(owners []model.ServiceKey)
	over  func()
}

// run searches a Namespace, or all where it is empty, until it has been through
// once or ctx is done.
func (s search) run(ctx context.Context, namespace string) {
	err := s.once(ctx, namespace)
	s.over()
	if err == nil || ctx.Err() != nil {
		return
	}
	of := inNamespace(slicesUnlabelled, namespace)
	log.Warningf("Cannot list %s, Services that became headless may lack endpoints until a later try: %v", of, withoutURL(err))
	for err != nil {
		watchErrors.WithLabelValues(slicesUnlabelled).Inc()
		if !s.pause(ctx) {
			return
		}
		err = s.once(ctx, namespace)
	}
	log.Infof("Listed %s after all", of)
}

// pause returns false when the Run is over.
func (s *search) pause(ctx context.Context) bool {
	timer := s.clock.NewTimer(s.backoff.Step())
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

func (s search) once(ctx context.Context, namespace string) error {
	slices := s.metadata.Resource(discoveryv1.SchemeGroupVersion.WithResource("endpointslices")).Namespace(namespace)
	o := metav1.ListOptions{LabelSelector: s.selector, Limit: searchPage}
	for {
		page, err := slices.List(ctx, o)
		if err != nil {
			return err
		}
		s.found(owners(page))
		if page.Continue == "" {
			return nil
		}
		o.Continue = page.Continue
	}
}

func owners(page *metav1.PartialObjectMetadataList) []model.ServiceKey {
	var owners []model.ServiceKey
	for i := range page.Items {
		if owner := ownerOf(&page.Items[i]); owner != (model.ServiceKey{}) {
			owners = append(owners, owner)
		}
	}
	return owners
}
