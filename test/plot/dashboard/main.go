// Command dashboard draws the panels of the dashboard from what the command
// test/observe/picture has recorded:
//
//	dashboard SERIES.json PICTURE.svg
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/plot/picture"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// recording is the part of a recording that is drawn.
type recording struct {
	Start  time.Time
	End    time.Time
	Events []struct {
		At   time.Time
		What string
	}
	Panels []panel
}

type panel struct {
	Title string
	Unit  string
	Lines []struct {
		Legend string
		Points [][2]float64
	}
}

// isEmpty reports whether there is nothing but zeros.
func (p panel) isEmpty() bool {
	for _, line := range p.Lines {
		for _, point := range line.Points {
			if point[1] != 0 {
				return false
			}
		}
	}
	return true
}

func main() {
	picture.Main(func(text []byte) (io.WriterTo, error) {
		var r recording
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		return r.draw()
	})
}

const (
	columns = 3
	width   = 11 * vg.Centimeter
	height  = 6 * vg.Centimeter
)

// draw lays the panels out as the dashboard does, but for those in which nothing happens: the
// server that is recorded has neither topology nor checks.
func (r *recording) draw() (io.WriterTo, error) {
	panels := slices.DeleteFunc(slices.Clone(r.Panels), panel.isEmpty)
	rows := (len(panels) + columns - 1) / columns
	image := vgsvg.New(columns*width, vg.Length(rows)*height)
	page := draw.New(image)
	page.SetColor(picture.Background)
	page.Fill(page.Rectangle.Path())
	tiles := draw.Tiles{
		Rows: rows, Cols: columns,
		PadX: vg.Points(20), PadY: vg.Points(8), PadTop: vg.Points(4), PadRight: vg.Points(10), PadBottom: vg.Points(4),
		// The first label of an axis stands out to the left.
		PadLeft: vg.Points(20),
	}
	for i, each := range panels {
		p, err := r.drawing(&each)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Title, err)
		}
		p.Draw(tiles.At(page, i%columns, i/columns))
	}
	return image, nil
}
