package apiserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/cache"
)

// sink takes what client-go logs about one stream. It goes with the context of
// the stream's requests; the process-wide logger of client-go is the stock
// plugin's to set.
type sink struct {
	connection *connection
	// over is closed when the stream is to end: what fails then is no fault.
	over   <-chan struct{}
	values []any
}

var _ logr.LogSink = (*sink)(nil)

// Init does nothing: call depths are not logged.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled keeps client-go from building messages that nobody sees.
func (s *sink) Enabled(level int) bool { return level == 0 || clog.D.Value() }

// Info logs at the level debug: what matters is logged where it happens. Only
// that a watch broke, such as over what cannot be read, client-go alone tells.
func (s *sink) Info(level int, message string, keysAndValues ...any) {
	if err := cause(keysAndValues); level == 0 && err != nil {
		s.Error(err, "the watch broke off")
		return
	}
	log.Debugf("Watching %s: %s", s.connection.of, s.text(message, keysAndValues))
}

// cause returns the error among the values, unless it only says that a watch
// was short.
func cause(values []any) error {
	for _, value := range values {
		if err, ok := value.(error); ok {
			if _, short := errors.AsType[*cache.VeryShortWatchError](err); !short {
				return err
			}
		}
	}
	return nil
}

// Error logs once per change of the connection's state.
func (s *sink) Error(err error, message string, keysAndValues ...any) {
	select {
	case <-s.over:
		return
	default:
	}
	if err != nil {
		message = fmt.Sprintf("%s: %v", message, err)
	}
	s.connection.faulty(s.text(message, keysAndValues))
}

// WithValues returns a sink that adds values to each message.
func (s *sink) WithValues(keysAndValues ...any) logr.LogSink {
	clone := *s
	clone.values = slices.Concat(s.values, keysAndValues)
	return &clone
}

// WithName changes nothing: the stream's name is in each message.
func (s *sink) WithName(string) logr.LogSink { return s }

func (s *sink) text(message string, keysAndValues []any) string {
	var b strings.Builder
	b.WriteString(message)
	for i, value := range slices.Concat(s.values, keysAndValues) {
		separator := " "
		if i%2 == 1 {
			separator = "="
		}
		fmt.Fprint(&b, separator, value)
	}
	return b.String()
}
