package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// readEvery is how often the status page is read while a fault lasts.
const readEvery = 200 * time.Millisecond

// reader reads the status page all the time.
type reader struct {
	address string
	over    chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex
	pages int
	wrong []string
}

// read begins to read pages of a site.
func (s *site) read() {
	r := &reader{address: s.server.AddressOf("Status"), over: make(chan struct{})}
	s.reader = r
	paths := []string{"/", "/services", "/services/" + s.namespace + "/" + turning, "/services/" + s.namespace + "/" + turning + "?format=json", "/history"}
	r.done.Go(func() {
		ticker := time.NewTicker(readEvery)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-r.over:
				return
			case <-ticker.C:
			}
			_, err := r.page(context.Background(), paths[i%len(paths)])
			r.mu.Lock()
			if r.pages++; err != nil && len(r.wrong) < 10 {
				r.wrong = append(r.wrong, err.Error())
			}
			r.mu.Unlock()
		}
	})
	s.t.Cleanup(r.end)
}

func (r *reader) end() {
	r.mu.Lock()
	select {
	case <-r.over:
	default:
		close(r.over)
	}
	r.mu.Unlock()
	r.done.Wait()
}

// page returns a page as text.
func (r *reader) page(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	return string(text), err
}

// says waits until a page of a site has a text.
func (s *site) says(path, want string) {
	s.t.Helper()
	until(s.t, "the page "+path, func(ctx context.Context) error {
		page, err := s.reader.page(ctx, path)
		if err == nil && !strings.Contains(page, want) {
			err = fmt.Errorf("it has no %q:\n%s", want, page)
		}
		return err
	})
}

// told wants the page to say what has happened: which address the turning Service has now, and,
// where there was an outage, that it is over.
func (s *site) told(f fault, state int64) {
	s.t.Helper()
	history := "/services/" + s.namespace + "/" + turning + "/history"
	s.says(history, "appeared at "+turningAddress(state)+", ready")
	s.says(history, "gone ("+turningAddress(state-1)+")")
	if !f.perStream {
		s.says("/history", "is back after")
	}
}

// err says what was wrong with the pages that were read.
func (r *reader) err() error {
	r.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.wrong) > 0:
		return fmt.Errorf("of %d pages: %s", r.pages, strings.Join(r.wrong, "; "))
	case r.pages == 0:
		return errors.New("no page was read")
	}
	return nil
}
