package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// profiled saves a CPU profile of a server under load, over whole seconds, one
// at least. Without a folder for profiles, nothing runs.
func (b *bench) profiled(ctx context.Context, name, pprof string, duration time.Duration, load func(context.Context) error) error {
	if b.profiles == "" || pprof == "" {
		return nil
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return load(ctx) })
	work.Go(func() error {
		url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", pprof, max(1, int(duration.Seconds())))
		return save(ctx, url, filepath.Join(b.profiles, name+".pprof"))
	})
	return work.Wait()
}

func save(ctx context.Context, url, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(read(ctx, url, out), out.Close())
}

// read writes what is at a URL.
func read(ctx context.Context, url string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	_, err = io.Copy(to, response.Body)
	return err
}
