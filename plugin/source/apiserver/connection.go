package apiserver

import "sync"

// faultyWatches is how many watches in a row may not last: a single one is as
// good as a connection that broke.
const faultyWatches = 3

// connection logs when what it is of cannot be watched, and when it can again.
// Of an outage nothing is logged here: that is one line for all streams.
type connection struct {
	// of says what is watched, for people.
	of     string
	outage *outage

	mu sync.Mutex
	// lost means that it cannot be watched. told means that something was logged that is
	// not over, and unsteady that it is over when a watch lasts, not when one is open.
	lost, told, unsteady bool
	// brief counts the watches that did not last, with no failure in between.
	brief int
}

func (c *connection) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost, c.brief = true, 0
	if c.told || c.outage.lasts() {
		log.Debugf("Still cannot watch %s: %v", c.of, err)
		return
	}
	c.told = true
	log.Warningf("Cannot watch %s, what is known is served on: %v", c.of, err)
}

func (c *connection) restored() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = false
	if !c.unsteady {
		c.isGood()
	}
}

// settled notes that a watch has lasted.
func (c *connection) settled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brief, c.unsteady = 0, false
	if !c.lost {
		c.isGood()
	}
}

// isGood makes the next fault be logged, even if it is the same again.
func (c *connection) isGood() {
	if c.told {
		log.Infof("Watching %s again", c.of)
	}
	c.told = false
}

// delayed notes that a request had to wait for the end of an outage, so that the
// watch before it ended with a reason.
func (c *connection) delayed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brief = 0
}

// broke notes that a watch did not last, and says whether the one before it did not either, and
// whether that is a fault.
func (c *connection) broke() (again, fault bool) {
	c.mu.Lock()
	c.brief++
	again, fault = c.brief > 1, c.brief >= faultyWatches
	c.mu.Unlock()
	if fault {
		c.faulty("the watch ends again and again")
	}
	return again, fault
}

// faulty logs an error of client-go, unless the connection is lost in any case, or
// something was logged that is not over.
func (c *connection) faulty(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost || c.told {
		log.Debugf("Watching %s: %s", c.of, text)
		return
	}
	c.told, c.unsteady = true, true
	log.Warningf("Watching %s: %s", c.of, text)
}
