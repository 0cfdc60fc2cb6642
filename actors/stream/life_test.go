package stream

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestTheEndWaitsForH3(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.says("request", true)
	d.pushes("request", "0:request., whole")
	d.data(0, "answer", true)
	d.reads("answer", "room 1000, answer, fin")
	d.turn()
	d.reads("h3 still has the answer", "")
	d.write(took(4))
	d.pushes("credit", "consumed 4")
	d.turn()
	d.pushes("h3's handler may run on", "")
	d.write(done)
	d.pushes("h3 has forgotten the stream, and used up the rest", "consumed 2, ended")
	d.gone()
	d.deliver(func(m *port.Deliver) { m.Spans = append(m.Spans, d.span(0, "answer", true)) })
	d.pushes("a late duplicate changes nothing", "")
	d.home()
}

func TestTheEndWaitsForTheLastAcknowledgement(t *testing.T) {
	d := newDesk(t, theirBidi)
	d.data(0, "GET", true)
	d.reads("request", "room 1000, GET, fin")
	d.says("2", false)
	d.pushes("the beginning of the answer", "0:2")
	d.write(func(m *port.Write) { m.Chunks, m.Fin, m.Done = d.chunk(m.Chunks, "00"), true, true })
	d.pushes("the rest, and all that h3 had", "1:00., consumed 3")
	d.deliver(lost(1, 3, true))
	d.pushes("lost", "1:00. again")
	d.deliver(acked(0, 3, true))
	d.reads("h3 wants to hear nothing", "")
	d.pushes("the end", "ended")
	d.gone()
}

func TestAWholeMessageIsConnsAndTheEndDoesNotWait(t *testing.T) {
	d := newDesk(t, theirBidi)
	d.data(0, "GET", true)
	d.reads("request", "room 1000, GET, fin")
	d.write(func(m *port.Write) { m.Chunks, m.Fin, m.Done = d.chunk(m.Chunks, "200"), true, true })
	d.pushes("the answer, and the end", "0:200., whole, consumed 3, ended")
	d.gone()
}

func TestH3MayLeaveTheEndToTheStream(t *testing.T) {
	request := func(m *port.Write) { m.Fin, m.Last = true, true }
	d := newDesk(t, ourBidi)
	d.write(func(m *port.Write) { m.Chunks = d.chunk(m.Chunks, "GET"); request(m) })
	d.pushes("request", "0:GET., whole")
	d.data(0, "answer", true)
	m := d.heldRead()
	d.wants("the answer, and the last word", describeRead(m), "room 1000, answer, fin, ended")
	d.pushes("what h3 has counts as taken, and the room does not wait for it", "consumed 6, ended")
	m.Release()
	d.gone()

	d = newDesk(t, ourBidi)
	d.says("PO", false)
	d.pushes("the request begins", "0:PO")
	d.write(func(m *port.Write) { m.Chunks = d.chunk(m.Chunks, "ST"); request(m) })
	d.pushes("and ends", "2:ST.")
	d.data(0, "answer", true)
	d.reads("the peer may miss some of it", "room 996, answer, fin")
	d.deliver(acked(0, 4, true))
	d.ends()

	d = newDesk(t, ourBidi)
	d.write(func(m *port.Write) { m.Chunks = d.chunk(m.Chunks, "GET"); request(m) })
	d.pushes("request", "0:GET., whole")
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode = true, 9 })
	d.reads("no answer", "room 1000, reset 9, ended")
	d.pushes("a reset is an end too", "ended")
	d.gone()
}

func TestCreditThatCrossesTheLastWordIsNoNews(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.write(func(m *port.Write) { m.Chunks, m.Fin, m.Last = d.chunk(m.Chunks, "GET"), true, true })
	slow := d.heldPush()
	d.data(0, "an", false)
	d.reads("the beginning", "room 1000, an")
	d.data(2, "swer", true)
	last := d.heldRead()
	d.wants("the end", describeRead(last), "room 1000, swer, fin, ended")
	d.write(took(2)) // h3 has not seen that
	d.pushes("conn still has the request", "")
	d.freePush(slow)
	d.pushes("the credit, once", "consumed 6, ended")
	last.Release()
	d.gone()
}

// Behind the last word h3 must hear nothing of the stream, whose memory may be another one's by then.
func TestTheLastWordIsTheLast(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.write(func(m *port.Write) { m.Chunks, m.Fin, m.Last = d.chunk(m.Chunks, "GET"), true, true })
	slow := d.heldPush()
	d.data(0, "answer", true)
	last := d.heldRead()
	w, _, _ := d.link.Out.Ready() // h3 has not seen that,
	d.link.Out.Ready()            // and owes more
	d.turn(w)
	if len(d.h3.heard) != 0 {
		t.Errorf("h3 heard %T behind the last word", d.h3.heard[0])
	}
	d.freePush(slow)
	d.pushes("the end", "consumed 6, ended")
	last.Release()
	d.gone()
}

func TestALongMessageIsNotWhole(t *testing.T) {
	d := newDesk(t, ourUni)
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 1 << 20 })
	d.says(strings.Repeat("x", wholeMessage+1), true)
	if m := d.heldPush(); m == nil || m.Whole || len(m.Segments) == 0 {
		t.Fatalf("pushed %v", m)
	} else {
		d.freePush(m)
	}
	d.deliver(acked(0, wholeMessage+1, true))
	d.ends()

	d = newDesk(t, ourUni)
	d.says("abc", false)
	d.pushes("a part", "0:abc")
	d.says("", true)
	d.pushes("the rest: the stream hears of the loss of the part", "3:.")
	d.deliver(acked(0, 3, true))
	d.ends()
}

func TestTheEndWaitsForTheReadThatH3Has(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "abc", true)
	m := d.heldRead()
	d.write(done)
	d.pushes("the Read is not freed", "consumed 3")
	d.freeRead(m) // and wakes the room
	d.pushes("now", "ended")
	d.gone()
}

func TestTheEndWaitsForTheSlot(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("abc", true)
	m := d.heldPush()
	d.write(done)
	d.pushes("a Push is in flight", "")
	d.freePush(m)
	d.pushes("now", "ended")
	d.gone()
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

// What a waiting stream holds counts ten thousand times.
func TestAStreamThatWaitsHoldsNeitherHalf(t *testing.T) {
	holds := func(d *desk, why string, arrival, departure bool) {
		t.Helper()
		if a, b := d.s.receiving.arrival != nil, d.s.sending.departure != nil; a != arrival || b != departure {
			t.Fatalf("%s: an arrival: %v, a departure: %v", why, a, b)
		}
	}
	client := newDesk(t, ourBidi)
	holds(client, "at birth", false, false)
	client.deliver(func(m *port.Deliver) { m.MaxStreamData = 20000 })
	client.says("GET /", true)
	client.pushes("a request", "0:GET /., whole")
	holds(client, "a request that is conn's", false, false)
	client.data(0, "20", false)
	holds(client, "half of an answer", true, false)
	client.data(2, "0", true)
	client.read()
	client.read()
	holds(client, "an answer that was read", false, false)
	client.data(1, "00", true)
	client.pushes("what comes twice", "")

	server := newDesk(t, theirBidi)
	server.data(0, "GET /", true)
	server.reads("a request", "room 1000, GET /, fin")
	holds(server, "a request that was read", false, false)
	server.says("20", false)
	server.pushes("half of it", "0:20")
	holds(server, "half of an answer", false, true)
	server.write(func(m *port.Write) { m.Fin, m.Chunks, m.Taken = true, server.chunk(m.Chunks, "0"), 5 })
	server.pushes("the rest", "2:0., consumed 5")
	server.deliver(acked(0, 3, true))
	holds(server, "an answer that the peer has", false, false)
	for _, d := range []*desk{client, server} {
		d.turn(&port.Stop{})
		d.home()
	}
}

// What the peer allows before anything is to be sent counts.
func TestCreditThatComesEarly(t *testing.T) {
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 4}, testLimits)
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 6 })
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 5 })
	d.says("abcdefg", false)
	d.pushes("six bytes", "0:abcdef, blocked at 6")
	d.turn(&port.Stop{})
	d.home()
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
	d.turn(&port.Stop{}, deliver, write, port.WakeUp, port.WakeIn, &port.Stop{})
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
	c := Config{Link: again.link, Options: testOptions, Common: d.s.receiving.common}
	again.s.Reuse(c)
	fresh := New(c)
	if a, b := describe(again.s), describe(fresh); a != b {
		t.Fatalf("reused:\n%s\nfresh:\n%s", a, b)
	}
	for _, s := range []*Stream{again.s, fresh} {
		s.receiving.arrive() // in the memory of the one before
		s.sending.depart()
	}
	a, b := *again.s.sending.departure, *fresh.sending.departure
	if a.bytes = b.bytes; !reflect.DeepEqual(a, b) {
		t.Fatalf("reused: %+v, fresh: %+v", a, b)
	}
	if a, b := again.s.receiving.arrival, fresh.receiving.arrival; fmt.Sprintf("%+v", *a) != fmt.Sprintf("%+v", *b) {
		t.Fatalf("reused: %+v, fresh: %+v", *a, *b)
	}
	again.connect()
	again.data(0, "GET /", true)
	again.reads("a life like the first", "room 1000, GET /, fin")
	again.write(func(m *port.Write) { m.Taken, m.Fin, m.Chunks = 5, true, again.chunk(m.Chunks, "200") })
	again.pushes("a life like the first", "0:200., whole, consumed 5")
	again.ends()
}

// describe is every field of a room.
func describe(s *Stream) string { return fmt.Sprintf("%+v", *s) }

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

// What a stream knew of lost and acknowledged ranges ends with it: a connection's spare halves would keep it for as long as it lives.
func TestASpareDepartureKeepsNoRanges(t *testing.T) {
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 1 << 20, RecvWindow: 1000}, testLimits)
	d.write(func(m *port.Write) {
		c := d.chunks.Get(100)
		c.B = c.Space()[:100]
		m.Chunks = append(m.Chunks, c)
	})
	d.push()
	d.deliver(func(m *port.Deliver) {
		m.SentTo = 100
		for i := range wire.Offset(40) {
			m.Fates = append(m.Fates, port.SentRange{Lo: 2*i + 1, Hi: 2*i + 2})
		}
	})
	common := d.s.sending.common
	d.write(func(m *port.Write) { m.HasReset = true })
	d.push()
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	d.ends()
	if n := len(common.departures.list); n != 1 {
		t.Fatalf("%d departures are spare, want 1", n)
	}
	if holes := reflect.ValueOf(common.departures.list[0].bytes).FieldByName("bytes").FieldByName("holes"); !holes.IsNil() {
		t.Error("it keeps ranges")
	}
}
