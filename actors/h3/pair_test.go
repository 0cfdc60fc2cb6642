package h3

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// Two routers, joined by streams that cut and delay everything as a seed says, with apps that are slow, change their
// minds, or leave. Whatever happens, everybody is answered once, and everything comes home; and if nothing was cancelled,
// every body arrives as it was sent.
func TestTwoRouters(t *testing.T) {
	cancelled, stopped, bytes := 0, 0, 0
	for seed := range uint64(400) {
		w := newCouple(t, seed)
		w.play()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		cancelled += w.cancelled
		bytes += w.bytes
		if w.client.stopped != nil && w.early {
			stopped++
		}
	}
	if cancelled < 50 || stopped < 50 || bytes < 1<<20 {
		t.Errorf("%d cancelled, %d stopped, %d bytes: it proves little", cancelled, stopped, bytes)
	}
}

type couple struct {
	t              testing.TB
	rng            *rand.Rand
	sys            *stepping
	client, server *desk
	calm           bool // nobody cancels
	early          bool // death came before the end
	cancelled      int
	bytes          int
	asked          []*errand
}

// errand is one exchange as its client sees it.
type errand struct {
	a      *app
	body   string
	length bool // declared
	sent   int
	done   bool
}

func newCouple(t testing.TB, seed uint64) *couple {
	w := &couple{t: t, rng: rand.New(rand.NewPCG(seed, 3))}
	w.sys = &stepping{now: 1, rng: w.rng}
	w.calm = w.rng.IntN(2) == 0
	w.client, w.server = newDesk(t, w.sys, wire.Client, nil), newDesk(t, w.sys, wire.Server, nil)
	w.client.twin, w.server.twin = w.server, w.client
	w.server.handler = w.serve
	return w
}

func (w *couple) play() {
	stopAt, byeAt, step := -1, -1, 0
	switch w.rng.IntN(4) {
	case 0:
		stopAt = w.rng.IntN(600)
	case 1:
		byeAt = w.rng.IntN(600)
	}
	for _, d := range []*desk{w.client, w.server} {
		d.fromCon.Send(&port.Connected{Role: d.role, Peer: &wire.TransportParameters{InitialMaxStreamsBidi: 3, InitialMaxStreamsUni: 16}})
		d.fromCon.Send(&port.StreamCredit{Bidi: 3, Uni: 16})
	}
	for left := 1 + w.rng.IntN(8); left > 0 || w.moves(); step++ {
		if left > 0 && w.rng.IntN(20) == 0 {
			left--
			w.ask()
		}
		if !w.calm && w.rng.IntN(60) == 0 && len(w.asked) > 0 {
			w.cancel(w.asked[w.rng.IntN(len(w.asked))])
		}
		switch step {
		case stopAt:
			w.early = true
			w.end()
			return
		case byeAt:
			[]*desk{w.client, w.server}[w.rng.IntN(2)].fromApp.Send(&port.Goodbye{})
		}
		if step == 100 && w.client.stopped == nil {
			w.client.fromCon.Send(&port.StreamCredit{Bidi: 100, Uni: 16})
		}
	}
	if w.calm && byeAt < 0 {
		w.compare()
		w.client.settled()
		w.server.settled()
	}
	w.end()
}

// moves gives one room a turn, and perhaps an app.
func (w *couple) moves() bool {
	moved := w.sys.step()
	w.sys.now++
	if w.rng.IntN(8) == 0 || !moved {
		moved = w.client.poll() || moved
		moved = w.server.poll() || moved
	}
	for _, d := range []*desk{w.client, w.server} {
		for _, a := range d.apps {
			if a.held != nil && (w.rng.IntN(30) == 0 || !moved) {
				a.take()
				moved = true
			}
		}
	}
	return moved
}

func (w *couple) end() {
	w.client.stop(&port.Cause{Why: port.Idle})
	w.server.stop(w.client.stopped)
	w.client.home()
}

func (w *couple) ask() {
	e := &errand{body: strings.Repeat(strconv.Itoa(w.rng.IntN(1000)), w.rng.IntN(4000))}
	if w.rng.IntN(4) == 0 {
		e.body = ""
	}
	fields := with(postFields)
	if e.length = w.rng.IntN(2) == 0; e.length {
		fields = with(fields, "content-length", strconv.Itoa(len(e.body)))
	}
	e.a = w.client.asks(e.body == "", fields...)
	e.a.auto = false
	w.asked = append(w.asked, e)
	if e.body == "" {
		return
	}
	e.a.onSent = func() { w.next(e) }
	w.next(e)
}

// next sends the next part of a request.
func (w *couple) next(e *errand) {
	if e.done || e.a.sentLast {
		return
	}
	n := w.rng.IntN(min(3000, len(e.body)-e.sent) + 1)
	part := e.body[e.sent : e.sent+n]
	e.sent += n
	var trailers []port.Field
	e.done = e.sent == len(e.body)
	if e.done && w.rng.IntN(3) == 0 {
		trailers = list("x-sum", strconv.Itoa(len(e.body)))
	}
	e.a.says(nil, part, trailers, e.done)
}

func (w *couple) cancel(e *errand) {
	if e.a.last && e.a.sentLast || e.a.cause != nil {
		return
	}
	w.cancelled++
	e.a.cause = fmt.Errorf("cancelled")
	how := w.rng.IntN(3)
	e.a.cancels(how != 1, how != 2, 0)
}

// serve is a handler: it echoes the request's body when it has all of it; some answer at once, some give up.
func (w *couple) serve(a *app) {
	a.auto = false
	mood := w.rng.IntN(12)
	if w.calm {
		mood = 11
	}
	switch mood {
	case 0:
		a.returns()
		a.onSent = nil
	case 1:
		a.says(list(":status", "403"), "no", nil, true)
		a.returns()
	default:
		w.echo(a)
	}
}

func (w *couple) echo(a *app) {
	told, sent, state := 0, 0, 0 // state: 0 reading, 1 answering, 2 returned
	waits := false
	a.onSent = func() { waits = false }
	a.think = func() bool {
		if state == 2 || waits {
			return false
		}
		if a.sentLast || a.err != nil {
			state = 2
			a.returns()
			return true
		}
		switch {
		case state == 0 && told < 2 && w.rng.IntN(10) == 0:
			told++
			waits = true
			a.says(list(":status", "103"), "", nil, false)
			return true
		case state == 0 && a.last:
			state, waits = 1, true
			a.says(list(":status", "200"), "", nil, false)
			return true
		case state == 1:
			n := min(len(a.body)-sent, 1+w.rng.IntN(2000))
			part := string(a.body[sent : sent+n])
			sent += n
			waits = true
			a.says(nil, part, nil, sent == len(a.body))
			return true
		}
		return false
	}
}

// compare checks what came back.
func (w *couple) compare() {
	for i, e := range w.asked {
		a := e.a
		if a.err != nil || a.sentErr != nil || !a.last || !a.sentLast {
			w.t.Errorf("errand %d: read %v %v, wrote %v %v", i, a.last, a.err, a.sentLast, a.sentErr)
			continue
		}
		if string(a.body) != e.body || a.heads[len(a.heads)-1][0].Value != "200" {
			w.t.Errorf("errand %d: %d bytes sent, %d came back, heads %v", i, len(e.body), len(a.body), a.heads)
		}
		w.bytes += len(a.body)
	}
}
