package apiserver

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	fcache "k8s.io/client-go/tools/cache/testing"
)

// followFake feeds the slices of a fake into a stream until the test ends.
func followFake(t *testing.T, s *stream, fake *fcache.FakeControllerSource) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	lw := &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, o metav1.ListOptions) (runtime.Object, error) { return sliceList(fake.List(o)) },
		WatchFuncWithContext: func(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
			if o.SendInitialEvents != nil {
				return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil)
			}
			return fake.Watch(o)
		},
	}
	go func() {
		defer close(done)
		follow(ctx, s, lw, wait.Backoff{Duration: time.Millisecond})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// sliceList is a list as an API server gives it, made of one of the fake.
func sliceList(list runtime.Object, err error) (runtime.Object, error) {
	if err != nil {
		return nil, err
	}
	slices := &discoveryv1.EndpointSliceList{ListMeta: list.(*corev1.List).ListMeta}
	return slices, meta.EachListItem(list, func(item runtime.Object) error {
		slices.Items = append(slices.Items, *item.(*discoveryv1.EndpointSlice))
		return nil
	})
}

func TestReflector(t *testing.T) {
	tests := []struct {
		name string
		// events happen after slice s at 1 and slice t at 2 were listed.
		events func(fake *fcache.FakeControllerSource)
		want   string
	}{
		{"events come in as they happen", func(fake *fcache.FakeControllerSource) {
			fake.Add(slice("u", "a", 0))
			fake.Modify(slice("s", "b", 0))
			fake.Delete(slice("t", "a", 0))
		}, "slice n/s of b at 4, slice n/u of a at 3"},
		{"a lost change is found at the next list", func(fake *fcache.FakeControllerSource) {
			fake.ModifyDropWatch(slice("s", "b", 0))
			fake.ResetWatch()
		}, "slice n/s of b at 3, slice n/t of a at 2"},
		{"a lost new object is found at the next list", func(fake *fcache.FakeControllerSource) {
			fake.AddDropWatch(slice("u", "b", 0))
			fake.ResetWatch()
		}, "slice n/s of a at 1, slice n/t of a at 2, slice n/u of b at 3"},
		{"a lost delete is found at the next list", func(fake *fcache.FakeControllerSource) {
			fake.DeleteDropWatch(slice("s", "a", 0))
			fake.ResetWatch()
		}, "slice n/t of a at 2"},
		{"what came while the watch was broken is found", func(fake *fcache.FakeControllerSource) {
			fake.ResetWatch()
			fake.Add(slice("u", "b", 0))
			fake.Delete(slice("s", "a", 0))
		}, "slice n/t of a at 2, slice n/u of b at 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			fake := fcache.NewFakeControllerSource()
			fake.Add(slice("s", "a", 0))
			fake.Add(slice("t", "a", 0))
			followFake(t, sc.main, fake)
			sc.receiver.untilState(t, "slice n/s of a at 1, slice n/t of a at 2")
			tt.events(fake)
			sc.receiver.untilState(t, tt.want)
			sc.end()
		})
	}
}
