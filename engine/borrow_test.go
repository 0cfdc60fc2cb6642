package engine

import (
	"sync/atomic"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
)

// lone returns a connection that had a request, and never two at a time.
func lone() *connection {
	c := &connection{s: &socket{e: &Engine{world: NewWorld()}}}
	c.place.world = c.s.e.world.(*machine)
	c.asked()
	c.place.requests.end()
	return c
}

func TestALoneRequestRunsOnTheGoroutinesThatBringItsMail(t *testing.T) {
	for what, busy := range map[string]func(c *connection){
		"no request yet":      func(c *connection) { c.place.requests.word.Store(0) },
		"several at a time":   func(c *connection) { c.asked(); c.asked() },
		"its own bulk":        func(c *connection) { c.place.bulk.noted() },
		"the socket's bulk":   func(c *connection) { c.s.bulk.noted() },
		"a trace":             func(c *connection) { c.trace = new(witness) },
		"rooms apart":         func(c *connection) { c.place.how = Apart },
		"others at work":      func(c *connection) { c.place.world.crew.working.Add(crewBusy + 1) },
		"a lane that runs":    func(c *connection) { c.place.running = true },
		"no machine":          func(c *connection) { c.place.world = nil },
		"one that is on loan": func(c *connection) { c.borrow() },
	} {
		c := lone()
		if busy(c); c.borrow() {
			t.Errorf("%s: the lane borrows a goroutine", what)
		}
	}
	c := lone()
	for range 2 {
		if !c.borrow() {
			t.Fatal("the lane does not borrow a goroutine")
		}
		var ran []string // by this goroutine, or the race detector says so
		room := &seat{placement: &c.place}
		writer := writerSeat{c.s.e.world, c.s}
		room.Launch(player{run: func() {
			ran = append(ran, "room")
			writer.Launch(player{run: func() { ran = append(ran, "writer") }})
		}})
		if len(ran) != 0 {
			t.Error("a room runs while its mail is sent")
		}
		c.payBack()
		if len(ran) != 2 || ran[0] != "room" || ran[1] != "writer" {
			t.Errorf("ran %v, want the room and behind it the writer", ran)
		}
		if c.place.running || c.s.host.Load() != nil {
			t.Error("the goroutine is still on loan")
		}
	}
}

func TestAWriterLeavesTheLaneToItself(t *testing.T) {
	c := lone()
	writer := writerSeat{c.s.e.world, c.s}
	for what, lent := range map[string]bool{"no goroutine is on loan": false, "bulk flows": true} {
		if lent {
			c.borrow()
			c.s.bulk.noted()
		}
		done := make(chan bool)
		writer.Launch(player{run: func() { close(done) }})
		<-done // while the lane, if it has one, waits for this test
		if len(c.place.ready) != 0 {
			t.Errorf("%s: the writer is in the lane", what)
		}
	}
}

func TestALaneThatTakesLongPaysItsGoroutineBack(t *testing.T) {
	c := lone()
	if !c.borrow() {
		t.Fatal("the lane does not borrow a goroutine")
	}
	room := &seat{placement: &c.place}
	var turns atomic.Int32
	goOn, over := make(chan bool), make(chan bool)
	var again func(actor.Runner)
	again = func(r actor.Runner) {
		switch turns.Add(1) {
		case lentRounds + 1:
			<-goOn
		case 3 * lentRounds:
			close(over)
			return
		}
		room.Launch(r)
	}
	var r player
	r.run = func() { again(player{run: r.run}) }
	room.Launch(r)
	c.payBack()
	if n := turns.Load(); n < lentRounds || n > lentRounds+1 {
		t.Errorf("the goroutine comes back after %d rounds, want %d", n, lentRounds)
	}
	close(goOn)
	<-over
}

// The rooms of a connection whose datagrams are not alone in the socket do not keep the reader.
func TestAReaderWithMoreToReadLendsNothing(t *testing.T) {
	for _, alone := range []bool{true, false} {
		c := lone()
		lent := make(chan bool, 1)
		room := actor.Spawn[port.ToProtect](&seat{placement: &c.place}, actor.Spec{Name: "protect", Capacity: 1}, &onLoan{c, lent})
		c.fromReader = room.Port("reader>protect", 1)
		c.s.e.world = c.place.world
		c.arrived(port.NewRxBatch([]byte("datagram"), nil), alone)
		if got := <-lent; got != alone {
			t.Errorf("alone %v: the reader runs the lane: %v", alone, got)
		}
	}
}

// onLoan tells whether its lane has a goroutine on loan.
type onLoan struct {
	c    *connection
	lent chan bool
}

func (o *onLoan) Handle(mono.Time, port.ToProtect) { o.lent <- o.c.s.host.Load() != nil }
func (o *onLoan) Flush(mono.Time)                  {}

// A writer shares the goroutine of a lane where no processor is idle and nobody has to wait for what that computes.
func TestABusyMachinesWriterRunsInALane(t *testing.T) {
	for what, c := range map[string]struct {
		change func(c *connection)
		want   bool
	}{
		"busy":                        {func(*connection) {}, true},
		"idle":                        {func(c *connection) { c.place.world.crew.working.Store(crewBusy) }, false},
		"several at a time":           {func(c *connection) { c.asked(); c.asked() }, false},
		"a handshake":                 {func(c *connection) { c.place.requests.word.Store(0) }, false},
		"a handshake, its own socket": {func(c *connection) { c.place.requests.word.Store(0); c.place.sole = true }, true},
		"a trace, or its rooms apart": {func(c *connection) { c.place.host = nil }, false},
	} {
		l := lone()
		l.place.host = &l.s.host
		l.place.world.crew.working.Store(crewBusy + 1)
		c.change(l)
		var hosted bool
		l.place.ready = []actor.Runner{player{run: func() { hosted = l.s.host.Load() == &l.place.lane }}}
		l.place.Run()
		if hosted != c.want {
			t.Errorf("%s: the lane hosts the writer: %v, want %v", what, hosted, c.want)
		}
		if l.s.host.Load() != nil {
			t.Errorf("%s: the lane is over and hosts the writer", what)
		}
	}
}

// A writer that is never without mail stays in no lane: the rooms there would have their turns between its own for good.
func TestABusyWriterLeavesItsLane(t *testing.T) {
	c := lone()
	c.place.host = &c.s.host
	c.place.world.crew.working.Store(crewBusy + 1)
	writer := writerSeat{c.s.e.world, c.s}
	turns, left := 0, make(chan bool, 1)
	var r player
	r.run = func() {
		if turns++; c.s.host.Load() == nil || turns > 10*lentRounds {
			left <- c.s.host.Load() == nil
			return
		}
		writer.Launch(r)
	}
	c.place.ready, c.place.running = []actor.Runner{r}, true
	c.place.Run()
	if !<-left {
		t.Errorf("the writer was in the lane for %d rounds, want about %d", turns, lentRounds)
	}
}
