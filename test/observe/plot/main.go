// Command plot draws the panels of the dashboard from what the command picture
// has recorded:
//
//	plot SERIES.json PICTURE.svg
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
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

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plot SERIES.json PICTURE.svg")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(series, svg string) error {
	text, err := os.ReadFile(series)
	if err != nil {
		return err
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", series, err)
	}
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	image, err := r.draw()
	if err != nil {
		return fmt.Errorf("%s: %w", series, err)
	}
	return save(image, svg)
}

const (
	columns = 3
	width   = 11 * vg.Centimeter
	height  = 6 * vg.Centimeter
)

// draw lays the panels out as the dashboard does.
func (r *recording) draw() (*vgsvg.Canvas, error) {
	rows := (len(r.Panels) + columns - 1) / columns
	image := vgsvg.New(columns*width, vg.Length(rows)*height)
	page := draw.New(image)
	page.SetColor(background)
	page.Fill(page.Rectangle.Path())
	tiles := draw.Tiles{
		Rows: rows, Cols: columns,
		PadX: vg.Points(20), PadY: vg.Points(8), PadTop: vg.Points(4), PadRight: vg.Points(10), PadBottom: vg.Points(4),
		// The first label of an axis stands out to the left.
		PadLeft: vg.Points(20),
	}
	for i, each := range r.Panels {
		p, err := r.drawing(&each)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Title, err)
		}
		p.Draw(tiles.At(page, i%columns, i/columns))
	}
	return image, nil
}

// save names more fonts than the library does: those of the same widths where
// the first one is missing.
func save(image *vgsvg.Canvas, file string) error {
	var svg bytes.Buffer
	if _, err := image.WriteTo(&svg); err != nil {
		return err
	}
	const family = "font-family:Liberation Sans"
	text := strings.ReplaceAll(svg.String(), family+";", family+",Arial,Helvetica,sans-serif;")
	return os.WriteFile(file, []byte(text), 0o644)
}
