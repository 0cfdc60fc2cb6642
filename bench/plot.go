package main

import (
	"image/color"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const ( // in points
	barHeight  = vg.Length(7)
	paneWidth  = vg.Length(450)
	paneMargin = vg.Length(85) // title, axis and legend
	longest    = 6             // bars beyond are cut
)

var (
	barColors   = []color.Color{color.RGBA{0x1f, 0x6f, 0xb4, 255}, color.RGBA{0xf2, 0x8e, 0x2b, 255}, color.RGBA{0x9c, 0x9c, 0x9c, 255}, color.RGBA{0x59, 0xa1, 0x4f, 255}}
	baseColor   = color.Gray{0x40}
	targetColor = color.RGBA{0xd0, 0x10, 0x10, 255}
)

// draw writes a picture of the ratios to base: a pane where more is better
// beside one where less is. It shows each workload's first figure and those
// that have a target.
func (t *table) draw(path string) error {
	var more, less []row
	for _, r := range slices.Backward(t.rows) { // the first row is the topmost
		switch {
		case !r.first && r.figure.targets == nil || math.IsNaN(t.ratio(r, 0)):
		case r.figure.less:
			less = append(less, r)
		default:
			more = append(more, r)
		}
	}
	panes := [][]*plot.Plot{{}}
	for _, side := range []struct {
		title string
		rows  []row
	}{{"more is better", more}, {"less is better", less}} {
		if len(side.rows) == 0 {
			continue
		}
		p, err := t.pane(side.title, side.rows)
		if err != nil {
			return err
		}
		panes[0] = append(panes[0], p)
	}
	tall := vg.Length(max(len(more), len(less), 1)) * barHeight * (vg.Length(len(t.stacks)) + 1)
	canvas := vgsvg.New(paneWidth*vg.Length(len(panes[0])), tall+paneMargin)
	tiles := draw.Tiles{Rows: 1, Cols: len(panes[0]), PadX: vg.Centimeter}
	for i, c := range plot.Align(panes, tiles, draw.New(canvas))[0] {
		panes[0][i].Draw(c)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// pane draws one group of bars a row, upwards.
func (t *table) pane(title string, rows []row) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, "times "+base
	p.X.Min, p.X.Max = 0, 1
	p.Legend.Top = true
	p.Y.Padding, p.Legend.Padding = barHeight, 2 // a viewer's font may be wider than ours
	p.Legend.TextStyle.Font.Size = font.Length(8)
	p.Y.Tick.Label.Font.Size = font.Length(8)
	var names []string
	for _, r := range rows {
		names = append(names, r.workload.name+" "+r.figure.name)
	}
	bars := 0
	for i, name := range t.stacks {
		if name == base {
			continue
		}
		values := make(plotter.Values, len(rows))
		for k, r := range rows {
			if ratio := t.ratio(r, i); !math.IsNaN(ratio) {
				values[k] = min(ratio, longest)
			}
		}
		b, err := plotter.NewBarChart(values, barHeight)
		if err != nil {
			return nil, err
		}
		b.Horizontal, b.Color, b.LineStyle.Width = true, barColors[bars%len(barColors)], 0
		b.Offset = (vg.Length(len(t.stacks)-2)/2 - vg.Length(bars)) * barHeight
		p.Add(b)
		p.Legend.Add(name, b)
		bars++
	}
	one, err := line(baseColor, 1, -0.5, float64(len(rows))-0.5)
	if err != nil {
		return nil, err
	}
	p.Add(one)
	p.Legend.Add(base, one)
	if err := t.marks(p, rows); err != nil {
		return nil, err
	}
	p.NominalY(names...)
	return p, nil
}

// marks draws the targets over their groups.
func (t *table) marks(p *plot.Plot, rows []row) error {
	var first *plotter.Line
	for k, r := range rows {
		for _, x := range r.figure.targets {
			bound, ok := t.bound(r, x)
			of := t.cell(r, base).median
			if !ok || of == 0 {
				continue
			}
			l, err := line(targetColor, min(bound/of, longest), float64(k)-0.45, float64(k)+0.45)
			if err != nil {
				return err
			}
			l.Width = vg.Points(1.5)
			p.Add(l)
			if first == nil {
				first = l
				p.Legend.Add("target", l)
			}
		}
	}
	return nil
}

// line is upright.
func line(c color.Color, x, from, to float64) (*plotter.Line, error) {
	l, err := plotter.NewLine(plotter.XYs{{X: x, Y: from}, {X: x, Y: to}})
	if err == nil {
		l.Color = c
	}
	return l, err
}
