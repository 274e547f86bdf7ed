package workload

import (
	"context"

	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// inParallel is how many requests a Writer has in flight.
const inParallel = 16

// A Writer writes Services and their slices to an API server.
type Writer struct{ clients kubernetes.Interface }

// NewWriter returns a Writer with the rights of the configuration.
func NewWriter(config *rest.Config) (*Writer, error) {
	binary := rest.CopyConfig(config)
	binary.ContentType = runtime.ContentTypeProtobuf
	clients, err := kubernetes.NewForConfig(binary)
	return &Writer{clients: clients}, err
}

// Create creates the Services and their slices.
func (w *Writer) Create(ctx context.Context, services []Service) error {
	slices := make([][]*discoveryv1.EndpointSlice, len(services))
	err := parallel(ctx, len(services), func(ctx context.Context, i int) error {
		made, err := w.clients.CoreV1().Services(Namespace).Create(ctx, services[i].object(), metav1.CreateOptions{})
		if err == nil {
			slices[i] = services[i].slices(made.UID)
		}
		return err
	})
	if err != nil {
		return err
	}
	var all []*discoveryv1.EndpointSlice
	for _, some := range slices {
		all = append(all, some...)
	}
	return parallel(ctx, len(all), func(ctx context.Context, i int) error {
		_, err := w.clients.DiscoveryV1().EndpointSlices(Namespace).Create(ctx, all[i], metav1.CreateOptions{})
		return err
	})
}

func parallel(ctx context.Context, n int, do func(context.Context, int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(inParallel)
	for i := range n {
		work.Go(func() error { return do(ctx, i) })
	}
	return work.Wait()
}
