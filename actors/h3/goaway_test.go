package h3

import (
	"errors"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// theirControl is the peer's control stream, with SETTINGS said.
func (d *desk) theirControl() *pipe {
	return d.arrives(wire.MakeStreamID(d.role.Peer(), true, 0)).says([]byte{0}, settings())
}

// A server's GOAWAY: requests from its ID on fail and may be sent again, those below it finish, new ones are refused, and
// the connection closes when the last has ended.
func TestClientIsToldToGo(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a, b := d.asks(true, getFields...), d.asks(false, postFields...)
	d.run()
	control := d.theirControl().says(h3wire.AppendGoaway(nil, 4))
	if a.last || !unprocessed(b.err) || !unprocessed(b.sentErr) || !errors.Is(b.err, port.ErrGoaway) {
		t.Fatalf("below: %v; beyond: %v, %v", a.err, b.err, b.sentErr)
	}
	if p := d.stream(4); p.reset != int(h3wire.CodeRequestCancelled) || p.stop != p.reset {
		t.Errorf("beyond: reset %d, stop %d", p.reset, p.stop)
	}
	if len(d.refused) != 1 || d.refused[0].Reason != "GOAWAY" {
		t.Errorf("the pool heard %v", d.refused)
	}
	c := d.asks(true, getFields...)
	d.run()
	if !unprocessed(c.err) || d.bidi() != 2 {
		t.Errorf("after it: %v, %d streams", c.err, d.bidi())
	}
	d.closedWith(0)
	if d.closed != nil {
		t.Fatal("closed before the last request ended")
	}
	control.says(h3wire.AppendGoaway(nil, 4))
	d.stream(0).says(headers(":status", "200")).ends()
	if a.err != nil || !a.last {
		t.Errorf("the request below: %v", a.err)
	}
	d.closedWith(h3wire.CodeNoError)
	d.settled()
	d.home()
}

// The first GOAWAY of a server that shuts down in two steps fails nothing but what waits.
func TestClientIsWarned(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(1)
	a, b := d.asks(true, getFields...), d.asks(true, getFields...)
	d.run()
	d.theirControl().says(h3wire.AppendGoaway(nil, 1<<62-4))
	if a.last || !unprocessed(b.err) {
		t.Errorf("%v, %v", a.err, b.err)
	}
	d.home()
}

// A server that says goodbye names the next request, rejects what comes beyond, and closes when the handlers are done.
func TestServerSaysGoodbye(t *testing.T) {
	d := lone(t, wire.Server, nil)
	d.arrives(4).says(headers(getFields...)).ends()
	d.fromApp.Send(&port.Goodbye{})
	d.run()
	control := d.stream(3)
	if got := said(t, control.out[1:]); !strings.HasSuffix(got, "GREASE GOAWAY(08)]") {
		t.Errorf("said %s", got)
	}
	p := d.arrives(8).says(headers(getFields...)).ends()
	if p.reset != int(h3wire.CodeRequestRejected) || len(d.apps) != 1 {
		t.Errorf("beyond: reset %#x", p.reset)
	}
	d.arrives(0).says(headers(getFields...)).ends()
	if len(d.apps) != 2 {
		t.Error("below: not served")
	}
	if d.closed != nil {
		t.Fatal("closed too early")
	}
	for _, a := range d.apps {
		a.says(list(":status", "200"), "x", nil, true)
		a.returns()
	}
	d.run()
	d.closedWith(h3wire.CodeNoError)
	if len(d.refused) != 1 {
		t.Errorf("refused %v", d.refused)
	}
	d.settled()
	d.home()
}

// Without requests a goodbye closes at once.
func TestGoodbyeAtOnce(t *testing.T) {
	for _, role := range []wire.Role{wire.Client, wire.Server} {
		d := lone(t, role, nil)
		d.fromApp.Send(&port.Goodbye{})
		d.run()
		if got := said(t, d.stream(wire.MakeStreamID(role, true, 0)).out[1:]); !strings.HasSuffix(got, "GOAWAY(00)]") {
			t.Errorf("said %s", got)
		}
		d.closedWith(h3wire.CodeNoError)
		d.home()
	}
}

// A client that says goodbye finishes what it has begun.
func TestClientSaysGoodbye(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(1)
	a, b := d.asks(true, getFields...), d.asks(true, getFields...)
	d.run()
	d.fromApp.Send(&port.Goodbye{})
	d.run()
	if a.last || !unprocessed(b.err) || d.closed != nil {
		t.Fatalf("%v, %v", a.err, b.err)
	}
	d.stream(0).says(headers(":status", "200")).ends()
	d.closedWith(h3wire.CodeNoError)
	d.settled()
	d.home()
}

// At death every exchange is answered, whatever it waited for: with the cause, and as unprocessed if nothing was sent.
func TestDeathAnswersEverybody(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.connect(4)
	sent, sending, reading, half := d.asks(true, getFields...), d.asks(false, postFields...), d.asks(true, getFields...), d.asks(false, postFields...)
	waiting := d.asks(false, postFields...)
	waiting.says(nil, "never", nil, true)
	reading.auto = false
	d.run()
	d.stream(4).closedRoom = true
	d.stream(4).says(headers(":status", "100"))
	sending.says(nil, strings.Repeat("q", 2000), nil, true)
	d.stream(8).says(headers(":status", "200"), data("abc"))
	d.stream(8).says(data("def"))
	d.stream(12).says(headers(":status", "200"), data("x")).ends()
	d.stop(&port.Cause{Why: port.Idle})
	d.run()
	for i, a := range []*app{sent, sending, reading} {
		if a.err != error(d.stopped) {
			t.Errorf("%d: %v", i, a.err)
		}
	}
	if half.err != nil || half.sentErr != error(d.stopped) || string(reading.body) != "abcdef" {
		t.Errorf("half done: %v, %v; read %q", half.err, half.sentErr, reading.body)
	}
	if !unprocessed(waiting.err) || !errors.Is(waiting.sentErr, d.stopped) {
		t.Errorf("waiting: %v, %v", waiting.err, waiting.sentErr)
	}
	d.home()
}

func unprocessed(err error) bool {
	var e *port.StreamError
	return errors.As(err, &e) && e.Unprocessed
}
