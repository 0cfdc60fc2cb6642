package stream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// stepping is a System in which rooms run when a test says so. The quotas of edges are enforced.
type stepping struct {
	now   mono.Time
	ready []actor.Runner
}

func (s *stepping) Now() mono.Time { return s.now }
func (s *stepping) Stepping() bool { return true }
func (s *stepping) Launch(r actor.Runner) {
	for _, have := range s.ready {
		if have == r {
			return
		}
	}
	s.ready = append(s.ready, r)
}

// run gives every room its mail.
func (s *stepping) run() {
	for len(s.ready) > 0 {
		r := s.ready[0]
		s.ready = s.ready[1:]
		for more := true; more; more = r.StepFlush() {
			for i, e := range r.Waiting() {
				r.Step(i, e.Count)
			}
		}
	}
}

// ear is a room that keeps what it hears.
type ear[M any] struct{ heard []M }

func (e *ear[M]) Handle(_ mono.Time, m M) { e.heard = append(e.heard, m) }
func (e *ear[M]) Flush(mono.Time)         {}

// testLimits are small, so that stories meet them.
var testLimits = port.Limits{StreamGaps: 4, StreamWindowMax: 4000, UnsentBytes: 1000}

var testOptions = port.StreamOptions{SendLimit: 10000, RecvWindow: 1000}

// desk is one stream room, with a scripted conn and a scripted h3.
type desk struct {
	t      testing.TB
	sys    stepping
	s      *Stream
	link   *port.Stream
	conn   ear[port.ToConn]
	h3     ear[port.ToH3]
	chunks actor.Chunks
	out    int // batches that are not home
}

const (
	ourBidi   wire.StreamID = 0 // the room is a client's
	theirBidi wire.StreamID = 1
	ourUni    wire.StreamID = 2
	theirUni  wire.StreamID = 3
)

func newDesk(t testing.TB, id wire.StreamID) *desk {
	return newDeskWith(t, id, testOptions, testLimits)
}

func newDeskWith(t testing.TB, id wire.StreamID, o port.StreamOptions, l port.Limits) *desk {
	d := &desk{t: t, sys: stepping{now: 1}, link: port.NewStream(id)}
	d.s = New(Config{Link: d.link, Role: wire.Client, Options: o, Common: &Common{Chunks: &d.chunks, Limits: &l}})
	d.connect()
	return d
}

func (d *desk) connect() {
	conn := actor.Spawn[port.ToConn](&d.sys, actor.Spec{Name: "conn", Capacity: 2}, &d.conn)
	h3 := actor.Spawn[port.ToH3](&d.sys, actor.Spec{Name: "h3", Capacity: 2}, &d.h3)
	d.s.Connect(&Ports{ToConn: conn.Port("stream>conn", 2), ToH3: h3.Port("stream>h3", 2)})
}

// batch is a frame's data in a receive batch that is wiped when it goes home.
func (d *desk) span(off int, data string, fin bool) port.Span {
	d.out++
	b := []byte(data)
	return port.Span{Off: wire.Offset(off), B: b, Fin: fin, Batch: port.NewRxBatch(b, func(r *port.RxBatch) {
		d.out--
		clear(r.B)
	})}
}

// deliver is a turn of the room with a Deliver.
func (d *desk) deliver(fill func(*port.Deliver)) {
	d.t.Helper()
	fill(d.link.Down.Filling())
	m, next, ok := d.link.Down.Ready()
	if !ok {
		d.t.Fatal("the room did not free the last Deliver")
	}
	next.Reset()
	d.turn(m)
	if d.out != 0 {
		d.t.Fatalf("%d batches outlived the turn", d.out)
	}
}

// data is a turn with one STREAM frame.
func (d *desk) data(off int, data string, fin bool) {
	d.t.Helper()
	d.deliver(func(m *port.Deliver) { m.Spans = append(m.Spans, d.span(off, data, fin)) })
}

// write is a turn with a Write.
func (d *desk) write(fill func(*port.Write)) {
	d.t.Helper()
	fill(d.link.Out.Filling())
	m, next, ok := d.link.Out.Ready()
	if !ok {
		d.t.Fatal("the room did not free the last Write")
	}
	next.Reset()
	d.turn(m)
}

// says is a turn with a Write of bytes.
func (d *desk) says(text string, fin bool) {
	d.t.Helper()
	d.write(func(m *port.Write) { m.Chunks, m.Fin = d.chunk(m.Chunks, text), fin })
}

func (d *desk) chunk(to []*actor.Chunk, text string) []*actor.Chunk {
	c := d.chunks.Get(len(text))
	c.B = append(c.B, text...)
	return append(to, c)
}

func (d *desk) turn(mail ...port.ToStream) {
	d.sys.now = d.sys.now.Add(time.Millisecond)
	for _, m := range mail {
		d.s.Handle(d.sys.now, m)
	}
	d.s.Flush(d.sys.now)
	if err := errors.Join(d.s.Check(), d.s.CheckAll()); err != nil {
		d.t.Fatal(err)
	}
	d.sys.run()
}

// push is the one Push that conn has heard, described and given back. It is "" if there is none.
func (d *desk) push() string {
	d.t.Helper()
	m := d.heldPush()
	if m == nil {
		return ""
	}
	text := describePush(m)
	d.freePush(m)
	return text
}

// heldPush is the one Push that conn has heard, nil if there is none. It stays in flight.
func (d *desk) heldPush() *port.Push {
	d.t.Helper()
	heard := d.conn.heard
	d.conn.heard = nil
	if len(heard) == 0 {
		return nil
	}
	if len(heard) > 1 {
		d.t.Fatalf("conn heard %d messages: %v", len(heard), heard)
	}
	return heard[0].(*port.Push)
}

func (d *desk) freePush(m *port.Push) {
	for _, g := range m.Segments {
		if g.Chunk != nil {
			g.Chunk.Release()
		}
	}
	if d.link.Up.Free() {
		d.turn(port.WakeUp)
	}
}

func describePush(m *port.Push) (text string) {
	say := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	for _, g := range m.Segments {
		say("%s", describeSegment(g))
	}
	if m.Whole {
		say("whole")
	}
	if m.HasReset {
		say("reset %d at %d", m.ResetCode, m.ResetFinal)
	}
	if m.HasStop {
		say("stop %d", m.StopCode)
	}
	if m.MaxData > 0 {
		say("max data %d", m.MaxData)
	}
	if m.BlockedAt > 0 {
		say("blocked at %d", m.BlockedAt)
	}
	if m.Consumed > 0 {
		say("consumed %d", m.Consumed)
	}
	if m.MaxWindow > 0 {
		say("window %d", m.MaxWindow)
	}
	if m.Priority.Urgency != port.DefaultUrgency {
		say("urgency %d", m.Priority.Urgency)
	}
	if m.Fault != nil {
		say("fault %v", m.Fault.Code)
	}
	if m.Ended {
		say("ended")
	}
	if text == "" {
		return "nothing"
	}
	return text
}

func describeSegment(g buffer.Segment) string {
	text := fmt.Sprintf("%d:", g.Off)
	if len(g.B) <= 20 {
		text += string(g.B)
	} else {
		text += fmt.Sprintf("%d bytes", len(g.B))
	}
	if g.Fin {
		text += "."
	}
	if !g.Fresh && len(g.B) > 0 {
		text += " again"
	}
	return text
}

// read is the one Read that h3 has heard, described and given back; its pieces are released, but not taken. It is "" if
// there is none.
func (d *desk) read() string {
	d.t.Helper()
	m := d.heldRead()
	if m == nil {
		return ""
	}
	text := describeRead(m)
	d.freeRead(m)
	return text
}

func (d *desk) heldRead() *port.Read {
	d.t.Helper()
	heard := d.h3.heard
	d.h3.heard = nil
	if len(heard) == 0 {
		return nil
	}
	if len(heard) > 1 {
		d.t.Fatalf("h3 heard %d messages: %v", len(heard), heard)
	}
	return heard[0].(*port.Read)
}

func (d *desk) freeRead(m *port.Read) {
	for _, p := range m.Pieces {
		p.Chunk.Release()
	}
	if d.link.In.Free() {
		d.turn(port.WakeIn)
	}
}

func describeRead(m *port.Read) string {
	text := fmt.Sprintf("room %d", m.Room)
	all := ""
	for _, p := range m.Pieces {
		all += string(p.B)
	}
	if all != "" {
		if len(all) > 20 {
			all = fmt.Sprintf("%d bytes", len(all))
		}
		text += ", " + all
	}
	if m.Fin {
		text += ", fin"
	}
	if m.HasReset {
		text += fmt.Sprintf(", reset %d", m.ResetCode)
	}
	if m.HasStop {
		text += fmt.Sprintf(", stop %d", m.StopCode)
	}
	if m.Ended {
		text += ", ended"
	}
	return text
}

// wants compares what was heard with the story.
func (d *desk) wants(why, got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Fatalf("%s: got %q, want %q", why, got, want)
	}
}

// pushes and reads compare the next message of each kind.
func (d *desk) pushes(why, want string) { d.t.Helper(); d.wants(why, d.push(), want) }
func (d *desk) reads(why, want string)  { d.t.Helper(); d.wants(why, d.read(), want) }

// home checks that nothing is held.
func (d *desk) home() {
	d.t.Helper()
	if n := d.chunks.Out(); n != 0 {
		d.t.Fatalf("%d chunks are not home", n)
	}
	if d.out != 0 {
		d.t.Fatalf("%d batches are not home", d.out)
	}
}

// ends is the end of every story: h3 is done, conn is told, the room leaves.
func (d *desk) ends() {
	d.t.Helper()
	d.write(done)
	m := d.heldPush()
	if m == nil || !m.Ended {
		d.t.Fatal("h3 is done with the stream, and conn is not told of its end")
	}
	d.gone()
	d.freePush(m)
}

// gone checks that the room has left.
func (d *desk) gone() {
	d.t.Helper()
	if !d.s.Left() {
		d.t.Fatal("all is said, and the room does not leave")
	}
	d.home()
}

func done(m *port.Write) { m.Done = true }

func acked(lo, hi int, fin bool) func(*port.Deliver) {
	return func(m *port.Deliver) {
		m.SentTo = wire.Offset(hi)
		m.Fates = append(m.Fates, port.SentRange{Lo: wire.Offset(lo), Hi: wire.Offset(hi), Fin: fin})
	}
}

func lost(lo, hi int, fin bool) func(*port.Deliver) {
	return func(m *port.Deliver) {
		m.SentTo = wire.Offset(hi)
		m.Fates = append(m.Fates, port.SentRange{Lo: wire.Offset(lo), Hi: wire.Offset(hi), Fin: fin, Lost: true})
	}
}

func took(n int) func(*port.Write) { return func(m *port.Write) { m.Taken = n } }
