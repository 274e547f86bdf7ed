// Package picture is the common part of the plots: it reads figures, writes the
// picture, and says how it looks.
package picture

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
)

// The colours are told apart by colour-blind people too (Okabe and Ito). The
// background stays white, also on a dark page.
var (
	Blue   = color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}
	Red    = color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}
	Green  = color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}
	Pink   = color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}
	Orange = color.RGBA{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}
	Sky    = color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}
	Grey   = color.RGBA{R: 0x55, G: 0x55, B: 0x55, A: 0xff}

	Background = color.White
	// Grid is the colour of the lines behind the others.
	Grid = color.Gray{Y: 0xdd}
)

// Main is the main function of a command with two arguments: a JSON file, whose
// text draw gets, and the SVG file for the picture that draw returns.
func Main(draw func(text []byte) (io.WriterTo, error)) {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "usage: %s FIGURES.json PICTURE.svg\n", os.Args[0])
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], draw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(figures, file string, draw func(text []byte) (io.WriterTo, error)) error {
	text, err := os.ReadFile(figures)
	if err != nil {
		return err
	}
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	drawn, err := draw(text)
	if err != nil {
		return fmt.Errorf("%s: %w", figures, err)
	}
	return save(drawn, file)
}

// save names more fonts than the library does: those of the same widths where
// the first one is missing.
func save(drawn io.WriterTo, file string) error {
	var svg bytes.Buffer
	if _, err := drawn.WriteTo(&svg); err != nil {
		return err
	}
	const family = "font-family:Liberation Sans"
	text := strings.ReplaceAll(svg.String(), family+";", family+",Arial,Helvetica,sans-serif;")
	return os.WriteFile(file, []byte(text), 0o644)
}
