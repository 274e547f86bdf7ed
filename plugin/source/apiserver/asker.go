package apiserver

import "context"

// asker is who makes a request, and is told what became of it below client-go.
type asker interface {
	// delayed is called where the request had to wait for the end of an outage.
	delayed()
	// silent is called where the request was given up because nothing came.
	silent(err error)
}

type askerKey struct{}

func withAsker(ctx context.Context, a asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// askerOf returns nil for requests of nobody.
func askerOf(ctx context.Context) asker {
	a, _ := ctx.Value(askerKey{}).(asker)
	return a
}
