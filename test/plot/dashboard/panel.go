package main

import (
	"fmt"
	"image/color"
	"strconv"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/plot/picture"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var colours = []color.Color{
	picture.Blue, picture.Red, picture.Green, picture.Pink, picture.Orange, picture.Sky, picture.Grey,
}

// dashes tell lines apart that have one colour.
var dashes = [][]vg.Length{nil, {vg.Points(4), vg.Points(2)}}

func (r *recording) drawing(of *panel) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Title.TextStyle.Font.Size = of.Title, vg.Points(9)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, r.End.Sub(r.Start).Seconds(), 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = clock{}, in(of.Unit)
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = vg.Points(7), vg.Points(7)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size, p.Legend.ThumbnailWidth = vg.Points(6.5), vg.Points(12)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = nil, picture.Grid
	p.Add(grid)
	highest := 0.0
	for i, line := range of.Lines {
		for j, xys := range r.since(line.Points, of.Unit) {
			drawn, err := plotter.NewLine(xys)
			if err != nil {
				return nil, err
			}
			drawn.Color, drawn.Width = colours[i%len(colours)], vg.Points(1.2)
			drawn.Dashes = dashes[i/len(colours)%len(dashes)]
			p.Add(drawn)
			if j == 0 {
				p.Legend.Add(line.Legend, drawn)
			}
			for _, xy := range xys {
				highest = max(highest, xy.Y)
			}
		}
	}
	if highest > 0 {
		// The legend stands above the lines.
		p.Y.Max = highest * (1.1 + 0.12*float64(len(of.Lines)))
	}
	return p, r.mark(p)
}

// mebibyte is the unit for bytes, so that the ticks are round.
const mebibyte = 1 << 20

// gap is how many seconds without a point break a line: there was nothing to
// draw then.
const gap = 5

// since counts the seconds from the start. It returns a part for each stretch
// without a gap.
func (r *recording) since(points [][2]float64, unit string) (parts []plotter.XYs) {
	start := float64(r.Start.UnixNano()) / float64(time.Second)
	for i, point := range points {
		if unit == "bytes" {
			point[1] /= mebibyte
		}
		if i == 0 || point[0]-points[i-1][0] > gap {
			parts = append(parts, nil)
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], plotter.XY{X: point[0] - start, Y: point[1]})
	}
	return parts
}

// mark draws when something was done to the cluster.
func (r *recording) mark(p *plot.Plot) error {
	for _, e := range r.Events {
		at := e.At.Sub(r.Start).Seconds()
		line, err := plotter.NewLine(plotter.XYs{{X: at, Y: 0}, {X: at, Y: p.Y.Max}})
		if err != nil {
			return err
		}
		line.Color, line.Width, line.Dashes = color.Gray{Y: 0x99}, vg.Points(0.6), []vg.Length{vg.Points(2), vg.Points(2)}
		p.Add(line)
	}
	return nil
}

// clock labels every half minute as minutes and seconds.
type clock struct{}

// Ticks implements plot.Ticker.
func (clock) Ticks(low, high float64) []plot.Tick {
	const apart = 30
	var ticks []plot.Tick
	for at := 0; float64(at) <= high; at += apart {
		ticks = append(ticks, plot.Tick{Value: float64(at), Label: fmt.Sprintf("%d:%02d", at/60, at%60)})
	}
	return ticks
}

// in labels the default ticks with Grafana's unit.
type in string

// Ticks implements plot.Ticker.
func (unit in) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, tick := range ticks {
		if tick.Label != "" {
			ticks[i].Label = unit.label(tick.Value)
		}
	}
	return ticks
}

func (unit in) label(value float64) string {
	short := func(v float64, suffix string) string { return strconv.FormatFloat(v, 'g', 4, 64) + suffix }
	switch {
	case value == 0:
		return "0"
	case unit == "percentunit":
		return short(100*value, " %")
	case unit == "bytes":
		return short(value, " MiB")
	case unit == "reqps":
		return short(value, "/s")
	case unit == "s" && value < 1:
		return short(1000*value, " ms")
	case unit == "s":
		return short(value, " s")
	}
	return short(value, "")
}
