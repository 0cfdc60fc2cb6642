package script

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"quicpro/actors/port"
	"quicpro/wire/h3wire"
)

// Ask is a client's side of one request.
type Ask struct {
	Plan
	N    int // its number
	from *Host
	conn *Conn
	ends
	began  bool
	sent   int
	status string
	hints  int
	gone   bool // cancelled
	done   bool
	again  bool // it may be asked again, on another connection
	tries  int  // times that it was
	ended  func(*Ask)
}

// Ask makes a request on a connection. ended is called when it is over, on the executor.
func (h *Host) Ask(c *Conn, p Plan, ended func(*Ask)) *Ask {
	a := h.w.plan(h, p)
	a.ended = ended
	a.begin(c)
	return a
}

// plan makes a request that is to be made.
func (w *World) plan(from *Host, p Plan) *Ask {
	p.complete()
	a := &Ask{Plan: p, N: len(w.asks), from: from}
	w.asks = append(w.asks, a)
	w.open++
	return a
}

func (a *Ask) String() string {
	return fmt.Sprintf("request %d of %s (%v): sent %d, came %d, read %v, wrote %v, pending %v, cancelled %v",
		a.N, a.from.name, &a.Plan, a.sent, a.in, a.read, a.wrote, a.pending, a.gone)
}

// Err is why the response was not complete, nil if it is.
func (a *Ask) Err() error { return a.readErr }

// upload and download are the names of what is sent.
func upload(n int) string   { return "up " + strconv.Itoa(n) }
func download(n int) string { return "down " + strconv.Itoa(n) }

// begin makes the request on a connection.
func (a *Ask) begin(c *Conn) {
	w := a.from.w
	a.conn = c
	a.ends = ends{w: w, place: w.core.Draw().At(upload(a.N)), content: download(a.N), pace: a.Slow}
	a.sent, a.status, a.hints, a.again, a.began = 0, "", 0, false, false
	if a.How == Echo {
		a.content = upload(a.N)
	}
	identity := a.from.name + "/" + strconv.Itoa(a.N)
	c.Admit(identity, func(x *port.Exchange) {
		if x == nil {
			a.readErr = c.Cause()
			a.again = true // nothing was asked yet
			a.end()
			return
		}
		a.join(c.H3Conn, x, a.step)
		a.ask()
	})
}

// ask sends the request's head.
func (a *Ask) ask() {
	method := "POST"
	if a.How == Get {
		method = "GET"
	}
	o := &a.x.OpenOrder
	o.Fields = []port.Field{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: a.conn.to.name},
		{Name: ":path", Value: "/" + a.How.String() + "/" + strconv.Itoa(a.N)},
	}
	o.Fin = a.Up == 0 && !a.Trailers
	a.began, a.wrote = true, o.Fin // with Fin the message is complete: no Sent comes
	a.h.Open(a.x)
	if a.Cancel > 0 {
		a.w.core.After(a.Cancel, a.cancel)
	}
	a.step()
}

// cancel is the client's change of mind.
func (a *Ask) cancel() {
	if a.done || a.gone || a.read && a.wrote {
		return
	}
	a.gone = true
	a.x.CancelOrder.StopReading, a.x.CancelOrder.StopWriting = true, true
	a.h.Cancel(a.x)
	a.step()
}

// step does all that can be done.
func (a *Ask) step() {
	for !a.done && a.receive(a.head) {
	}
	if a.done || !a.began {
		return
	}
	if !a.pending && !a.wrote && !a.gone {
		n := a.bite(a.Up-a.sent, a.Bite)
		from := a.sent
		a.sent += n
		a.send(upload(a.N), from, a.sent, a.sent == a.Up, a.Trailers)
	}
	if a.read && a.wrote && a.used == nil {
		a.leave()
		a.h.Release(a.x)
		a.end()
	}
}

func (a *Ask) head(fields []port.Field) {
	for _, f := range fields {
		if f.Name != ":status" {
			continue
		}
		if a.status = f.Value; f.Value == "103" {
			a.hints++
		}
	}
}

// end judges the outcome.
func (a *Ask) end() {
	a.w.core.Note(a.String())
	var stream *port.StreamError
	if errors.As(a.readErr, &stream) && stream.Unprocessed && !a.gone {
		a.again = true
	}
	if a.again {
		a.w.tally.Again++
		a.ended(a)
		return
	}
	a.done = true
	a.w.open--
	a.w.tally.Requests++
	if err := a.judge(); err != nil {
		a.w.failf("%v: %w", a, err)
	}
	a.ended(a)
}

// turnedAway reports whether the server has closed the connection behind its GOAWAY, and the request came too late. The
// client may have seen the close without the GOAWAY: then it does not know that it may ask again. If it has seen neither, it
// hears of it by a stateless reset, when the server's endpoint has forgotten the connection.
func (a *Ask) turnedAway(c *port.Cause) bool {
	closed := c.Why == port.Reset || c.Why == port.Theirs && c.App && c.Code == uint64(h3wire.CodeNoError)
	return closed && a.conn.to.goodbyes > 0 && !slices.ContainsFunc(a.w.replies, func(r *reply) bool { return r.n == a.N })
}

func (a *Ask) judge() error {
	var stream *port.StreamError
	var cause *port.Cause
	switch {
	case a.gone:
		a.w.tally.Cancelled++
		return nil
	case a.conn.lost() && (errors.As(a.readErr, &cause) || errors.As(a.sendErr, &cause)):
		a.w.tally.Broken++
		return nil
	case errors.As(a.readErr, &cause) && a.turnedAway(cause):
		a.w.tally.Turned++
		return nil
	case a.How == Reset:
		a.w.tally.Reset++
		if !errors.As(a.readErr, &stream) || stream.Code != uint64(h3wire.CodeRequestCancelled) || !stream.Remote {
			return fmt.Errorf("the handler's reset was seen as %w", a.readErr)
		}
		return nil
	case a.readErr != nil:
		return a.readErr
	case a.sendErr != nil && a.How != Early:
		return fmt.Errorf("the upload failed: %w", a.sendErr)
	case a.in != a.Down || a.status != "200" || a.hints != a.Hints || a.trailers != a.Trailers:
		return fmt.Errorf("status %q, %d hints, trailers %v", a.status, a.hints, a.trailers)
	}
	return nil
}

// Came is how many bytes of the response's body have arrived.
func (a *Ask) Came() int { return a.in }
