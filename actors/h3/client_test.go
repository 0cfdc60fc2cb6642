package h3

import (
	"errors"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// A GET is one Write, its answer one Read and one Delivery; when the app has used that up, the stream is released.
func TestClientGet(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.writes = 0
	d.run()
	p := d.stream(0)
	if got, want := said(t, p.out), "[HEADERS(:method=GET :scheme=https :authority=a.test :path=/)]"; got != want || !p.fin {
		t.Fatalf("wrote %s, fin %v", got, p.fin)
	}
	if a.acks != 0 {
		t.Errorf("Sent: %+v", a)
	}
	p.inFin = true
	p.says(headers(":status", "200", "content-length", "5"), data("hello"))
	if len(a.heads) != 1 || show(a.heads[0]) != ":status=200 content-length=5" || string(a.body) != "hello" || a.length != 5 ||
		!a.last || a.err != nil || a.parts != 1 {
		t.Errorf("got %+v", a)
	}
	if d.writes != 1 || d.reads != 1 { // the request; the response, and the stream's last word
		t.Errorf("%d Writes and %d Reads", d.writes, d.reads)
	}
	d.settled()
	d.home()
}

// A POST's parts that come together go out together, and each Send is answered when it is written.
func TestClientPost(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(false, postFields...)
	a.says(nil, "one", nil, false)
	d.writes = 0
	d.run()
	if a.acks != 1 || a.sentLast || d.writes != 1 {
		t.Fatalf("%d answers, %d Writes", a.acks, d.writes)
	}
	a.says(nil, "two", list("x-sum", "6"), true)
	d.run()
	p := d.stream(0)
	want := "[HEADERS(:method=POST :scheme=https :authority=a.test :path=/p) DATA(one) DATA(two) HEADERS(x-sum=6)]"
	if got := said(t, p.out); got != want || !p.fin || !a.sentLast || a.sentErr != nil {
		t.Errorf("wrote %s, fin %v, answers %+v", got, p.fin, a)
	}
	p.says(headers(":status", "204")).ends()
	d.settled()
	d.home()
}

// A chunk without headroom gets its DATA header from a chunk of its own; an empty one is no frame at all.
func TestClientChunks(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(false, postFields...)
	bare := d.chunks.Get(3)
	bare.B = append(bare.B, "abc"...)
	port.NewSendIn(a.x).Chunks = append(port.NewSendIn(a.x).Chunks, d.chunks.Get(1), bare, d.chunk("def"))
	d.fromApp.Send(port.NewSendIn(a.x))
	d.run()
	if got := said(t, d.stream(0).out); !strings.HasSuffix(got, " DATA(abc) DATA(def)]") {
		t.Errorf("wrote %s", got)
	}
	d.home()
}

// What the stream has no room for waits, and so does the app.
func TestClientWaitsForRoom(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.shut = true
	a := d.asks(false, postFields...)
	for range 3 {
		port.NewSendIn(a.x).Chunks = append(port.NewSendIn(a.x).Chunks, d.chunk(strings.Repeat("x", 9990)))
	}
	port.NewSendIn(a.x).Fin = true
	d.fromApp.Send(port.NewSendIn(a.x))
	d.run()
	p := d.stream(0)
	if n := len(p.out); n < 10000 || n > 20100 || a.acks != 0 {
		t.Fatalf("%d bytes for %d of room, %d answers", n, testLimits.UnsentBytes, a.acks)
	}
	p.closedRoom = false
	p.speak()
	if n := len(p.out); n < 29970 || !p.fin || !a.sentLast {
		t.Errorf("%d bytes after there was room, fin %v, answered %v", n, p.fin, a.sentLast)
	}
	d.home()
}

// Room that a stream offered before it read what is on its way to it does not count twice.
func TestRoomIsNotCountedTwice(t *testing.T) {
	l := lane{stream: port.NewStream(0), room: 1000}
	c := (&actor.Chunks{}).Get(600)
	c.B = c.Space()[:600]
	room := actor.Spawn[port.ToStream](&stepping{}, actor.Spec{Name: "stream", Capacity: 1}, &sink[port.ToStream]{})
	l.stream.FromH3 = room.Port("h3", 1)
	l.write(c)
	l.flush(0, false)
	if l.offered(1000); l.room != 400 {
		t.Errorf("room for %d with 600 in flight", l.room)
	}
	l.stream.Out.Free()
	if l.offered(900); l.room != 900 {
		t.Errorf("room for %d when they were read", l.room)
	}
	if l.write(c); l.room != 300 {
		t.Errorf("room for %d with 600 more written", l.room)
	}
	if l.offered(900); l.room != 300 {
		t.Errorf("room for %d, of which 600 are written to", l.room)
	}
}

// A header list larger than a chunk goes over several.
func TestClientLongHeaders(t *testing.T) {
	d := lone(t, wire.Client, nil)
	long := strings.Repeat("~", 70000)
	d.asks(true, with(getFields, "x-a", long, "x-b", long)...)
	d.run()
	if got := said(t, d.stream(0).out); !strings.HasSuffix(got, "x-a="+long+" x-b="+long+")]") {
		t.Errorf("wrote %d bytes", len(got))
	}
	d.home()
}

// Interim responses come before the final one, in order, and trailers after the body.
func TestClientInterimAndTrailers(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.run()
	p := d.stream(0)
	p.says(headers(":status", "100"))
	p.says(headers(":status", "103", "link", "</a>"), headers(":status", "200"), data("x"), headers("x-end", "1")).ends()
	if len(a.heads) != 3 || a.length != noLength || string(a.body) != "x" || show(a.trailers) != "x-end=1" || !a.last || a.err != nil {
		t.Errorf("got %+v", a)
	}
	d.settled()
	d.home()
}

// A peer may send its trailers and the end of the stream apart: they still come with the last Delivery.
func TestTrailersBeforeTheEnd(t *testing.T) {
	for _, apart := range []string{"body", "body and trailers", "trailers"} {
		d := lone(t, wire.Client, nil)
		a := d.asks(true, getFields...)
		d.run()
		p := d.stream(0)
		switch p.says(headers(":status", "200")); apart {
		case "body":
			p.says(data("x"))
			p.inFin = true
			p.says(headers("x-end", "1"))
		case "body and trailers":
			p.says(data("x"), headers("x-end", "1")).ends()
		case "trailers":
			p.says(data("x")).says(headers("x-end", "1")).ends()
		}
		if string(a.body) != "x" || show(a.trailers) != "x-end=1" || !a.last || a.err != nil || a.parts != 3 {
			t.Errorf("%s apart: got %+v", apart, a)
		}
		d.settled()
		d.home()
	}
}

// One Delivery is in flight; what comes meanwhile is merged, and the credit of its bytes returns when the app took it.
func TestClientMergesDeliveries(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	a.auto = false
	d.run()
	p := d.stream(0)
	p.says(headers(":status", "200"), data(strings.Repeat("a", 900)))
	if a.parts != 1 || p.taken != 0 {
		t.Fatalf("%d Deliveries, %d bytes taken", a.parts, p.taken)
	}
	for range 9 {
		p.says(data("b"))
	}
	if p.taken > 60 {
		t.Fatalf("%d bytes taken", p.taken)
	}
	p.ends()
	if a.parts != 1 || a.last {
		t.Fatalf("%d Deliveries before the first was taken", a.parts)
	}
	a.take()
	d.run()
	if a.parts != 2 || p.taken != p.given || string(a.body[900:]) != "bbbbbbbbb" || !a.last {
		t.Fatalf("%d Deliveries after it, %d of %d bytes taken, body %q", a.parts, p.taken, p.given, a.body[900:])
	}
	a.take()
	d.run()
	d.settled()
	d.home()
}

// Crumbs do not pin the chunks they came in.
func TestClientGathersCrumbs(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	a.lazy = true
	d.run()
	p := d.stream(0)
	p.says(headers(":status", "200"))
	for range 200 {
		p.says(frame(h3wire.FrameType(h3wire.Grease(1)), strings.Repeat("-", 3000)), data("c"))
	}
	if n := d.chunks.Out(); n > fewPieces+4 {
		t.Errorf("%d chunks for 200 bytes", n)
	}
	if p.given-p.taken > 200+d.r.share {
		t.Errorf("%d bytes not taken", p.given-p.taken)
	}
	a.lazy = false
	p.ends()
	if string(a.body) != strings.Repeat("c", 200) {
		t.Errorf("body %q", a.body)
	}
	d.settled()
	d.home()
}

// Without stream credit requests wait in order, and without a stream room too.
func TestClientWaitsForStreams(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(1)
	for range 3 {
		d.asks(true, getFields...)
	}
	d.run()
	if d.bidi() != 1 {
		t.Fatalf("%d streams with credit for one", d.bidi())
	}
	d.full = true
	d.fromCon.Send(&port.StreamCredit{Bidi: 3, Uni: 16})
	d.run()
	if d.bidi() != 1 || d.r.opening.retry == 0 {
		t.Fatalf("%d streams and no room for them; asks again at %d", d.bidi(), d.r.opening.retry)
	}
	d.full = false
	d.sys.now = d.sys.now.Add(2 * retryAfter)
	d.fromApp.Send(&port.Fired{})
	d.run()
	if d.bidi() != 3 || d.r.opening.retry != 0 {
		t.Errorf("%d streams", d.bidi())
	}
	d.home()
}

// homing counts how often the memory of a list went home.
type homing int

func (h *homing) Release() { *h++ }

// The memory of a head goes home when it is written, not with the answer; one that waits for a stream still needs it.
func TestClientGivesTheHeadsMemoryBack(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(1)
	var homes [2]homing
	for i := range homes {
		d.asks(true, getFields...).x.OpenOrder.Home = &homes[i]
	}
	d.run()
	if homes != [2]homing{1, 0} {
		t.Errorf("gone home: %v", homes)
	}
	d.fromCon.Send(&port.StreamCredit{Bidi: 2, Uni: 16})
	d.run()
	if homes != [2]homing{1, 1} || d.bidi() != 2 {
		t.Errorf("with another stream: %v, %d streams", homes, d.bidi())
	}
	d.home()
}

// A request that waits and is cancelled never was.
func TestClientCancelsWaiting(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(0)
	a := d.asks(false, postFields...)
	a.says(nil, "body", nil, true)
	d.run()
	a.cancels(true, true, 0)
	d.run()
	var e *port.StreamError
	if !errors.As(a.err, &e) || !e.Unprocessed || a.sentErr == nil || d.bidi() != 0 {
		t.Errorf("ended with %v, %v", a.err, a.sentErr)
	}
	d.fromCon.Send(&port.StreamCredit{Bidi: 3})
	d.settled()
	if d.bidi() != 0 {
		t.Error("it got a stream")
	}
	d.home()
}

// Cancelling ends both halves that are open, answers the app at once, and returns the credit of what nobody reads.
func TestClientCancels(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(false, postFields...)
	a.auto = false
	d.run()
	p := d.stream(0)
	p.says(headers(":status", "200"), data("abc"))
	p.says(data("def"))
	a.cancels(true, true, 0)
	d.run()
	want := int(h3wire.CodeRequestCancelled)
	if p.stop != want || p.reset != want || a.err == nil || a.sentErr == nil || string(a.body) != "abc" {
		t.Errorf("stop %#x reset %#x, app %v, %v, body %q", p.stop, p.reset, a.err, a.sentErr, a.body)
	}
	if p.taken != p.given {
		t.Errorf("%d of %d bytes taken", p.taken, p.given)
	}
	a.take() // late, and without meaning
	d.settled()
	d.home()
}

// Cancelling one half leaves the other.
func TestClientCancelsOneHalf(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(false, postFields...)
	d.run()
	p := d.stream(0)
	a.cancels(false, true, 77)
	d.run()
	if p.reset != 77 || p.stop != -1 || a.sentErr == nil || a.last {
		t.Fatalf("reset %d stop %d", p.reset, p.stop)
	}
	p.says(headers(":status", "200")).ends()
	if a.err != nil || !a.last {
		t.Errorf("response: %v", a.err)
	}
	d.settled()
	d.home()
}

// A request that was completely sent is not reset.
func TestClientCancelsAfterFin(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.run()
	a.cancels(true, true, 0)
	d.run()
	p := d.stream(0)
	if p.reset != -1 || p.stop != int(h3wire.CodeRequestCancelled) || a.sentErr != nil || a.err == nil {
		t.Errorf("reset %d, stop %d", p.reset, p.stop)
	}
	d.settled()
	d.home()
}

// A server's reset ends the exchange; only a rejection says that it may be sent again.
func TestClientIsReset(t *testing.T) {
	for _, code := range []h3wire.ErrorCode{h3wire.CodeRequestRejected, h3wire.CodeInternalError} {
		d := lone(t, wire.Client, nil)
		a := d.asks(false, postFields...)
		a.says(nil, "x", nil, false)
		d.run()
		p := d.stream(0).resets(int(code))
		var e *port.StreamError
		if !errors.As(a.err, &e) || e.Code != uint64(code) || !e.Remote || e.Unprocessed != (code == h3wire.CodeRequestRejected) {
			t.Errorf("%v: ended with %v", code, a.err)
		}
		if p.reset != int(h3wire.CodeRequestCancelled) || a.sentErr == nil {
			t.Errorf("our half: reset %d, %v", p.reset, a.sentErr)
		}
		d.settled()
		d.home()
	}
}

// A rejection after the response has begun is not believed; what came before stays the app's.
func TestClientIsResetLate(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.run()
	d.stream(0).says(headers(":status", "200"), data("part")).resets(int(h3wire.CodeRequestRejected))
	var e *port.StreamError
	if !errors.As(a.err, &e) || e.Unprocessed || string(a.body) != "part" {
		t.Errorf("ended with %v and %q", a.err, a.body)
	}
	d.settled()
	d.home()
}

// A server that answers early and stops the request: the response counts, and the app learns that it may stop sending.
func TestClientIsStopped(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(false, postFields...)
	d.run()
	p := d.stream(0).says(headers(":status", "413")).ends().stops(int(h3wire.CodeNoError))
	var e *port.StreamError
	if a.err != nil || !a.last || !errors.As(a.sentErr, &e) || e.Code != uint64(h3wire.CodeNoError) || !e.Remote {
		t.Errorf("response %v, request %v", a.err, a.sentErr)
	}
	if p.reset != int(h3wire.CodeNoError) { // the stream's doing
		t.Errorf("reset %d", p.reset)
	}
	a.says(nil, "late", nil, true)
	d.settled()
	d.home()
}

// A response that never comes, or never gets to its head, is an error.
func TestClientGetsNoResponse(t *testing.T) {
	for _, b := range [][]byte{nil, headers(":status", "100"), frame(h3wire.FrameType(h3wire.Grease(3)), "x")} {
		d := lone(t, wire.Client, nil)
		a := d.asks(true, getFields...)
		d.run()
		d.stream(0).says(b).ends()
		var e *port.StreamError
		if !errors.As(a.err, &e) || e.Code != uint64(h3wire.CodeMessageError) {
			t.Errorf("after %x: %v", b, a.err)
		}
		d.closedWith(0)
		d.settled()
		d.home()
	}
}

// Fields beyond the peer's limit are not sent (RFC 9114 s4.2.2).
func TestClientKeepsFieldLimit(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.arrives(3).says([]byte{0}, h3wire.AppendSettings(nil, h3wire.Settings{MaxFieldSectionSize: 200}, h3wire.Setting{}))
	a := d.asks(true, with(getFields, "x", strings.Repeat("y", 200))...)
	b := d.asks(false, getFields...)
	d.run()
	var large *port.FieldsTooLarge
	if !errors.As(a.err, &large) || *large != (port.FieldsTooLarge{Size: 405, Limit: 200, Sent: true, Request: true}) || d.bidi() != 1 {
		t.Errorf("ended with %v", a.err)
	}
	b.says(nil, "", list("t", strings.Repeat("y", 200)), true)
	d.run()
	if !errors.As(b.sentErr, &large) || !large.Trailers || d.stream(0).reset < 0 {
		t.Errorf("trailers: %v", b.sentErr)
	}
	d.home()
}

// A server's bidirectional stream ends the connection.
func TestClientRefusesServerStreams(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.arrives(1).says([]byte("x"))
	d.closedWith(h3wire.CodeStreamCreationError)
	d.home()
}

func (d *desk) stream(id wire.StreamID) *pipe {
	for _, p := range d.streams {
		if p.id() == id {
			return p
		}
	}
	d.t.Fatalf("no stream %d", id)
	return nil
}

func (d *desk) bidi() (n int) {
	for _, p := range d.streams {
		if p.id().IsBidi() {
			n++
		}
	}
	return n
}
