package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quicpro/internal/race"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long skips a test under the race detector: a simulation has one goroutine, of which TestOvertakenPacketsAreNotTakenForLost shows
// it enough.
func long(t *testing.T) {
	t.Helper()
	if race.Enabled {
		t.Skip("under the race detector one simulation on one goroutine is enough")
	}
}

func measured(t *testing.T, scenario, controller string) *row {
	t.Helper()
	s, err := chosen(Scenarios(), func(s Scenario) string { return s.Name }, scenario)
	if err != nil {
		t.Fatal(err)
	}
	c, err := chosen(Controllers(), func(c Controller) string { return c.Name }, controller)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := measure(s, c, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	return rows[0]
}

// A bulk transfer fills its link, and no queue holds more than it can.
func TestABulkTransferFillsTheLink(t *testing.T) {
	long(t)
	for _, controller := range []string{"cubic", "newreno"} {
		r := measured(t, "bulk", controller).runs[0]
		if r.Goodput < 17 || r.Goodput > 20 {
			t.Errorf("%s: %.2f Mbit/s over a link of 20", controller, r.Goodput)
		}
		if low, high := percentile(r.RTTs, 0), percentile(r.RTTs, 0.95); low < 40*time.Millisecond || low > 45*time.Millisecond || high > 85*time.Millisecond {
			t.Errorf("%s: round trips from %v to %v, of 40 ms and a queue of 40", controller, low, high)
		}
		if r.Lost < r.Dropped || r.Lost > r.Dropped+r.Dropped/10 || r.Dropped == 0 || r.QueuedMost > 100*kilobytes {
			t.Errorf("%s: %d dropped, %d lost, at most %.0f bytes in a queue of 100 KB", controller, r.Dropped, r.Lost, r.QueuedMost)
		}
	}
}

// Slow start ends before the queue is full where that is a bandwidth-delay product, and the link is busy from then on. The
// bytes themselves take 1.72 s; the rest is the handshake, the request and four doublings of the initial window.
func TestSlowStartDoesNotOvershoot(t *testing.T) {
	long(t)
	r := measured(t, "fast", "cubic").runs[0]
	if r.Dropped > 20 {
		t.Errorf("%d datagrams were dropped, of %d", r.Dropped, r.Sent)
	}
	if r.Took[0] > 1990*time.Millisecond {
		t.Errorf("20 MiB took %v", r.Took[0])
	}
}

// CUBIC here takes a loss without a queue for one of the link's, and NewReno cannot: so the choice of a controller reaches
// the connection. By the law of RFC 9438's figure 1 NewReno gets 1.2 * 1452 B / (40 ms * sqrt(0.01)), 3.5 Mbit/s.
func TestRandomLossTellsTheControllersApart(t *testing.T) {
	long(t)
	cubic, newreno := measured(t, "loss", "cubic").runs[0], measured(t, "loss", "newreno").runs[0]
	if newreno.Goodput < 2 || newreno.Goodput > 5 || cubic.Goodput < 1.5*newreno.Goodput || cubic.Goodput > 19 {
		t.Errorf("CUBIC %.2f Mbit/s, NewReno %.2f", cubic.Goodput, newreno.Goodput)
	}
	again := measured(t, "loss", "cubic").runs[0]
	if !reflect.DeepEqual(again, cubic) {
		t.Errorf("the same run twice: %.4f and %.4f Mbit/s", cubic.Goodput, again.Goodput)
	}
}

// Packets that overtake others by half a round trip, each way, cost nothing but a few repeated ones: the bytes themselves take
// 4.1 s. With records of lost packets that are forgotten too soon, or thresholds that know no more than the round trip, 5 to 9.
func TestOvertakenPacketsAreNotTakenForLost(t *testing.T) {
	r := measured(t, "overtake", "cubic").runs[0]
	if r.Took[0] > 4400*time.Millisecond || r.Lost > r.Sent/20 {
		t.Errorf("10 MB took %v; of %d packets %d were taken for lost, and %d dropped", r.Took[0], r.Sent, r.Lost, r.Dropped)
	}
}

func TestTheTableAndThePlotAreWhole(t *testing.T) {
	long(t)
	rows := []*row{measured(t, "cross", "cubic")}
	var text, svg bytes.Buffer
	if err := table(&text, rows); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], "cross") || strings.Contains(text.String(), "NaN") {
		t.Errorf("the table is\n%s", text.String())
	}
	if err := plot(&svg, rows[0].scenario, rows); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for d := xml.NewDecoder(&svg); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 7 { // goodput, window and round trip of two flows, and the queue
		t.Errorf("%d lines are plotted", lines)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	for arg, want := range map[string]string{"-scenario=wet": "there is no \"wet\"; there are bulk, long", "-controller=bbr": "there are cubic, newreno", "-runs=0": "-runs 0"} {
		if err := run([]string{arg}, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arg, err, want)
		}
	}
}
