package apiserver

import (
	"errors"
	"testing"
	"time"
)

func TestASourceTellsOfAnOutage(t *testing.T) {
	s := &Source{outage: newOutage("https://10.96.0.1:443")}
	if s.From() != "https://10.96.0.1:443" || s.Streams() != nil || !s.Outage().Since.IsZero() {
		t.Errorf("before a Run it is %q, %v, %+v", s.From(), s.Streams(), s.Outage())
	}
	before := time.Now()
	s.outage.goOn(errors.New("refused"), 0, false)
	s.outage.goOn(errors.New("refused again"), 0, true)
	o := s.Outage()
	if o.Why != "refused again" || o.Since.Before(before) || !o.Next.After(o.Since) {
		t.Errorf("it is %+v", o)
	}
	s.outage.end()
	if o := s.Outage(); !o.Since.IsZero() || o.Why != "" {
		t.Errorf("after the end it is %+v", o)
	}
}
