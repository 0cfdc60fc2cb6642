package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is the runs of one scenario with one controller.
type row struct {
	scenario *Scenario
	control  string
	runs     []*Result
}

// median is that of a number over the runs.
func (r *row) median(of func(*Result) float64) float64 {
	var all []float64
	for _, x := range r.runs {
		all = append(all, of(x))
	}
	return percentile(all, 0.5)
}

// pooled is all runs' times together.
func (r *row) pooled(of func(*Result) []time.Duration) []time.Duration {
	var all [][]time.Duration
	for _, x := range r.runs {
		all = append(all, of(x))
	}
	return slices.Concat(all...)
}

// table prints the rows.
func table(w io.Writer, rows []*row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\tcontroller\tgoodput\tdone p50\tdone p95\tRTT p50\tRTT p95\tdropped\tlost\tagain\tqueue p50\tqueue max\tJain\t")
	fmt.Fprintln(t, "\t\tMbit/s\ts\ts\tms\tms\tdatagrams\tpackets\tframes\tKB\tKB\t\t")
	for _, r := range rows {
		took := r.pooled(func(x *Result) []time.Duration { return x.Took })
		rtts := r.pooled(func(x *Result) []time.Duration { return x.RTTs })
		done50, done95 := "-", "-"
		if len(took) > 0 {
			done50, done95 = seconds(percentile(took, 0.5)), seconds(percentile(took, 0.95))
		}
		fair := "-"
		if len(r.runs[0].Shares) > 1 {
			fair = fmt.Sprintf("%.3f", r.median(func(x *Result) float64 { return x.Jain }))
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%s\t%s\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t\n", r.scenario.Name, r.control,
			r.median(func(x *Result) float64 { return x.Goodput }), done50, done95,
			percentile(rtts, 0.5).Seconds()*1000, percentile(rtts, 0.95).Seconds()*1000,
			r.median(func(x *Result) float64 { return float64(x.Dropped) }),
			r.median(func(x *Result) float64 { return float64(x.Lost) }),
			r.median(func(x *Result) float64 { return float64(x.Again) }),
			r.median(func(x *Result) float64 { return percentile(x.Queued, 0.5) })/kilobytes,
			r.median(func(x *Result) float64 { return x.QueuedMost })/kilobytes, fair)
	}
	return t.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }
