package endpoints

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/release"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// head returns what each reply begins with.
func head(views []*view, kind string, now time.Time) v1.Header {
	h := v1.Header{APIVersion: v1.APIVersion, Kind: kind, Now: v1.At(now), Server: thisServer()}
	for _, v := range views {
		since := v.outage().Since
		if !since.IsZero() && (h.AsOf.IsZero() || since.Before(h.AsOf.Time)) {
			h.AsOf = v1.At(since)
		}
		h.Stale = h.Stale || v.isStale()
	}
	return h
}

func thisServer() v1.Server {
	// Without a name there is none.
	name, _ := os.Hostname()
	server := v1.Server{Name: name, Version: release.Version(), Commit: release.Commit, Started: v1.At(processBegan)}
	if words := strings.Fields(caddy.AppVersion); len(words) > 0 {
		server.CoreDNS = words[0]
	}
	if own := ownAddress(); own.IsValid() {
		server.Address = own.String()
	}
	return server
}

// ownAddress returns the first address of the machine that others can reach.
func ownAddress() netip.Addr {
	all := localAddresses(&net.UDPAddr{})
	if len(all) == 0 {
		return netip.Addr{}
	}
	return all[0]
}

// outage says whether the source of a view tells nothing.
func (v *view) outage() source.Outage {
	if s, ok := v.feed.source.(source.Watched); ok {
		return s.Outage()
	}
	return source.Outage{}
}

// longestSilence is how old the last event of a stream may be: a bookmark comes about once a
// minute.
const longestSilence = 90 * time.Second

// sources returns the streams of a view.
func (v *view) sources(now time.Time, lost []v1.Loss) (all []v1.Source) {
	s, ok := v.feed.source.(source.Watched)
	if !ok {
		return nil
	}
	for _, stream := range s.Streams() {
		all = append(all, v1.Source{
			Stream: stream.Name, From: s.From(), Up: stream.Up, LastEvent: v1.At(stream.LastEvent),
			Relists: stream.Relists, Errors: stream.Errors, Lost: lost,
		})
	}
	return all
}

// troubled says what is wrong with the source of a view, the worst first.
func (v *view) troubled(streams []v1.Source, lost []v1.Loss, now time.Time) (all []v1.Finding) {
	s, ok := v.feed.source.(source.Watched)
	if !ok {
		return nil
	}
	if outage := s.Outage(); !outage.Since.IsZero() {
		all = append(all, v1.Finding{
			ID: "source-lost", Level: v1.LevelError, Text: why.Lost(s.From(), outage.Since, now),
			Detail: why.LostDetail(model.Shorten(outage.Why, maxDetail), outage.Next, lossesBefore(lost, now), now),
		})
	}
	switch {
	case !v.isSynced():
		all = append(all, v1.Finding{ID: "not-ready", Level: v1.LevelError, Text: "Nothing is answered yet: " + textNotReady + ".", Detail: v.where()})
	case v.isStale():
		all = append(all, v1.Finding{ID: "stale", Level: v1.LevelWarning, Text: "Answers are " + textStale + ".", Detail: v.where()})
	}
	if len(all) > 0 {
		return all
	}
	for i := range streams {
		switch each := &streams[i]; {
		case !each.Up:
			all = append(all, v1.Finding{ID: "stream-lost", Level: v1.LevelError, Text: why.Unwatched(each.Stream)})
		case !each.LastEvent.IsZero() && now.Sub(each.LastEvent.Time) > longestSilence:
			all = append(all, v1.Finding{ID: "stream-silent", Level: v1.LevelError, Text: why.Silence(each.Stream, now.Sub(each.LastEvent.Time))})
		}
	}
	return all
}

// maxDetail bounds what is shown of a text that others wrote, in bytes.
const maxDetail = 253

func lossesBefore(lost []v1.Loss, now time.Time) (all []why.Loss) {
	for _, loss := range lost {
		if !loss.To.IsZero() && now.Sub(loss.From.Time) <= time.Hour {
			all = append(all, why.Loss{From: loss.From.Time, To: loss.To.Time})
		}
	}
	return all
}

// maxEvents is how many events of a server are looked at.
const maxEvents = 2000

// losses returns when the source of a view was lost within a time, the last of it last.
func (v *view) losses(from, to time.Time) (all []v1.Loss) {
	outage := v.outage()
	if r := &v.recording; r.tape != nil {
		all = lossesOf(r, from, to)
	}
	if n := len(all); n > 0 && all[n-1].To.IsZero() {
		if outage.Since.IsZero() {
			// What came between is not in the history.
			all = all[:n-1]
		}
		return all
	}
	if !outage.Since.IsZero() && outage.Since.Before(to) {
		all = append(all, v1.Loss{From: v1.At(outage.Since), Why: model.Shorten(outage.Why, maxDetail)})
	}
	return all
}

func lossesOf(r *recording, from, to time.Time) (all []v1.Loss) {
	events, _, err := r.tape.Events(from.Add(-history.MaxWindow), to, maxEvents, r.instant())
	if err != nil {
		return nil
	}
	for _, e := range slices.Backward(events) {
		n := len(all)
		switch open := n > 0 && all[n-1].To.IsZero(); {
		case e.Kind == history.Lost && !open:
			_, how, _ := strings.Cut(e.Text, "\n")
			all = append(all, v1.Loss{From: v1.At(e.At), Why: model.Shorten(how, maxDetail)})
		case e.Kind == history.Back && open:
			all[n-1].To = v1.At(e.At)
		}
	}
	return slices.DeleteFunc(all, func(l v1.Loss) bool { return !l.To.IsZero() && l.To.Before(from) })
}

// snapshots returns the files that outlive the process.
func snapshots(views []*view) (all []v1.Snapshot) {
	for _, v := range views {
		for _, s := range v.stanzas {
			option := s.stanza.Snapshot
			if option.File == "" || slices.ContainsFunc(all, func(known v1.Snapshot) bool { return known.File == option.File }) {
				continue
			}
			snapshot := v1.Snapshot{File: option.File, MaxAgeSeconds: int64(option.MaxAge / time.Second)}
			if info, err := os.Stat(option.File); err == nil {
				snapshot.Written, snapshot.Size = v1.At(info.ModTime()), info.Size()
			}
			all = append(all, snapshot)
		}
	}
	return all
}

// recorders puts together what histories hold.
func recorders(views []*view) *v1.Recorder {
	var sum *v1.Recorder
	var seen []*tape
	for _, v := range views {
		t := v.recording.tape
		if t == nil || slices.Contains(seen, t) {
			continue
		}
		seen = append(seen, t)
		size := t.Size()
		if sum == nil {
			sum = new(v1.Recorder)
		}
		sum.Bytes += size.Bytes
		sum.Most += size.Most
		sum.Dropped += size.Dropped
		if size.Reaches.After(sum.Reaches.Time) {
			sum.Reaches = v1.At(size.Reaches)
		}
	}
	return sum
}

// maxLeftOut is how much of what is left out is shown.
const maxLeftOut = 20

// leftOutOf returns what is left out of a view.
func (v *view) leftOutOf() (all []v1.LeftOut) {
	for key, text := range v.leftOut.All {
		name, namespace, _ := strings.Cut(key, ".")
		all = append(all, v1.LeftOut{Kind: "Service", Namespace: namespace, Name: name, Text: model.Shorten(text, maxDetail)})
	}
	for key, set := range v.sets.All {
		if text := set.LeftOut(); text != "" {
			name, namespace, _ := strings.Cut(key, ".")
			all = append(all, v1.LeftOut{Kind: "EndpointSlice", Namespace: namespace, Name: name, Text: model.Shorten(text, maxDetail)})
		}
	}
	for _, refused := range v.refusals.All() {
		all = append(all, v1.LeftOut{Kind: refused.Kind, Namespace: refused.Namespace, Name: refused.Name, Text: model.Shorten(refused.Why, maxDetail)})
	}
	slices.SortFunc(all, func(a, b v1.LeftOut) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// stanzaOf returns where a stanza stands, and its zones.
func stanzaOf(s *shown) v1.Stanza {
	stanza := v1.Stanza{Where: s.stanza.Where, Zones: []string{}}
	for _, zone := range s.stanza.Zones {
		stanza.Zones = append(stanza.Zones, cmp.Or(strings.TrimSuffix(zone, "."), "."))
	}
	return stanza
}

func numberOf(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
