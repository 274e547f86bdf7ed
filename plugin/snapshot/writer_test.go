package snapshot

import (
	"bytes"
	"iter"
	golog "log"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// told is what is served, as a test tells it.
type told struct {
	complete chan struct{}

	mu      sync.Mutex
	changes uint64
	current time.Time
	objects []model.Change
	failing []check.Remembered
}

func newTold(objects ...model.Change) *told {
	return &told{complete: make(chan struct{}), changes: 1, current: time.Now(), objects: objects}
}

// completed is what is served after a first list.
func completed(objects ...model.Change) *told {
	s := newTold(objects...)
	close(s.complete)
	return s
}

func (s *told) apply(c model.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = append(slices.Clone(s.objects), c)
	s.changes++
}

// hear notes that the source has told at a time that nothing has changed.
func (s *told) hear(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = at
}

func (s *told) Complete() <-chan struct{} { return s.complete }

func (s *told) Changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

func (s *told) Current() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *told) Objects() iter.Seq[model.Change] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Values(s.objects)
}

// fail notes which checks fail, and no others.
func (s *told) fail(all ...check.Remembered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = all
}

func (s *told) Waiting() []model.ServiceKey { return nil }

func (s *told) Failing() []check.Remembered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

// writerOf returns a Writer that does not run.
func writerOf(t *testing.T, file string, served Served) *Writer {
	t.Helper()
	w := newWriter(file, "here", served)
	t.Cleanup(w.End)
	return w
}

// holds checks the Services in a file. Without any want there is to be none.
func holds(t *testing.T, when, file string, want ...string) {
	t.Helper()
	content, err := Load(file, anyHeader)
	if len(want) == 0 && os.IsNotExist(err) {
		return
	}
	var got []string
	for _, object := range content.Objects {
		if object.Kind == model.KindService {
			got = append(got, object.Service.Name)
		}
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: the file has %q, %v, want %q", when, got, err, want)
	}
}

func TestAFileIsWrittenAfterTheFirstListThenByTurnsAndAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newTold(serviceOf("default", "db"))
		w := Start(file, "here", s)
		time.Sleep(2*interval + time.Second)
		holds(t, "before the first list is complete", file)
		s.apply(serviceOf("default", "first"))
		close(s.complete)
		synctest.Wait()
		holds(t, "once the first list is complete", file, "db", "first")
		s.apply(serviceOf("default", "later"))
		time.Sleep(3*interval - time.Since(began) - time.Second)
		holds(t, "before its turn", file, "db", "first")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		holds(t, "in its turn", file, "db", "first", "later")
		s.apply(serviceOf("default", "zlast"))
		w.End()
		holds(t, "at the end", file, "db", "first", "later", "zlast")
	})
}

func TestNothingIsWrittenWhereTheFirstListWasNeverComplete(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	synctest.Test(t, func(t *testing.T) {
		w := Start(file, "here", newTold(serviceOf("default", "db")))
		time.Sleep(2 * refresh)
		w.End()
		holds(t, "at the end", file)
	})
}

func TestAFileIsAsOldAsWhatIsKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	s := completed(serviceOf("default", "db"))
	began := time.Now().Add(-time.Hour).Round(0)
	w := writerOf(t, file, s)
	for _, c := range []struct {
		name    string
		heard   time.Duration
		changed bool
		want    time.Duration
	}{
		{"the first one", 0, false, 0},
		{"nothing changes and nothing is heard", 0, false, 0},
		{"nothing changes for a while", refresh - time.Second, false, 0},
		{"nothing changes for long", refresh, false, refresh},
		{"a change", refresh + time.Second, true, refresh + time.Second},
	} {
		s.hear(began.Add(c.heard))
		if c.changed {
			s.apply(serviceOf("default", "late"))
		}
		w.write()
		var got time.Time
		if _, err := Load(file, func(h Header) error { got = h.Current; return nil }); err != nil {
			t.Fatal(err)
		}
		if want := began.Add(c.want); !got.Equal(want) {
			t.Errorf("%s: the file is of %v, want %v", c.name, got, want)
		}
	}
}

func TestVerdictsAreWrittenAsTheyChangeAndBeforeTheyAreTooOld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	synctest.Test(t, func(t *testing.T) {
		s := completed(serviceOf("default", "db"))
		w := Start(file, "here", s)
		has := func(when string, want ...check.Remembered) {
			t.Helper()
			content, err := Load(file, anyHeader)
			if err != nil {
				t.Fatal(err)
			}
			if got := content.Verdicts.Young(time.Now()); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the file has %+v, want %+v", when, got, want)
			}
		}
		synctest.Wait()
		has("at first")
		s.fail(failing(1))
		time.Sleep(interval + time.Second)
		has("when one fails", failing(1))
		time.Sleep(2 * refresh)
		has("long after", failing(1))
		s.fail(failing(2))
		time.Sleep(interval + time.Second)
		has("when another one fails", failing(2))
		s.fail()
		time.Sleep(interval + time.Second)
		has("when none does")
		s.fail(failing(1))
		w.End()
		has("at the end", failing(1))
	})
}

func TestAFailureIsCountedAndTheFileTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "snapshot")
	s := completed(serviceOf("default", "db"))
	w := writerOf(t, file, s)
	counted := func(reason string) float64 { return testutil.ToFloat64(failures.WithLabelValues(reason)) }
	before, beforeSize := counted("write"), counted("size")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	w.write()
	w.write()
	if got := counted("write") - before; got != 2 || w.failed == nil {
		t.Errorf("%v failures were counted, want 2; the last error is %v", got, w.failed)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.write()
	holds(t, "once the directory is back", file, "db")
	if w.failed != nil {
		t.Errorf("the last error is still %v", w.failed)
	}
	large := serviceOf("default", "large")
	large.Service.Annotations = model.NewAnnotations(map[string]string{"drain": strings.Repeat("a", MaxObject)})
	s.apply(large)
	w.write()
	w.write()
	if got := counted("size") - beforeSize; got != 1 {
		t.Errorf("what is too large was tried %v times, want once", got)
	}
	holds(t, "after what was too large", file, "db")
}

// A file that fails is logged once, and once when it is written again, also by the Writer
// that a reload starts.
func TestAFileThatFailsIsLoggedOnce(t *testing.T) {
	logged := captureLog(t)
	dir := filepath.Join(t.TempDir(), "dir")
	file := filepath.Join(dir, "snapshot")
	older := writerOf(t, file, completed(serviceOf("default", "older")))
	older.write()
	older.write()
	newer := writerOf(t, file, completed(serviceOf("default", "newer")))
	newer.write()
	large := serviceOf("default", "large")
	large.Service.Annotations = model.NewAnnotations(map[string]string{"drain": strings.Repeat("a", MaxObject)})
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tooLarge := completed(large)
	last := writerOf(t, file, tooLarge)
	last.write()
	if wrong, good := logged("Cannot write the snapshot"), logged("is written again"); wrong != 1 || good != 0 {
		t.Errorf("logged %d times that it fails, want once, and %d times that it is good", wrong, good)
	}
	newer.write()
	older.write()
	newer.write()
	if wrong, good := logged("Cannot write the snapshot"), logged("is written again"); wrong != 1 || good != 1 {
		t.Errorf("logged %d times that it fails, and %d times that it is good; want once each", wrong, good)
	}
}

// captureLog returns how many lines have a text.
func captureLog(t *testing.T) (count func(text string) int) {
	var out bytes.Buffer
	golog.SetOutput(&out)
	t.Cleanup(func() { golog.SetOutput(os.Stderr) })
	return func(text string) int { return strings.Count(out.String(), text) }
}

func TestTheWriterThatAReloadReplacesLeavesTheFileAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	s := completed(serviceOf("default", "older"))
	older, newer := writerOf(t, file, s), writerOf(t, file, completed(serviceOf("default", "newer")))
	older.write()
	holds(t, "before the newer one", file, "older")
	newer.write()
	s.apply(serviceOf("default", "late"))
	older.write()
	holds(t, "after the newer one", file, "newer")
}

func TestTheWriterThatAFailedReloadLeavesWritesItsFileAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	older := writerOf(t, file, completed(serviceOf("default", "older")))
	older.write()
	failed := Start(file, "here", completed(serviceOf("default", "newer")))
	failed.End()
	holds(t, "of the reload", file, "newer")
	older.write()
	holds(t, "after the reload", file, "older")
}

func TestAgesAreOfFilesThatSomebodyWrites(t *testing.T) {
	ages := newAgeCollector()
	want := func(when string, n int) {
		t.Helper()
		if got := testutil.CollectAndCount(ages); got != n {
			t.Errorf("%s: there are %d ages, want %d", when, got, n)
		}
	}
	ages.set("read only", time.Now())
	ages.enter("a")
	ages.enter("a")
	want("before a file is there", 0)
	ages.set("a", time.Now())
	ages.leave("a")
	want("while somebody writes the file", 1)
	ages.leave("a")
	want("after the end", 0)
}

// gathered returns the ages that a scrape has.
func gathered(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(ages)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestTheAgeOfAFileIsThatOfItsObjects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	age := func() (seconds float64) {
		t.Helper()
		seconds = -1
		for _, family := range gathered(t) {
			for _, m := range family.GetMetric() {
				if m.GetLabel()[0].GetValue() == file {
					seconds = m.GetGauge().GetValue()
				}
			}
		}
		return seconds
	}
	if err := Save(file, Header{Origin: "here", Current: time.Now().Add(-time.Hour)}, slices.Values(someObjects()), Memory{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := (Option{File: file, MaxAge: 2 * time.Hour}).Load("here"); !ok || age() != -1 {
		t.Errorf("a file that nobody writes has the age %v", age())
	}
	w := newWriter(file, "here", completed())
	if got := age(); got < 3600 || got > 3700 {
		t.Errorf("the file that was read has the age %v", got)
	}
	w.write()
	if got := age(); got < 0 || got > 100 {
		t.Errorf("the file that was written has the age %v", got)
	}
	w.End()
	if got := age(); got != -1 {
		t.Errorf("after the end the age is %v", got)
	}
}
