package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/wire/h3wire"
)

// reply is a handler's side of one request.
type reply struct {
	ends
	host  *Host
	plan  *Plan // known with the head
	n     int
	hints int
	out   int
	begun bool // the final head was sent
	over  bool
}

func (r *reply) String() string {
	return fmt.Sprintf("reply to %d: read %v, wrote %v, over %v", r.n, r.read, r.wrote, r.over)
}

// ended reports whether the handler has returned and nothing more will come for it.
func (r *reply) ended() bool { return r.over && r.read && r.wrote }

// answer is called for each request of a server, when its head is complete.
func (h *Host) answer(c *engine.H3Conn, x *port.Exchange) {
	if !slices.Contains(h.conns, c) {
		h.conns = append(h.conns, c)
	}
	r := &reply{n: -1, host: h, ends: ends{w: h.w}}
	h.w.replies = append(h.w.replies, r)
	r.join(c, x, r.step)
	r.step()
}

// head learns what is asked for.
func (r *reply) head(fields []port.Field) {
	path := ""
	for _, f := range fields {
		if f.Name == ":path" {
			path = f.Value
		}
	}
	n, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil || n < 0 || n >= len(r.w.asks) {
		r.w.failf("a request for %q came, which nobody made", path)
		return
	}
	r.n, r.plan = n, &r.w.asks[n].Plan
	r.content, r.pace = upload(n), r.plan.Drag
	r.place = r.w.core.Draw().At(download(n))
	if r.plan.Stall > 0 {
		r.rest(r.plan.Stall, &r.asleep)
	}
}

// step does all that can be done.
func (r *reply) step() {
	for !r.asleep && r.receive(r.head) {
	}
	if r.asleep {
		return
	}
	if !r.over && (r.plan != nil || r.read) {
		r.speak()
		for r.over && r.receive(r.head) { // what had come when it ended
		}
	}
	if r.ended() {
		r.leave()
	}
}

// speak does what the handler is for.
func (r *reply) speak() {
	p := r.plan
	if p == nil {
		r.end(true, uint64(h3wire.CodeRequestCancelled)) // the connection died before the head was read
		return
	}
	may, limit := r.read, p.Down
	switch p.How {
	case Early, Both:
		may = true
	case Echo:
		may, limit = true, r.in
	}
	switch {
	case r.sendErr != nil || r.read && r.readErr != nil:
		r.end(true, uint64(h3wire.CodeRequestCancelled)) // the client has gone
	case p.How == Reset:
		if r.read || 2*r.in > p.Up {
			r.end(true, uint64(h3wire.CodeRequestCancelled))
		}
	case r.wrote:
		if r.read {
			r.end(false, 0)
		}
	case r.pending || !may:
	case r.hints < p.Hints:
		r.hints++
		port.NewSendIn(r.x).Head = []port.Field{{Name: ":status", Value: "103"}}
		r.send("", 0, 0, false, false)
	default:
		r.body(limit)
	}
}

// body sends some of the response's, whose bytes are known up to limit.
func (r *reply) body(limit int) {
	p := r.plan
	n := r.bite(limit-r.out, p.Bite)
	fin := r.out+n == p.Down && (p.How != Echo || r.read)
	if n == 0 && !fin {
		return
	}
	if !r.begun {
		r.begun = true
		port.NewSendIn(r.x).Head = []port.Field{{Name: ":status", Value: "200"}}
	}
	content := download(r.n)
	if p.How == Echo {
		content = upload(r.n)
	}
	from := r.out
	r.out += n
	r.send(content, from, r.out, fin, p.Trailers)
	if fin && p.How == Early && !r.read {
		// RFC 9114 s4.1: the response is complete, the rest of the request is not wanted.
		r.x.CancelOrder.StopReading = true
		r.end(false, uint64(h3wire.CodeNoError))
	}
}

// end is the handler's return.
func (r *reply) end(reset bool, code uint64) {
	r.over, r.mute = true, true
	o := &r.x.CancelOrder
	o.HandlerDone, o.Code = true, code
	if reset {
		o.StopReading, o.StopWriting = true, true
	}
	r.h.Cancel(r.x)
}
