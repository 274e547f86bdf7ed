package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/life"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/plan"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

var must = polltest.Must

// slower is by how much times may be longer where systems live beside each other.
const slower = 4

func TestSystems(t *testing.T) {
	inside(t)
	if !*whole || *repeat > 0 {
		goThrough(t, plan.All(serverNames(), max(1, *repeat)))
		return
	}
	for _, round := range plan.Rounds {
		round = round.On(serverNames())
		t.Run(round.Name, func(t *testing.T) {
			t.Logf("by what came of it before, it takes %.0f min", round.Took(&before, plan.AtOnce).Minutes())
			goThrough(t, round)
		})
	}
}

// goThrough takes all systems through a round, in its order.
func goThrough(t *testing.T, round plan.Round) {
	t.Helper()
	lanes := newLanes(together())
	for _, s := range round.Order(&before) {
		steps := round.Steps(s)
		if len(steps) == 0 {
			continue
		}
		t.Run(s.Key, func(t *testing.T) {
			if lacking := lacks(s); len(lacking) > 0 {
				leaveOut(t, s, lacking)
			}
			begin := lanes.join()
			t.Parallel()
			begin()
			defer lanes.leave()
			live(t, s, steps)
		})
	}
}

// leaveOut ends the test of a system that cannot be run here.
func leaveOut(t *testing.T, s drivers.System, lacking []string) {
	t.Helper()
	why := fmt.Sprintf("%s is not here: make software unpacks it", strings.Join(lacking, ", "))
	found.skip(s.Key, why)
	if *whole {
		t.Fatal(why)
	}
	t.Skip(why)
}

// lacks are the programs that a system needs and that are not here.
func lacks(s drivers.System) []string {
	var lacking []string
	for _, each := range s.Needs {
		var places []string
		switch control, isControl := strings.CutPrefix(each, "control/"); {
		case isControl:
			places = []string{filepath.Join(world.Programs.Control, control)}
		case strings.HasPrefix(each, "/"):
			places = []string{filepath.Join(world.Programs.Software, each), each}
		default:
			places = []string{filepath.Join(world.Programs.Apps, each)}
		}
		if !anyThere(places) {
			lacking = append(lacking, each)
		}
	}
	return lacking
}

func anyThere(patterns []string) bool {
	for _, each := range patterns {
		if found, err := filepath.Glob(each); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// live takes a system through its lives: of one on several servers the steps follow each other.
func live(t *testing.T, s drivers.System, steps []plan.Step) {
	t.Helper()
	var kept stages
	t.Cleanup(func() {
		// The API server must be there to delete what is left.
		world.Enter(false)
		defer world.Leave()
		must(t, kept.close())
	})
	for len(steps) > 0 {
		name := steps[0].Script.Name
		n := slices.IndexFunc(steps, func(each plan.Step) bool { return each.Script.Name != name })
		if n < 0 {
			n = len(steps)
		}
		t.Run(name, func(t *testing.T) {
			if steps[0].Bounds.Long && !*whole && *repeat == 0 {
				t.Skip("make systems has the time for it, and -repeat 1")
			}
			for _, step := range steps[:n] {
				walk(t, &kept, s, step)
			}
		})
		steps = steps[n:]
	}
}

// walk takes one step, and writes down what came of it: a run may be broken off.
func walk(t *testing.T, kept *stages, s drivers.System, step plan.Step) {
	t.Helper()
	row := results.Row{System: s.Key, Life: step.Script.Name, Server: step.Server}
	for i := step.First; i < step.End; i++ {
		row.Trials = append(row.Trials, trial(t, kept, s, step, i))
	}
	judge(t, found.add(row), step.Bounds)
	if *write != "" {
		must(t, found.write(*write))
	}
}

// trialLimit is far above what each part of a trial may take.
const trialLimit = 6 * time.Minute

func trial(t *testing.T, kept *stages, s drivers.System, step plan.Step, i int) results.Trial {
	t.Helper()
	if !step.Script.Fresh && !found.begins(s.Key, step.Server) {
		return results.Trial{Why: "no cold start has ended with a system that is whole"}
	}
	world.Enter(step.Script.WithoutAPI)
	defer world.Leave()
	ctx, cancel := context.WithTimeout(t.Context(), trialLimit)
	defer cancel()
	begun := time.Now()
	result, err := attempt(ctx, t, kept, s, step, i)
	if err != nil && step.Server == node.Ours {
		t.Fatal(err)
	}
	if err != nil {
		// That others do not get as far as to a life is a result.
		result = results.Trial{Why: life.Brief(err)}
	}
	result.Took = time.Since(begun).Seconds()
	t.Logf("%s on %s: %s", step.Script.Name, step.Server, oneLine(result))
	return result
}

func attempt(ctx context.Context, t *testing.T, kept *stages, s drivers.System, step plan.Step, i int) (results.Trial, error) {
	t.Helper()
	script, server := step.Script, step.Server
	stage, err := kept.take(ctx, s, script, server)
	if err != nil {
		return results.Trial{}, err
	}
	result, err := stage.Run(ctx, script, step.Bounds, i)
	if err == nil && server == node.Ours {
		found.asked(s.Key, stage)
	}
	if err == nil && result.Whole {
		found.version(ctx, s, stage)
	}
	if err != nil || !result.Whole {
		t.Logf("%s on %s: %+v\n%s", script.Name, server, result, logs(stage))
	}
	if result.Refused > 0 {
		all := stage.Refusals()
		t.Logf("the last refusals: %s\n%s", strings.Join(all[max(0, len(all)-shownRefusals):], "\n"), asked(stage))
	}
	if result.Wrong > 0 && server == node.Ours {
		t.Logf("contacts with Pods of others:\n%s", strings.Join(stage.Wrong(), "\n"))
	}
	late := step.Bounds.Formed > 0 && result.Seconds > step.Bounds.Formed.Seconds()
	if (late || result.Failed > step.Bounds.Failed) && server == node.Ours {
		t.Logf("what they were denied, and what they say:\n%s%s", asked(stage), logs(stage))
	}
	kept.leave(stage, server, err == nil && result.Whole && !script.OwnServer)
	return result, err
}

// oneLine is a result for people.
func oneLine(r results.Trial) string {
	text := fmt.Sprintf("whole %t after %.1f s, %d restarts; contacts %d, dead %d, wrong %d; look-ups %d, denied %d, failed %d; refused %d",
		r.Whole, r.Seconds, r.Restarts, r.Own, r.Dead, r.Wrong, r.Lookups, r.Denied, r.Failed, r.Refused)
	if r.Answered > 0 {
		text += fmt.Sprintf("; the first answer after %.2f s", r.Answered)
	}
	if r.Requests > 0 {
		text += fmt.Sprintf("; requests %d, errors %d, slowest %.2f s", r.Requests, r.Errors, r.Slowest)
	}
	if r.Why != "" {
		text += "; " + r.Why
	}
	return text
}

// judge holds ours to its bounds. What the others do is only written down.
func judge(t *testing.T, row results.Row, bounds drivers.Bounds) {
	t.Helper()
	if row.Server != node.Ours {
		return
	}
	factor := 1.0
	if !*whole {
		factor = slower
	}
	for _, each := range row.Missed(bounds, factor) {
		t.Error(each)
	}
}

// shownRefusals is how many of the last lines are shown.
const shownRefusals = 4

// shownLines is how many of the last lines of each Pod a failure shows.
const shownLines = 25

// longest is that of a line.
const longest = 250

func logs(stage *life.Stage) string {
	var all strings.Builder
	seen := make(map[string]bool)
	for _, each := range stage.Lives() {
		if seen[each.Pod] {
			continue
		}
		seen[each.Pod] = true
		lines := strings.Split(strings.TrimSpace(stage.LogOf(each.Pod)), "\n")
		fmt.Fprintf(&all, "--- %s\n", each.Pod)
		for _, line := range lines[max(0, len(lines)-shownLines):] {
			fmt.Fprintln(&all, line[:min(longest, len(line))])
		}
	}
	return all.String()
}

// asked is what the Pods of a stage were denied, each with its time.
func asked(stage *life.Stage) string {
	var all strings.Builder
	for _, q := range stage.Queries() {
		if q.Rcode != "NOERROR" {
			fmt.Fprintf(&all, "%s %s %s %s %s\n", q.At.Format("15:04:05.000"), q.From, q.Type, q.Name, q.Rcode)
		}
	}
	for _, each := range stage.Lives() {
		fmt.Fprintf(&all, "%s %s %s, ready %v\n", each.Begun.Format("15:04:05.000"), each.Address, each.Pod, each.Ready)
	}
	return all.String()
}

// stages keeps a stage for the next life where that begins with a system that is whole, and
// time is short. In whole each life has its own.
type stages struct {
	standing *life.Stage
	server   string
}

func (k *stages) take(ctx context.Context, s drivers.System, script life.Script, server string) (*life.Stage, error) {
	if k.standing != nil && k.server == server && !script.Fresh && !script.OwnServer {
		stage := k.standing
		k.standing = nil
		return stage, nil
	}
	if err := k.close(); err != nil {
		return nil, err
	}
	stage, err := life.Open(ctx, world, s, server, script)
	if err != nil || script.Fresh {
		return stage, err
	}
	if err := stage.Form(ctx); err != nil {
		err = fmt.Errorf("%s did not form before %s: %w\n%s", s.Key, script.Name, err, logs(stage))
		return nil, errors.Join(err, stage.Close())
	}
	return stage, nil
}

// leave ends with a stage.
func (k *stages) leave(stage *life.Stage, server string, good bool) {
	if err := k.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	k.standing, k.server = stage, server
	if *whole || !good {
		if err := k.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func (k *stages) close() error {
	if k.standing == nil {
		return nil
	}
	stage := k.standing
	k.standing = nil
	return stage.Close()
}
