package main

import (
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// The smallest sizes: that each workload runs on the stacks, and measures something.
func TestEveryWorkloadRuns(t *testing.T) {
	z := sizes{Bulk: 4 << 20, Span: 100 * time.Millisecond}
	for _, w := range workloads(z) {
		switch w.name {
		case "W6", "W7", "W7-default", "W8", "W8-long", "W8-loss@1", "W8-loss@3", "procs@W1", "procs@W4@100":
			continue // they take seconds, whatever the sizes; some have tests of their own below
		}
		t.Run(w.name, func(t *testing.T) {
			for _, s := range stacks {
				checkFigures(t, w, s, w.run)
			}
		})
	}
}

func TestFewIdleConnections(t *testing.T) {
	w := find(t, "W6")
	for _, s := range stacks {
		got, err := idle(s, 3, 0)
		if err != nil || len(got) != len(w.figures) {
			t.Errorf("%s: %v, %v", s.name, got, err)
		}
	}
}

func TestEachIdleConnectionIsAnother(t *testing.T) {
	for _, s := range stacks {
		var mu sync.Mutex
		clients := map[string]int{}
		addr, stop, err := s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			clients[r.RemoteAddr]++
			writeBytes(w, 32)
		}), serverTLS(), settings{})
		if err != nil {
			t.Fatal(err)
		}
		b := &bed{stack: s, url: "https://" + addr, roots: trust(identity.Certificate[0])}
		if err := b.connectAtOnce(40); err != nil || len(clients) != 40 {
			t.Errorf("%s: %d clients (%v), want 40", s.name, len(clients), err)
		}
		b.stop()
		stop()
	}
}

func TestFewRequestsAtOnce(t *testing.T) {
	w := find(t, "W7")
	for _, s := range stacks {
		if !s.packets {
			continue
		}
		// More than either stack's default allows: held, they need the setting.
		checkFigures(t, w, s, func(s stack) ([]float64, error) { return burst(s, settings{Streams: 500}, 500, "/hold?n=500") })
	}
}

func TestASmallDownloadOverTheLink(t *testing.T) {
	for _, s := range stacks {
		if !s.packets {
			continue
		}
		got, err := overLink(s, slowLink(0), 1<<20)
		if err != nil || got[0] < 0.1 {
			t.Errorf("%s: 1 MiB took %v s (%v), and the link needs 0.08 and a round trip", s.name, got, err)
		}
	}
}

func TestAnotherProcessRunsAWorkload(t *testing.T) {
	z := sizes{Bulk: 4 << 20, Span: 20 * time.Millisecond}
	w := find(t, "procs@W4@100")
	got, err := scaling("W4@100", stacks[0], z)
	if err != nil || len(got) != len(w.figures) || !(got[0] > 0) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := apart("W4@2", stacks[0], z); err == nil {
		t.Error("a workload that does not exist ran")
	}
}

func checkFigures(t *testing.T, w workload, s stack, run func(stack) ([]float64, error)) {
	t.Helper()
	got, err := run(s)
	if err != nil || len(got) != len(w.figures) {
		t.Fatalf("%s on %s: %d figures (%v), want %d", w.name, s.name, len(got), err, len(w.figures))
	}
	for i, f := range w.figures {
		if math.IsNaN(got[i]) || math.IsInf(got[i], 0) || got[i] <= 0 && i == 0 {
			t.Errorf("%s on %s: %s is %v", w.name, s.name, f.name, got[i])
		}
	}
}

func find(t *testing.T, name string) workload {
	t.Helper()
	w, err := named(name, workloads(sizes{Bulk: 4 << 20, Span: time.Second}), workload.String)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func dialUDP(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}
