package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
	"time"
)

// panel is one set of axes with lines over time.
type panel struct {
	title string // with the unit
	lines []series
}

// The measures of a plot, in pixels.
const (
	panelWide, panelHigh = 560, 170
	marginLeft           = 56
	marginTop            = 30
	marginBottom         = 26
	marginRight          = 14
	headHigh             = 44
)

// colours tell the flows of a panel apart.
var colours = []string{"#1f6fb4", "#d1603d", "#3b8a4b", "#8a56a5", "#b58900", "#4c5a67"}

// panels are what is plotted of a run.
func panels(r *Result) []panel {
	goodput, window, rtt := panel{title: "goodput, Mbit/s", lines: r.flows}, panel{title: "congestion window, KB"}, panel{title: "round trip, ms"}
	for i, s := range r.senders {
		window.lines = append(window.lines, series{r.flows[i].name, s.window})
		rtt.lines = append(rtt.lines, series{r.flows[i].name, s.rtt})
	}
	return []panel{goodput, window, rtt, {"queue of the bottleneck, KB", []series{{"queue", r.queue}}}}
}

// plot writes the first runs of a scenario beside one another as an SVG: a column a controller, a row a panel. A row has
// one scale.
func plot(w io.Writer, s *Scenario, rows []*row) error {
	columns := make([][]panel, len(rows))
	for i, r := range rows {
		columns[i] = panels(r.runs[0])
	}
	var b strings.Builder
	wide, high := len(rows)*panelWide, headHigh+len(columns[0])*panelHigh
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`,
		wide, high, wide, high)
	fmt.Fprintf(&b, "\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", wide, high)
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"18\" font-size=\"14\" font-weight=\"bold\">%s</text>\n", marginLeft, html.EscapeString(s.Name+": "+s.What))
	for i, r := range rows {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"36\" font-size=\"12\">%s</text>\n", i*panelWide+marginLeft, html.EscapeString(r.control))
	}
	for k := range columns[0] {
		var until time.Duration
		top := 0.0
		for i := range columns {
			u, t := extent(columns[i][k].lines)
			until, top = max(until, u), max(top, t)
		}
		for i := range columns {
			columns[i][k].draw(&b, i*panelWide, headHigh+k*panelHigh, until, ceiling(top))
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// extent is the last time and the largest value of lines.
func extent(lines []series) (until time.Duration, top float64) {
	for _, l := range lines {
		for _, p := range l.points {
			until, top = max(until, p.at), max(top, p.value)
		}
	}
	return until, top
}

// ceiling is a round number not below x.
func ceiling(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 1.2, 1.6, 2, 3, 4, 5, 6, 8} {
		if x <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// draw draws the panel with its upper left corner at x, y.
func (p *panel) draw(b *strings.Builder, x, y int, until time.Duration, top float64) {
	left, upper := float64(x+marginLeft), float64(y+marginTop)
	wide, high := float64(panelWide-marginLeft-marginRight), float64(panelHigh-marginTop-marginBottom)
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" fill=\"#333\">%s</text>\n", left, upper-8, html.EscapeString(p.title))
	fmt.Fprintf(b, "<path d=\"M%.0f %.0fV%.0fH%.0f\" fill=\"none\" stroke=\"#888\"/>\n", left, upper, upper+high, left+wide)
	const ticks = 4
	for i := range ticks + 1 {
		part := float64(i) / ticks
		tick := upper + high*(1-part)
		fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#666\">%.4g</text>\n", left-4, tick+4, top*part)
		fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\" fill=\"#666\">%.3g s</text>\n", left+wide*part, upper+high+14, until.Seconds()*part)
		if i > 0 {
			fmt.Fprintf(b, "<path d=\"M%.0f %.1fH%.0f\" stroke=\"#e4e4e4\"/>\n", left, tick, left+wide)
		}
	}
	for i, l := range p.lines {
		if len(l.points) == 0 {
			continue
		}
		fmt.Fprintf(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.2\" points=\"", colours[i%len(colours)])
		for _, q := range l.points {
			fmt.Fprintf(b, "%.1f,%.1f ", left+wide*q.at.Seconds()/until.Seconds(), upper+high*(1-q.value/top))
		}
		b.WriteString("\"/>\n")
		if len(p.lines) > 1 {
			fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\" fill=\"%s\">%s</text>\n", left+wide-float64(70*i), upper-8,
				colours[i%len(colours)], html.EscapeString(l.name))
		}
	}
}
