package stream

import (
	"fmt"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestTheEndWaitsForH3AndForConn(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.says("request", true)
	d.pushes("request", "0:request.")
	d.data(0, "answer", true)
	d.reads("answer", "room 993, answer, fin")
	d.deliver(acked(0, 7, true))
	d.reads("h3 still has the answer", "")
	d.write(took(6))
	d.pushes("credit", "consumed 6")
	d.reads("taken", "room 1000, ended")
	d.turn()
	d.pushes("h3's handler may run on", "")
	d.turn(&port.Released{})
	d.pushes("h3 has forgotten the stream", "ended")
	d.deliver(func(m *port.Deliver) { m.Spans = append(m.Spans, d.span(0, "answer", true)) })
	d.pushes("a late duplicate changes nothing", "")
	if d.s.Left() {
		t.Fatal("conn has not answered")
	}
	d.turn(&port.Released{FromConn: true})
	if !d.s.Left() {
		t.Fatal("conn has answered")
	}
	d.home()
}

func TestTheEndWaitsForTheSlot(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("abc", true)
	m := d.heldPush()
	d.deliver(acked(0, 3, true))
	d.reads("over", "room 1000, ended")
	d.turn(&port.Released{})
	d.pushes("a Push is in flight", "")
	d.freePush(m)
	d.pushes("now", "ended")
	d.turn(&port.Released{FromConn: true})
	d.home()
}

func TestWhoWaitsForAFreeSlotIsWoken(t *testing.T) {
	d := newDesk(t, ourBidi)
	down, next, _ := d.link.Down.Ready()
	next.Reset()
	if _, _, ok := d.link.Down.Ready(); ok {
		t.Fatal("a Deliver is in flight")
	}
	out, more, _ := d.link.Out.Ready()
	more.Reset()
	if _, _, ok := d.link.Out.Ready(); ok {
		t.Fatal("a Write is in flight")
	}
	d.turn(down, out)
	if len(d.conn.heard) != 1 || d.conn.heard[0].(*port.StreamWake).Stream != d.link {
		t.Fatalf("conn heard %v, want a wake", d.conn.heard)
	}
	if len(d.h3.heard) != 1 || d.h3.heard[0].(*port.StreamWake).Stream != d.link {
		t.Fatalf("h3 heard %v, want a wake", d.h3.heard)
	}
	d.link.Down.Woken()
	d.link.Out.Woken()
	d.turn(&port.Stop{})
}

// full is a desk whose stream holds something in every place.
func full(t *testing.T) *desk {
	d := newDesk(t, ourBidi)
	d.says("sent", false)
	push := d.heldPush()
	d.says("waiting", false)
	d.data(0, "read", false)
	read := d.heldRead()
	d.data(4, "unread", false)
	d.data(20, "behind a gap", false)
	d.t.Cleanup(func() {
		// conn and h3 let go of what was in flight, as late as that.
		push.Release()
		read.Release()
		d.home()
	})
	return d
}

func TestStopLetsGoOfEverything(t *testing.T) {
	d := full(t)
	d.turn(&port.Stop{})
	if !d.s.Left() {
		t.Fatal("stopped, and still here")
	}
}

func TestMailAfterTheEndIsReleased(t *testing.T) {
	d := full(t)
	deliver, write := d.link.Down.Filling(), d.link.Out.Filling()
	deliver.Spans = append(deliver.Spans, d.span(4, "late", true))
	write.Chunks = d.chunk(write.Chunks, "late")
	d.turn(&port.Stop{}, deliver, write, &d.link.WakeUp, &d.link.WakeIn, &port.Released{}, &port.Released{FromConn: true}, &port.Stop{})
	if len(d.conn.heard) != 0 || len(d.h3.heard) != 0 {
		t.Fatal("a room that is gone speaks")
	}
}

func TestReuseLeavesNothingOfTheStreamBefore(t *testing.T) {
	d := full(t)
	d.data(31, "", true)
	d.deliver(func(m *port.Deliver) {
		m.RTT, m.MaxStreamData = 5, 1<<20
		m.Spans = append(m.Spans, d.span(1<<20, "fault", true))
	})
	d.write(func(m *port.Write) { m.Reorder, m.Urgency, m.HasStop, m.HasReset = true, 1, true, true })
	d.turn(&port.Stop{})

	again := &desk{t: t, sys: stepping{now: 1}, link: port.NewStream(theirBidi), s: d.s}
	c := Config{Link: again.link, Options: testOptions, Chunks: &again.chunks, Limits: testLimits}
	again.s.Reuse(c)
	fresh := New(c)
	scratch := again.s.receiving.scratch
	again.s.receiving.scratch = nil
	if a, b := describe(again.s), describe(fresh); a != b {
		t.Fatalf("reused:\n%s\nfresh:\n%s", a, b)
	}
	again.s.receiving.scratch = scratch
	again.connect()
	again.data(0, "GET /", true)
	again.reads("a life like the first", "room 1000, GET /, fin")
	again.write(func(m *port.Write) { m.Taken, m.Fin, m.Chunks = 5, true, again.chunk(m.Chunks, "200") })
	again.pushes("a life like the first", "0:200., consumed 5")
	again.deliver(acked(0, 3, true))
	again.reads("a life like the first", "room 1000, ended")
	again.ends()
}

// describe is every field of a room.
func describe(s *Stream) string { return fmt.Sprintf("%+v", *s) }

func TestNobodyWhoHasForgottenTheStreamIsWoken(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("a", true)
	d.pushes("bytes", "0:a.")
	d.deliver(acked(0, 1, true))
	d.reads("over", "room 1000, ended")
	wanted := func() (port.ToStream, port.ToStream) {
		down, next, _ := d.link.Down.Ready()
		next.Reset()
		d.link.Down.Ready()
		out, more, _ := d.link.Out.Ready()
		more.Reset()
		d.link.Out.Ready()
		return down, out
	}
	down, out := wanted()
	d.turn(&port.Released{}, out)
	if len(d.h3.heard) != 0 {
		t.Fatalf("h3 has forgotten the stream and heard %v", d.h3.heard)
	}
	d.pushes("h3 released", "ended")
	d.turn(down)
	if len(d.conn.heard) != 0 {
		t.Fatalf("conn was told to forget the stream and heard %v", d.conn.heard)
	}
	d.turn(&port.Released{FromConn: true})
	d.home()
}

func TestABrokenNeighbourIsOurBug(t *testing.T) {
	for _, c := range []struct {
		name string
		id   wire.StreamID
		does func(d *desk)
	}{
		{"more taken than delivered", theirUni, func(d *desk) { d.write(took(1)) }},
		{"less than nothing taken", theirUni, func(d *desk) { d.write(took(-1)) }},
		{"bytes for a stream that we receive on", theirUni, func(d *desk) { d.says("a", false) }},
		{"bytes after the end", ourUni, func(d *desk) { d.says("a", true); d.says("b", false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			c.does(newDesk(t, c.id))
		})
	}
}
