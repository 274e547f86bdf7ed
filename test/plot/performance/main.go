// Command performance draws queries per second over endpoints, from the figures
// that the benchmarks have measured:
//
//	performance FIGURES.json PICTURE.svg
package main

import (
	"encoding/json"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strconv"

	"github.com/k8s-endpoints/k8s_endpoints/test/plot/picture"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// queries is the part of the figures that is drawn.
type queries struct {
	Case      string
	Endpoints int
	Client    int
	Server    string
	PerSecond struct{ Median, Min, Max float64 } `json:"queriesPerSecond"`
}

func main() {
	picture.Main(func(text []byte) (io.WriterTo, error) {
		var report struct{ Queries []queries }
		if err := json.Unmarshal(text, &report); err != nil {
			return nil, err
		}
		p, err := drawing(report.Queries)
		if err != nil {
			return nil, err
		}
		return p.WriterTo(18*vg.Centimeter, 10*vg.Centimeter, "svg")
	})
}

// line is the colour, the dashes and the shape for one server.
type line struct {
	server string
	color  color.Color
	shape  draw.GlyphDrawer
	dashes []vg.Length
}

// The shapes are told apart by all.
var lines = []line{
	{"ceiling", picture.Grey, draw.TriangleGlyph{}, []vg.Length{vg.Points(5), vg.Points(3)}},
	{"k8s_endpoints", picture.Blue, draw.CircleGlyph{}, nil},
	{"kubernetes", picture.Red, draw.SquareGlyph{}, nil},
}

// client is the size of the answers that are drawn, in bytes.
const client = 1232

func drawing(all []queries) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text = "endpoints of the headless Service"
	p.Y.Label.Text = fmt.Sprintf("A queries per second, one core, %s-byte client", number(client))
	p.X.Scale = plot.LogScale{}
	p.Y.Min = 0
	p.Y.Tick.Marker = thousands{}
	p.Legend.Top = false
	p.Legend.Left = true
	p.Legend.Padding = vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = picture.Grid, picture.Grid
	p.Add(grid)
	var ticks plot.ConstantTicks
	for _, l := range lines {
		drawn := points(all, l.server)
		if len(drawn.XYs) == 0 {
			return nil, fmt.Errorf("no figures of %s", l.server)
		}
		if err := l.add(p, drawn); err != nil {
			return nil, err
		}
		ticks = ticks[:0]
		for _, at := range drawn.XYs {
			ticks = append(ticks, plot.Tick{Value: at.X, Label: number(int(at.X))})
		}
	}
	p.X.Tick.Marker = ticks
	return p, nil
}

// withErrors are medians with the lowest and the highest round.
type withErrors struct {
	plotter.XYs
	plotter.YErrors
}

func points(all []queries, server string) withErrors {
	var w withErrors
	chosen := slices.DeleteFunc(slices.Clone(all), func(q queries) bool {
		return q.Case != "A" || q.Client != client || q.Server != server
	})
	slices.SortFunc(chosen, func(a, b queries) int { return a.Endpoints - b.Endpoints })
	for _, q := range chosen {
		w.XYs = append(w.XYs, plotter.XY{X: float64(q.Endpoints), Y: q.PerSecond.Median})
		low, high := q.PerSecond.Median-q.PerSecond.Min, q.PerSecond.Max-q.PerSecond.Median
		w.YErrors = append(w.YErrors, struct{ Low, High float64 }{low, high})
	}
	return w
}

func (l line) add(p *plot.Plot, drawn withErrors) error {
	path, marks, err := plotter.NewLinePoints(drawn)
	if err != nil {
		return err
	}
	path.Color, path.Width, path.Dashes = l.color, vg.Points(2), l.dashes
	marks.Color, marks.Shape, marks.Radius = l.color, l.shape, vg.Points(3.5)
	bars, err := plotter.NewYErrorBars(drawn)
	if err != nil {
		return err
	}
	bars.Color = l.color
	p.Add(bars, path, marks)
	p.Legend.Add(l.server, path, marks)
	return nil
}

// thousands labels the default ticks as people write numbers.
type thousands struct{}

// Ticks implements plot.Ticker.
func (thousands) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = number(int(ticks[i].Value))
		}
	}
	return ticks
}

func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
