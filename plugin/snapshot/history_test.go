package snapshot

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorded is what is served with a history, which is a text here.
type recorded struct {
	*told
	text atomic.Pointer[string]
}

func (r *recorded) say(text string) { r.text.Store(&text) }

func (r *recorded) KeepsHistory() bool { return r.text.Load() != nil }

func (r *recorded) EncodeHistory(to io.Writer, origin string) error {
	text := *r.text.Load()
	if text == "" {
		return errors.New("it cannot be written")
	}
	_, err := io.WriteString(to, origin+": "+text)
	return err
}

// historyIs checks what the file of a history has. Without want there is to be none.
func historyIs(t *testing.T, when, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file + ".history")
	if want == "" && os.IsNotExist(err) {
		return
	}
	if string(got) != want || err != nil {
		t.Errorf("%s: the history is %q, %v, want %q", when, got, err, want)
	}
}

func TestAHistoryIsWrittenSeldomAndAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{told: completed(serviceOf("default", "db"))}
		w := Start(file, "here", r)
		time.Sleep(refresh + time.Minute)
		synctest.Wait()
		historyIs(t, "where there is none", file, "")
		r.say("first")
		time.Sleep(interval)
		synctest.Wait()
		historyIs(t, "in its turn", file, "here: first")
		r.say("second")
		time.Sleep(refresh - 2*interval)
		synctest.Wait()
		historyIs(t, "before its turn", file, "here: first")
		time.Sleep(2 * interval)
		synctest.Wait()
		historyIs(t, "in its next turn", file, "here: second")
		r.say("")
		time.Sleep(refresh + interval)
		synctest.Wait()
		historyIs(t, "after it failed", file, "here: second")
		r.say("last")
		w.End()
		historyIs(t, "at the end", file, "here: last")
		if info, err := os.Stat(file + ".history"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("others can read it: %v, %v", info.Mode(), err)
		}
	})
}

func TestTheHistoryThatAReloadReplacesIsNotWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	before, after := &recorded{told: completed(serviceOf("default", "db"))}, &recorded{told: completed(serviceOf("default", "db"))}
	old, fresh := writerOf(t, file, before), writerOf(t, file, after)
	before.say("old")
	after.say("new")
	old.write()
	fresh.write()
	fresh.writeHistory()
	old.writeHistory()
	historyIs(t, "after both have tried", file, "here: new")
}

func TestAHistoryIsReadOrRefused(t *testing.T) {
	o := Option{File: filepath.Join(t.TempDir(), "snapshot"), MaxAge: time.Hour}
	damaged := errors.New("the file is damaged")
	for name, row := range map[string]struct {
		text string
		h    Header
		err  error
		want bool
	}{
		"a good one":            {"good", Header{"here", time.Now()}, nil, true},
		"one that is old":       {"good", Header{"here", time.Now().Add(-2 * time.Hour)}, nil, false},
		"one of elsewhere":      {"good", Header{"there", time.Now()}, nil, false},
		"a damaged one":         {"good", Header{"here", time.Now()}, damaged, false},
		"one that is not there": {"", Header{"here", time.Now()}, nil, false},
	} {
		if row.text != "" {
			if err := os.WriteFile(o.File+".history", []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(o.File + ".history"); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		got := o.LoadHistory("here", func(from io.Reader, accept func(Header) error) error {
			text, err := io.ReadAll(from)
			if string(text) != row.text || err != nil {
				t.Errorf("%s: read %q, %v", name, text, err)
			}
			if err := accept(row.h); err != nil {
				return err
			}
			return row.err
		})
		if got != row.want {
			t.Errorf("%s is read: %v", name, got)
		}
	}
}
