package inject

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// An API server that sends half of a frame, and the rest when it is asked for.
func TestEventsComeBetweenFramesOfTheAPIServer(t *testing.T) {
	var injector Injector
	sent, more := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(injector.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("the API server may answer with %q, of which no frame can be read", got)
		}
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf+";stream=watch")
		w.WriteHeader(http.StatusOK)
		whole := record(t, "real")
		for _, part := range [][]byte{append(whole, whole[:7]...), whole[7:]} {
			if _, err := w.Write(part); err != nil {
				t.Error(err)
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			sent <- struct{}{}
			<-more
		}
	})))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf}})
	watch, err := client.DiscoveryV1().EndpointSlices("default").Watch(ctx, metav1.ListOptions{LabelSelector: "app=db"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()

	<-sent
	for app, want := range map[string]int{"web": 0, "db": 1} {
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "injected", Labels: map[string]string{"app": app}}}
		if told, err := injector.Modified(slice); err != nil || told != want {
			t.Errorf("%s: told %d watches, %v, want %d", app, told, err, want)
		}
	}
	more <- struct{}{}
	<-sent
	for _, want := range []string{"real", "injected", "real"} {
		select {
		case event := <-watch.ResultChan():
			if slice, ok := event.Object.(*discoveryv1.EndpointSlice); !ok || slice.Name != want {
				t.Errorf("got %v, want the slice %s", event, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s did not come", want)
		}
	}
	close(more)
}

// record returns a frame as the API server writes it.
func record(t *testing.T, name string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	r := &response{ResponseWriter: w, control: http.NewResponseController(w)}
	if err := r.inject(modified(&discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name}})); err != nil {
		t.Fatal(err)
	}
	frame := w.Body.Bytes()
	if length := binary.BigEndian.Uint32(frame); int(length) != len(frame)-frameHeader {
		t.Fatalf("a frame of %d bytes says that it has %d", len(frame), length)
	}
	return frame
}
