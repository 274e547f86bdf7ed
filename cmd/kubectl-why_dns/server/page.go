package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/plain"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// maxPage bounds a page that is read, in bytes: pages have 8 MiB at most.
const maxPage = 8 << 20

// errAbsent says that the page knows no such Service.
var errAbsent = errors.New("it does not serve this Service")

func (a *asker) page(ctx context.Context, s *Server, r *facts.Replica) {
	if s.Page == nil {
		return
	}
	way, err := s.Page(ctx)
	if err != nil {
		r.NoPage = short(err)
		return
	}
	defer way.close()
	if r.Overview, err = get[v1.Overview](ctx, way.Address, "/", nil); err == nil && r.Overview.APIVersion != v1.APIVersion {
		err = fmt.Errorf("the page is of the version %q, and not %s", r.Overview.APIVersion, v1.APIVersion)
	}
	if err != nil {
		r.Overview, r.NoPage = nil, noPage(err, way)
		return
	}
	if name := r.Overview.Server.Name; strings.Contains(r.Name, "://") && name != "" {
		r.Name = plain.Short(name)
	}
	q := &a.question
	if q.Service == "" {
		return
	}
	path := "/services/" + url.PathEscape(q.Namespace) + "/" + url.PathEscape(q.Service)
	r.Service, err = service(ctx, way.Address, path, nil)
	if err == nil && q.IsPast() {
		r.AtThen, err = service(ctx, way.Address, path, then(a))
	}
	if err != nil {
		r.NoPage = short(err)
	}
}

// maxPages is how many pages of endpoints of one Service are read.
const maxPages = 25

// service reads the page of a Service, with those that follow.
func service(ctx context.Context, base, path string, args url.Values) (*v1.Service, error) {
	s, err := get[v1.Service](ctx, base, path, args)
	for n := 1; err == nil && s.Next != "" && n < maxPages; n++ {
		var next *url.URL
		if next, err = url.Parse(s.Next); err != nil {
			break
		}
		var more *v1.Service
		if more, err = get[v1.Service](ctx, base, path, next.Query()); err == nil {
			s.Endpoints, s.Next = append(s.Endpoints, more.Endpoints...), more.Next
		}
	}
	return s, err
}

// noPage says why there is no page. Nobody who listens is the end of a connection behind a port-forward.
func noPage(err error, way *Way) string {
	if way.Forwarded && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED)) {
		return fmt.Sprintf("`status` is off there, or not at port %d", portPage)
	}
	return short(err)
}

// then are the arguments of a page of the past.
func then(a *asker) url.Values {
	q, args := &a.question, make(url.Values)
	for name, at := range map[string]time.Time{"at": q.At, "from": q.From, "to": q.To} {
		if !at.IsZero() {
			args.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return args
}

// pages reads them. It follows no redirect: a page of a cluster leads nowhere else.
var pages = http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// get reads one page as JSON.
func get[T any](ctx context.Context, base, path string, args url.Values) (*T, error) {
	if args == nil {
		args = make(url.Values)
	}
	args.Set("format", "json")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path+"?"+args.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := pages.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, errAbsent
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the page says %s", response.Status)
	}
	made := new(T)
	if err := json.NewDecoder(io.LimitReader(response.Body, maxPage)).Decode(made); err != nil {
		return nil, fmt.Errorf("the page is none of k8s_endpoints: %w", err)
	}
	return made, nil
}

// PageAt is the way to a page that needs no preparation.
func PageAt(url string) func(context.Context) (*Way, error) {
	return func(context.Context) (*Way, error) { return &Way{Address: url}, nil }
}
