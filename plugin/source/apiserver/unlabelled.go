package apiserver

import (
	"context"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// searchPage is how many slices a page of the search has at most. The search
// names no resource version: at version 0 the API server would answer with one
// page, however large.
const searchPage = 500

// searchBackoff is how long the search waits after it has failed: up to five
// minutes, for as long as it takes.
var searchBackoff = wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.2, Steps: 20, Cap: 5 * time.Minute}

// search tells the join which Services have slices of the EndpointSlice
// controller without the headless label. Most of these are slices of Services
// with a ClusterIP, so only the metadata is asked for and nothing is kept.
func (s *Source) search(ctx context.Context, j *join, namespace string) {
	backoff := searchBackoff
	if s.backoff != nil {
		backoff = *s.backoff
	}
	err := s.searchOnce(ctx, j, namespace)
	j.searched()
	if err == nil || ctx.Err() != nil {
		return
	}
	of := inNamespace(slicesUnlabelled, namespace)
	log.Warningf("Cannot list %s, Services that became headless may lack endpoints until a later try: %v", of, withoutURL(err))
	for err != nil {
		watchErrors.WithLabelValues(slicesUnlabelled).Inc()
		if !s.pause(ctx, backoff.Step()) {
			return
		}
		err = s.searchOnce(ctx, j, namespace)
	}
	log.Infof("Listed %s after all", of)
}

// pause returns false when the Run is over.
func (s *Source) pause(ctx context.Context, d time.Duration) bool {
	timer := s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Source) searchOnce(ctx context.Context, j *join, namespace string) error {
	slices := s.metadata.Resource(discoveryv1.SchemeGroupVersion.WithResource("endpointslices")).Namespace(namespace)
	o := metav1.ListOptions{LabelSelector: s.unlabelled, Limit: searchPage}
	for {
		page, err := slices.List(ctx, o)
		if err != nil {
			return err
		}
		j.found(owners(page))
		if page.Continue == "" {
			return nil
		}
		o.Continue = page.Continue
	}
}

func owners(page *metav1.PartialObjectMetadataList) []model.ServiceKey {
	var owners []model.ServiceKey
	for i := range page.Items {
		slice := &page.Items[i]
		if owner, err := model.NewServiceKey(slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]); err == nil {
			owners = append(owners, owner)
		}
	}
	return owners
}
