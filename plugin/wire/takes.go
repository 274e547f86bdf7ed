package wire

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// asMessages is set by the linker for tests: then all answers are messages.
var asMessages string

// mostWriters bounds how many writers stand in front of each other. There is one for
// each plugin.
const mostWriters = 64

// Takes reports whether bytes may be written to w: whether they get to the server's own
// writer, over UDP, TCP or TLS, past writers only that are known to hand them on. Any
// other may read or change what passes, or have no use for bytes. That of a look-up by
// another plugin is such a one: it catches a message, and would send bytes to the client.
func Takes(w dns.ResponseWriter) bool {
	if asMessages != "" {
		return false
	}
	for range mostWriters {
		switch known := w.(type) {
		case *metrics.Recorder:
			// It counts the length of bytes, and takes the code for NOERROR.
			w = known.ResponseWriter
		case *request.ScrubWriter:
			w = known.ResponseWriter
		default:
			t := reflect.TypeOf(w)
			if t == nil || t != ofPlugins {
				return isServer(w, t)
			}
			w, _ = reflect.ValueOf(w).Elem().Field(0).Interface().(dns.ResponseWriter)
		}
	}
	return false
}

// ofPlugins is the type of the writer that CoreDNS puts in front of each plugin, which
// only notes the plugin's name, or nil where it is not as it is known here.
var ofPlugins = func() (t reflect.Type) {
	catch := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		t = reflect.TypeOf(w)
		return dns.RcodeSuccess, nil
	})
	_, _ = plugin.NextOrFailure("", catch, context.Background(), nil, nil)
	isKnown := t != nil && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Elem().NumField() > 0 &&
		t.Elem().Field(0).Anonymous && t.Elem().Field(0).Type == reflect.TypeFor[dns.ResponseWriter]()
	if !isKnown {
		return nil
	}
	return t
}()

// ofServer is what is known of the server's own writer.
type ofServer struct {
	t reflect.Type
	// last is the index of the field that has the last writer before the socket.
	last int
}

// server is set once that writer was seen.
var server atomic.Pointer[ofServer]

// isServer reports whether w is the server's own writer, and its bytes go out as those
// of messages do: what stands between it and the socket, as shed does over UDP, is for
// messages only.
func isServer(w dns.ResponseWriter, t reflect.Type) bool {
	known := server.Load()
	if known == nil {
		if known = serverOf(t); known == nil {
			return false
		}
		server.Store(known)
	}
	if t != known.t {
		return false
	}
	own := reflect.ValueOf(w)
	last := own.Elem().Field(known.last).Elem()
	return last.Kind() == reflect.Pointer && last.UnsafePointer() == own.UnsafePointer()
}

// serverOf returns nil where the type is not that writer's, or not as it is known here.
func serverOf(t reflect.Type) *ofServer {
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Name() != "response" || t.Elem().PkgPath() != reflect.TypeFor[dns.Msg]().PkgPath() {
		return nil
	}
	last, ok := t.Elem().FieldByName("writer")
	if !ok || last.Type != reflect.TypeFor[dns.Writer]() {
		return nil
	}
	return &ofServer{t, last.Index[0]}
}
