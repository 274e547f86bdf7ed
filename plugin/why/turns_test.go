package why

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

// marks has how an endpoint may stand, apart from not being there.
var marks = []struct {
	name string
	mark health.Mark
}{
	{"good", good}, {"damped", damped}, {"draining", draining}, {"taken out", health.Mark(health.Draining) | serving | takenOut},
	{"sick", sick}, {"failing", sick | failing}, {"starting", starting}, {"dying", dying},
}

// turns are all sentences about one endpoint, by how it stood and stands.
func turns() string {
	var b strings.Builder
	write := func(was, is string, c history.Change) {
		c.Endpoint = web5
		of := Circumstances{Lasted: 41 * time.Second, Until: at(3, 8, 30), Heir: "web-6"}
		text := Change(&c, of)
		of.About = "publish serving"
		if byServing := Change(&c, of); byServing != text {
			text += "; publish serving: " + byServing
		}
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s → %s: %s", was, is, text)))
	}
	for _, is := range marks {
		write("absent", is.name, history.Change{Is: true, After: is.mark})
	}
	for _, was := range marks {
		write(was.name, "absent", history.Change{Was: true, Before: was.mark})
		for _, is := range marks {
			write(was.name, is.name, history.Change{Was: true, Is: true, Before: was.mark, After: is.mark})
		}
	}
	return b.String()
}

func TestEachTurnHasItsSentence(t *testing.T) {
	if got := turns(); got != wantTurns {
		t.Errorf("got\n%s", got)
	}
}

const wantTurns = `absent → good: web-5 appeared at 10.1.5.90, ready
absent → damped: web-5 appeared at 10.1.5.90, ready
absent → draining: web-5 appeared at 10.1.5.90, already terminating
absent → taken out: web-5 appeared at 10.1.5.90, taken out by annotation
absent → sick: web-5 appeared at 10.1.5.90, not ready
absent → failing: web-5 appeared at 10.1.5.90, not ready
absent → starting: web-5 appeared at 10.1.5.90, not ready
absent → dying: web-5 appeared at 10.1.5.90, already terminating
good → absent: web-5 gone (10.1.5.90), the address is web-6's now
good → good:
good → damped: web-5 flapped too often: damped until 03:08:30
good → draining: web-5 terminates, still serves
good → taken out: web-5 is taken out by annotation
good → sick: web-5 is not ready any more; publish serving: web-5 stopped being ready
good → failing: web-5 does not pass its check any more
good → starting: web-5 is not ready any more; publish serving: web-5 stopped being ready
good → dying: web-5 terminates and does not serve
damped → absent: web-5 gone (10.1.5.90), the address is web-6's now
damped → good: web-5 is steady again
damped → damped:
damped → draining: web-5 terminates, still serves
damped → taken out: web-5 is taken out by annotation
damped → sick: web-5 is not ready any more; publish serving: web-5 stopped being ready
damped → failing: web-5 does not pass its check any more
damped → starting: web-5 is not ready any more; publish serving: web-5 stopped being ready
damped → dying: web-5 terminates and does not serve
draining → absent: web-5 gone (10.1.5.90), the address is web-6's now
draining → good: web-5 is put back
draining → damped: web-5 is put back
draining → draining:
draining → taken out: web-5 is taken out by annotation
draining → sick: web-5 is put back, not ready
draining → failing: web-5 is put back, not ready
draining → starting: web-5 is put back, not ready
draining → dying: web-5 stopped serving
taken out → absent: web-5 gone (10.1.5.90), the address is web-6's now
taken out → good: web-5 is put back
taken out → damped: web-5 is put back
taken out → draining: web-5 terminates, still serves
taken out → taken out:
taken out → sick: web-5 is put back, not ready
taken out → failing: web-5 is put back, not ready
taken out → starting: web-5 is put back, not ready
taken out → dying: web-5 terminates and does not serve
sick → absent: web-5 gone (10.1.5.90), the address is web-6's now
sick → good: web-5 is ready again, after 41 s
sick → damped: web-5 is up again, damped until 03:08:30
sick → draining: web-5 terminates, still serves
sick → taken out: web-5 is taken out by annotation
sick → sick:
sick → failing:
sick → starting: web-5 is as if it had never been ready
sick → dying: web-5 terminates and does not serve
failing → absent: web-5 gone (10.1.5.90), the address is web-6's now
failing → good: web-5 passes its check again, after 41 s
failing → damped: web-5 is up again, damped until 03:08:30
failing → draining: web-5 terminates, still serves
failing → taken out: web-5 is taken out by annotation
failing → sick:
failing → failing:
failing → starting: web-5 is as if it had never been ready
failing → dying: web-5 terminates and does not serve
starting → absent: web-5 gone (10.1.5.90), the address is web-6's now
starting → good: web-5 became ready, after 41 s
starting → damped: web-5 is up again, damped until 03:08:30
starting → draining: web-5 terminates, still serves
starting → taken out: web-5 is taken out by annotation
starting → sick: web-5 is not ready any more
starting → failing: web-5 is not ready any more
starting → starting:
starting → dying: web-5 terminates and does not serve
dying → absent: web-5 gone (10.1.5.90), the address is web-6's now
dying → good: web-5 is put back
dying → damped: web-5 is put back
dying → draining: web-5 serves again
dying → taken out: web-5 is taken out by annotation
dying → sick: web-5 is put back, not ready
dying → failing: web-5 is put back, not ready
dying → starting: web-5 is put back, not ready
dying → dying:
`
