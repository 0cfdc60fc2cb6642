package h3

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// A small request is one Read and one Delivery; its answer is one Write. The stream is released when the handler has
// returned, not before.
func TestServerAnswers(t *testing.T) {
	d := lone(t, wire.Server, nil)
	d.writes = 0
	p := d.arrives(0)
	p.inFin = true
	p.says(headers(with(postFields, "content-length", "3")...), data("abc"))
	if len(d.apps) != 1 {
		t.Fatal("no handler")
	}
	a := d.apps[0]
	if a.parts != 1 || show(a.heads[0]) != ":method=POST :scheme=https :authority=a.test :path=/p content-length=3" || a.length != 3 ||
		string(a.body) != "abc" || !a.last || a.err != nil || a.x.Stream != p.link {
		t.Errorf("got %+v", a)
	}
	a.says(list(":status", "200"), "hello", nil, true)
	d.run()
	if got := said(t, p.out); got != "[HEADERS(:status=200) DATA(hello)]" || !p.fin || !a.sentLast {
		t.Errorf("wrote %s", got)
	}
	if d.writes != 1 || !p.ended || p.release {
		t.Errorf("%d Writes; ended %v; released before the handler returned: %v", d.writes, p.ended, p.release)
	}
	a.returns()
	d.settled()
	d.home()
}

// A handler may return right behind its last Send.
func TestServerHandlerReturnsAtOnce(t *testing.T) {
	d := lone(t, wire.Server, nil)
	d.handler = func(a *app) {
		a.says(list(":status", "200"), strings.Repeat("z", 30000), nil, true)
		a.returns()
	}
	p := d.arrives(0)
	p.closedRoom = true
	p.says(headers(getFields...)).ends()
	if p.fin || p.reset >= 0 {
		t.Fatalf("fin %v reset %d without room", p.fin, p.reset)
	}
	p.closedRoom = false
	p.offered = 0
	p.speak()
	if !p.fin || p.reset >= 0 || len(p.out) < 30000 {
		t.Errorf("fin %v reset %d, %d bytes", p.fin, p.reset, len(p.out))
	}
	d.settled()
	d.home()
}

// A handler that gives up: what it sent goes out before the reset if it wants that, and else it is forgotten.
func TestServerGivesUp(t *testing.T) {
	for _, behind := range []bool{true, false} {
		d := lone(t, wire.Server, nil)
		p := d.arrives(0)
		p.says(headers(getFields...)).ends()
		a := d.apps[0]
		a.says(list(":status", "200"), "begun", nil, false)
		want := "[]" // the order to send is overtaken
		if behind {
			d.run()
			want = "[HEADERS(:status=200) DATA(begun)]"
		}
		a.x.CancelOrder = port.Cancel{Exchange: a.x, StopReading: true, StopWriting: true, Behind: behind, Code: 0x102, HandlerDone: true}
		a.d.fromApp.Send(&a.x.CancelOrder)
		d.run()
		if got := said(t, p.out); got != want || p.reset != 0x102 || p.behind != behind || p.fin {
			t.Errorf("behind %v: wrote %s, reset %#x, behind %v, fin %v", behind, got, p.reset, p.behind, p.fin)
		}
		d.settled()
		d.home()
	}
}

// A handler that answers without reading: the client is asked to stop, without blame, and all credit returns.
func TestServerAnswersEarly(t *testing.T) {
	d := lone(t, wire.Server, nil)
	d.handler = func(a *app) { a.auto = false }
	p := d.arrives(0).says(headers(postFields...), data("some"))
	a := d.apps[0]
	a.says(list(":status", "200"), "ok", nil, true)
	a.returns()
	d.run()
	if p.stop != int(h3wire.CodeNoError) || p.reset != -1 || !p.fin || a.err == nil {
		t.Errorf("stop %#x, reset %d, fin %v, last Delivery %v", p.stop, p.reset, p.fin, a.err)
	}
	d.settled()
	d.home()
}

// The end of a request without a body may come in a packet behind its head: a handler that was faster asks for nothing.
// Bytes that come after all are not wanted.
func TestServerAnswersBeforeTheEndOfABareRequest(t *testing.T) {
	for _, body := range []string{"", "after all"} {
		d := lone(t, wire.Server, nil)
		p := d.arrives(0).says(headers(getFields...))
		a := d.apps[0]
		a.says(list(":status", "200"), "ok", nil, true)
		a.returns()
		d.run()
		if p.stop != -1 || p.reset != -1 || !p.fin || a.err == nil {
			t.Errorf("stop %#x, reset %d, fin %v, last Delivery %v", p.stop, p.reset, p.fin, a.err)
		}
		if body != "" {
			if p.says(data(body)); p.stop != int(h3wire.CodeNoError) {
				t.Errorf("a body came: stop %#x", p.stop)
			}
		}
		p.ends()
		d.settled()
		d.home()
	}
}

// A handler that leaves its response incomplete resets the stream.
func TestServerHandlerLeavesResponse(t *testing.T) {
	for _, body := range []string{"", "part"} {
		d := lone(t, wire.Server, nil)
		p := d.arrives(0).says(headers(getFields...)).ends()
		a := d.apps[0]
		if body != "" {
			a.says(list(":status", "200"), body, nil, false)
		}
		d.run()
		a.returns()
		d.run()
		if p.reset != int(h3wire.CodeInternalError) || p.fin || a.sentErr == nil {
			t.Errorf("reset %#x, fin %v", p.reset, p.fin)
		}
		d.settled()
		d.home()
	}
}

// Interim responses, a body in parts and trailers go out in order, each answered.
func TestServerParts(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).says(headers(getFields...)).ends()
	a := d.apps[0]
	for _, say := range []func(){
		func() { a.says(list(":status", "103"), "", nil, false) },
		func() { a.says(list(":status", "200"), "", nil, false) },
		func() { a.says(nil, "a", nil, false) },
		func() { a.says(nil, "b", nil, false) },
		func() { a.says(nil, "", list("t", "1"), true) },
	} {
		say()
		d.run()
	}
	if got := said(t, p.out); got != "[HEADERS(:status=103) HEADERS(:status=200) DATA(a) DATA(b) HEADERS(t=1)]" || a.acks != 5 || !p.fin {
		t.Errorf("wrote %s, %d answers", got, a.acks)
	}
	a.returns()
	d.settled()
	d.home()
}

// Trailers without a line, which an app that only cuts its list short hands over, are no HEADERS frame: other
// implementations refuse an empty section.
func TestServerEmptyTrailers(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).says(headers(getFields...)).ends()
	a := d.apps[0]
	a.says(list(":status", "200"), "a", list("t", "1")[:0], true)
	d.run()
	if got := said(t, p.out); got != "[HEADERS(:status=200) DATA(a)]" || !p.fin || !a.sentLast {
		t.Errorf("wrote %s, fin %v", got, p.fin)
	}
	a.returns()
	d.settled()
	d.home()
}

// A request that was reset before its head is answered by a reset, and no handler ever sees it; one that was reset with
// its head in the same breath neither.
func TestServerRapidReset(t *testing.T) {
	for _, b := range [][]byte{nil, headers(postFields...)[:5], headers(postFields...)} {
		d := lone(t, wire.Server, nil)
		p := d.arrives(0)
		p.in, p.inReset, p.inStop = b, int(h3wire.CodeRequestCancelled), int(h3wire.CodeRequestCancelled)
		p.speak()
		if len(d.apps) != 0 {
			t.Errorf("%x: a handler was started", b)
		}
		d.closedWith(0)
		d.settled()
		d.home()
	}
}

// A reset in the body reaches the handler, which may still answer; a stop ends its writing.
func TestServerIsReset(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).says(headers(postFields...), data("part")).resets(9)
	a := d.apps[0]
	var e *port.StreamError
	if !errors.As(a.err, &e) || e.Code != 9 || !e.Remote || string(a.body) != "part" || a.sentLast {
		t.Fatalf("read %v and %q; %v", a.err, a.body, a.sentErr)
	}
	a.says(list(":status", "400"), "", nil, false)
	d.run()
	p.stops(11)
	if !errors.As(a.sentErr, &e) || e.Code != 11 {
		t.Errorf("wrote %v", a.sentErr)
	}
	a.returns()
	d.settled()
	d.home()
}

// A stream that ends without a request is incomplete.
func TestServerIncompleteRequest(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).ends()
	if p.reset != int(h3wire.CodeRequestIncomplete) {
		t.Errorf("reset %#x", p.reset)
	}
	d.closedWith(0)
	d.settled()
	d.home()
}

// Malformed after the handler has begun: both halves end, and the handler hears of both.
func TestServerMalformedBody(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).says(headers(with(postFields, "content-length", "2")...))
	a := d.apps[0]
	p.says(data("abc"))
	var e *port.StreamError
	if !errors.As(a.err, &e) || e.Code != uint64(h3wire.CodeMessageError) || e.Remote || a.sentErr == nil {
		t.Errorf("read %v, wrote %v", a.err, a.sentErr)
	}
	if p.reset != int(h3wire.CodeMessageError) || p.stop != p.reset || len(a.body) != 0 {
		t.Errorf("reset %#x stop %#x body %q", p.reset, p.stop, a.body)
	}
	a.returns()
	d.settled()
	d.home()
}

// The head of a request has a time; a late one is cancelled, one that came is not.
func TestServerHeaderTimeout(t *testing.T) {
	var posted *actor.Cell
	cell := actor.NewCell(func(c *actor.Cell) { posted = c }, func() {})
	d := lone(t, wire.Server, func(c *Config) { c.Cell, c.ReadHeaderTimeout = cell, 10*tick })
	came := d.arrives(0).says(headers(getFields...))
	late := d.arrives(4).says(headers(getFields...)[:3])
	if posted == nil {
		t.Fatal("no deadline")
	}
	at := posted.Taken()
	if want := d.sys.now.Add(10 * tick); at > want || at < want-mono.Time(tick) {
		t.Errorf("deadline %d, now %d", at, d.sys.now)
	}
	d.sys.now = at
	d.fromApp.Send(&port.Fired{})
	d.run()
	if late.reset != int(h3wire.CodeRequestCancelled) || late.stop != late.reset || len(d.apps) != 1 || d.apps[0].last {
		t.Errorf("reset %d, stop %d", late.reset, late.stop)
	}
	d.apps[0].returns()
	came.ends()
	d.settled()
	d.home()
}

// A head over the limit is answered with status 431, whether it shows when encoded or only when decoded, and the app never hears of
// it. The answer says the limit where it may have content: not for HEAD, nor before the method was seen.
func TestServerLargeHead(t *testing.T) {
	const bare = "[HEADERS(:status=431)]"
	const text = "431 Request Header Fields Too Large: the request's header exceeds the 4000 bytes that the server accepts\n"
	says := fmt.Sprintf("[HEADERS(:status=431 content-type=text/plain; charset=utf-8 content-length=%d) DATA(%[1]d bytes)]", len(text))
	lines := postFields
	for range 100 {
		lines = with(lines, "accept", "*/*")
	}
	encoded := headers(with(postFields, "x", strings.Repeat("~", 5000))...)
	for what, c := range map[string]struct {
		b    [][]byte
		want string
	}{
		"encoded":               {[][]byte{encoded}, says},
		"decoded":               {[][]byte{headers(lines...)}, says},
		"HEAD":                  {[][]byte{headers(with([]string{":method", "HEAD"}, lines[2:]...)...)}, bare},
		"a frame header alone":  {[][]byte{encoded[:3], encoded[3:]}, bare},
		"trailers in one piece": {[][]byte{cat(headers(postFields...), headers("x", strings.Repeat("~", 5000)))}, bare},
	} {
		d := lone(t, wire.Server, nil)
		p := d.arrives(0)
		for _, b := range c.b {
			p.says(b)
		}
		if got := said(t, p.out); got != c.want || !p.fin || p.reset != -1 || p.stop != int(h3wire.CodeNoError) || len(d.apps) != 0 {
			t.Errorf("%s: wrote %s, fin %v, reset %#x, stop %#x, %d handlers; want %s", what, got, p.fin, p.reset, p.stop, len(d.apps), c.want)
		}
		if c.want == says && !strings.HasSuffix(string(p.out), text) {
			t.Errorf("%s: wrote %q", what, p.out)
		}
		d.closedWith(0)
		d.settled()
		d.home()
	}
}

// Where there is no room for an answer, or a handler has begun it, the stream is reset, and the handler is told the limit.
func TestServerLargeFieldsWithoutAnAnswer(t *testing.T) {
	tooLarge := headers("x", strings.Repeat("~", 5000))
	d := lone(t, wire.Server, nil)
	p := d.arrives(0)
	p.closedRoom = true
	if p.says(tooLarge); p.reset != int(h3wire.CodeExcessiveLoad) || p.stop != p.reset || len(p.out) != 0 {
		t.Errorf("without room: wrote %d bytes, reset %#x, stop %#x", len(p.out), p.reset, p.stop)
	}
	q := d.arrives(4).says(headers(postFields...)).says(tooLarge)
	var large *port.FieldsTooLarge
	if a := d.apps[0]; q.reset != int(h3wire.CodeExcessiveLoad) || !errors.As(a.err, &large) || !large.Request || !large.Trailers || large.Sent || large.Limit != 4000 {
		t.Errorf("trailers: reset %#x, %v", q.reset, a.err)
	}
	d.apps[0].returns()
	d.closedWith(0)
	d.settled()
	d.home()
}

// Bytes that are not body are taken while they are skipped, so that no window runs dry.
func TestServerReturnsOverhead(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(0).says(headers(getFields...))
	for range 50 {
		p.says(frame(0x21, strings.Repeat("?", 4000)))
		if p.given-p.taken > d.r.share {
			t.Fatalf("%d bytes not taken", p.given-p.taken)
		}
	}
	p.ends()
	d.apps[0].returns()
	d.settled()
	d.home()
}

// Messages in any order after the end of an exchange do no harm.
func TestServerLateMail(t *testing.T) {
	d := lone(t, wire.Server, nil)
	d.arrives(0).says(headers(getFields...)).ends()
	a := d.apps[0]
	a.says(list(":status", "200"), "", nil, true)
	a.returns()
	d.settled()
	a.take()
	a.says(nil, "late", nil, true)
	d.run()
	a.returns()
	d.run()
	d.fromApp.Send(&port.Fired{})
	d.home()
	a.says(nil, "later", nil, true)
	d.run()
	if d.chunks.Out() != 0 {
		t.Error("a chunk was kept")
	}
}

// An Open that meets a router that has left is answered too.
func TestOpenAfterTheEnd(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.home()
	a := d.asks(true, getFields...)
	d.run()
	var e *port.StreamError
	if !errors.As(a.err, &e) || !e.Unprocessed || !errors.Is(a.err, port.ErrGone) {
		t.Errorf("ended with %v, %v", a.err, a.sentErr)
	}
}
