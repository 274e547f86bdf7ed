package why

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Lost says that an API server is lost.
func Lost(server string, since, now time.Time) string {
	return fmt.Sprintf("The API server %s is lost since %s, for %s. Answers go on as of then; new Pods do not get into DNS.", server, clock(since), whole(now.Sub(since)))
}

// A Loss is a time in which an API server was lost.
type Loss struct{ From, To time.Time }

// LostDetail says why, when it is tried next, and when it was lost before.
func LostDetail(cause string, next time.Time, before []Loss, now time.Time) string {
	parts := []string{cause}
	if wait := next.Sub(now); wait > 0 {
		parts = append(parts, "next try in "+whole(wait+time.Second))
	}
	for _, loss := range before[max(len(before)-3, 0):] {
		parts = append(parts, fmt.Sprintf("in the last hour also lost at %s, for %s", clock(loss.From), whole(loss.To.Sub(loss.From))))
	}
	return strings.Join(parts, "; ")
}

// whole writes a time in whole seconds, at least one.
func whole(d time.Duration) string { return Duration(max(d.Truncate(time.Second), time.Second)) }

// Unwatched says that a stream is not there, though its server is.
func Unwatched(stream string) string {
	return fmt.Sprintf("Nothing is seen of %s: it is not watched. Answers go on as far as it goes as of then.", stream)
}

// Silence says that nothing comes of a stream.
func Silence(stream string, d time.Duration) string {
	return fmt.Sprintf("Nothing came of %s for %s. It is watched anew.", stream, whole(d))
}

// AsOf says that a page is of a time, since when an API server is lost.
func AsOf(since time.Time) string {
	return fmt.Sprintf("All of this is as of %s: the API server is lost since then.", clock(since))
}

// NotKnown says that nobody knows what was at a time, and since when somebody does.
func NotKnown(at, known time.Time) string {
	return fmt.Sprintf("What was at %s is not known: the history of this Service begins at %s.", stamp(at), stamp(known))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// WasLost says that at a time the API server was lost.
func WasLost(at time.Time) string {
	return fmt.Sprintf("At %s the API server was lost: this is as it was known then.", clock(at))
}

// NoEndpoints says that a Service has none, and why. Before is how many the name had last,
// until a time; 0 is that nobody knows of any.
func NoEndpoints(service string, selector bool, before int, until time.Time) string {
	text := service + " has no endpoints"
	if !selector {
		text += ", without selector: nobody makes them but who wrote it"
	}
	if before > 0 {
		text += fmt.Sprintf(": carried %d until %s", before, clock(until))
	}
	return text
}

// Carries says how many endpoints a name has.
func Carries(service string, carried, endpoints int) string {
	return fmt.Sprintf("%s carries %d of %d endpoints.", service, carried, endpoints)
}

// Had says until when an endpoint had an address that nobody has now.
func Had(endpoint string, address netip.Addr, until time.Time) string {
	return fmt.Sprintf("%s had %s until %s", endpoint, address, clock(until))
}

// Flapped says how often an endpoint did.
func Flapped(endpoint string, flaps int) string {
	return fmt.Sprintf("%s flapped %d times in the last hour", endpoint, flaps)
}

// AllWell says that there is nothing to say.
func AllWell(services int, watched bool) string {
	text := fmt.Sprintf("All %d Services are served as Kubernetes says", services)
	if services == 1 {
		text = "The one Service is served as Kubernetes says"
	}
	if watched {
		return text + ", and the API server is watched."
	}
	return text + "."
}

// An Option is one of the policy.
type Option struct {
	Name, Value string
	// Own is that the Service says it itself.
	Own bool
}

// Options returns the options of the policy, in their order.
func (a About) Options() (all []Option) {
	for _, name := range a.options() {
		value, own := strings.CutSuffix(a.get(name), " (annotation)")
		all = append(all, Option{name, value, own})
	}
	return all
}

// Target returns what an ExternalName Service leads to.
func (a About) Target() string { return a.get(aboutTarget) }
