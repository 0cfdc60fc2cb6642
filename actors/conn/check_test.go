package conn

import (
	"errors"
	"strings"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/buffer"
	"quicpro/internal/congestion"
	"quicpro/internal/flow"
	"quicpro/wire"
)

// busy is a client in the middle of an upload, with a full window in flight and more queued.
func busy(t *testing.T) (*pair, *Conn) {
	p := newPair(t, 1, nil)
	p.connect()
	p.quiet()
	p.client.open(0).write(pattern(100_000, 1), true)
	p.client.open(4).write(pattern(100_000, 1), true)
	p.settle()
	p.run(5 * time.Millisecond)
	c := p.client.conn
	if c.streams.freshBytes == 0 || c.loss.BytesInFlight() == 0 || c.tx.away != 0 {
		t.Fatalf("not in the middle: %d bytes queued, %d in flight, %d batches away", c.streams.freshBytes, c.loss.BytesInFlight(), c.tx.away)
	}
	return p, c
}

// sick is a congestion controller that is not well.
type sick struct{ congestion.Controller }

func (sick) Check() error { return errors.New("not well") }

func firstRow(c *Conn) *row { return c.streams.fresh[port.DefaultUrgency].first }

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for _, x := range []struct {
		want string // "" if nothing is broken
		harm func(c *Conn)
	}{
		{"", func(*Conn) {}},
		{"1 big batches away, 0 ours", func(c *Conn) { c.tx.away++ }},
		{"0 big batches away, 1 ours", func(c *Conn) { c.tx.big++ }},
		{"1 spare", func(c *Conn) { c.tx.spares = append(c.tx.spares, nil) }},

		{"the cell is armed for 7, owed is", func(c *Conn) { c.cfg.Cell.Arm(7) }},
		{"the cell is armed for 0, owed is", func(c *Conn) { c.cfg.Cell.Arm(0) }},
		{"pacing 9,", func(c *Conn) { c.timers.pacing = 9 }},
		{"old keys 9,", func(c *Conn) { c.timers.dropPrevious = 9 }},
		{"which has come; now is", func(c *Conn) { c.timers.pacing = c.now; c.cfg.Cell.Arm(c.now) }},
		{"owed is 0", func(c *Conn) { c.life.state = over }},

		{"not well", func(c *Conn) { c.cc = sick{c.cc} }},

		{"the handshake is complete; parameters: false", func(c *Conn) { c.crypto.params = nil }},
		{"the handshake is complete; parameters: true, 1-RTT keys: false", func(c *Conn) { c.spaces[wire.SpaceApp].keys = false }},
		{"the handshake is confirmed; complete: true, Initial and Handshake dropped: false", func(c *Conn) { c.spaces[wire.SpaceHandshake].dropped = false }},
		{"the peer's address not validated", func(c *Conn) { c.path.validated = false }},
		{"1-RTT keys were dropped", func(c *Conn) { c.spaces[wire.SpaceApp].dropped = true }},
		{"3 CRYPTO bytes at Application, and TLS has no order", func(c *Conn) {
			c.crypto.levels[wire.SpaceApp].in.Insert(0, []byte("abc"), c.cfg.Chunks)
		}},
		{"CRYPTO bytes at Application, at most", func(c *Conn) {
			c.crypto.levels[wire.SpaceApp].in.Insert(1<<20, []byte("abc"), c.cfg.Chunks)
		}},

		{"the Initial space was dropped; 0 packets in flight, 1 probes", func(c *Conn) { c.spaces[wire.SpaceInitial].probes = 1 }},
		{"3 CRYPTO bytes", func(c *Conn) { c.crypto.levels[wire.SpaceInitial].out.Write([]byte("abc")) }},
		{"3 probes in the Application space", func(c *Conn) { c.spaces[wire.SpaceApp].probes = 3 }},
		{"packets were sent in the Handshake space, which has no keys", func(c *Conn) { c.spaces[wire.SpaceHandshake].keys = false }},
		{"the largest is 90, the last range", func(c *Conn) { c.spaces[wire.SpaceApp].received.largest = 90 }},
		{"all below 90 are forgotten", func(c *Conn) { c.spaces[wire.SpaceApp].received.floor = 90 }},
		{"the peer knows of all below 90", func(c *Conn) { c.spaces[wire.SpaceApp].received.known = 90 }},
		{"the largest ack-eliciting one 90", func(c *Conn) { c.spaces[wire.SpaceApp].received.eliciting = 90 }},
		{"1 packets wait for an ACK; urgent: false, due at 0", func(c *Conn) { c.spaces[wire.SpaceApp].received.waiting = 1 }},
		{"0 packets wait for an ACK; urgent: true", func(c *Conn) { c.spaces[wire.SpaceApp].received.urgent = true }},

		{"connection IDs of ours, the peer keeps 0", func(c *Conn) { c.ids.local.most = 0 }},
		{"of ours at 0; the next will be 0", func(c *Conn) { c.ids.local.next = 0 }},
		{"connection ID 0 of ours at 1", func(c *Conn) { c.ids.local.list[1].seq = 0 }},
		{"0 connection IDs of the peer", func(c *Conn) { c.ids.peer.list = nil }},
		{"active_connection_id_limit is 1", func(c *Conn) { c.ids.peer.limit = 1 }},
		{"100 retirements are owed", func(c *Conn) { c.ids.peer.retiring = make([]retirement, 100) }},
		{"those below 1 are retired", func(c *Conn) { c.ids.peer.retireBelow = 1 }},
		{"connection ID 0 of the peer stands twice", func(c *Conn) { c.ids.peer.list[1].seq = 0 }},

		{"datagrams of 1199 bytes", func(c *Conn) { c.path.datagram = 1199 }},
		{"datagrams of 1232 bytes, within 1200 and 1231", func(c *Conn) { c.path.most = 1231 }},

		{"streams of ours: 3 live, 0 ended, 2 opened", func(c *Conn) { c.streams.local[0].live++ }},
		{"2 opened, 1 allowed", func(c *Conn) { c.streams.local[0].allowed = 1 }},
		{"stream 0 of the peer was spawned, 0 are opened", func(c *Conn) { c.streams.peer[0].seen.Add(0, 1) }},
		{"2 streams of ours live, at most 1", func(c *Conn) { c.streams.local[0].most = 1 }},
		{"h3 may open 99 streams", func(c *Conn) { c.streams.local[0].granted = 99 }},
		{"3 streams live; 2 by ID", func(c *Conn) { c.streams.live++ }},
		{"1 by the counts of each kind", func(c *Conn) { c.streams.local[0].live-- }},
		{"1 streams had data in a turn that is over", func(c *Conn) { c.streams.touched = 1 }},
		{"has news that nobody delivers", func(c *Conn) { c.streams.news.put(firstRow(c)) }},
		{"waits among those of 3", func(c *Conn) { firstRow(c).urgency = 4 }},
		{"without its links", func(c *Conn) { firstRow(c).links[listFresh].prev = firstRow(c) }},
		{"is not row 7", func(c *Conn) { firstRow(c).index = 7 }},
		{"is in list 3 with nothing to say", func(c *Conn) { c.streams.owing.put(firstRow(c)) }},
		{"sent bytes, there are 0", func(c *Conn) { firstRow(c).sentTo, firstRow(c).toldTo = 0, 1 }},
		{"bytes queued: 1 again", func(c *Conn) { c.streams.againBytes = 1 }},
		{"0 fresh; streams queued: false, true", func(c *Conn) { c.streams.freshBytes = 0 }},

		{"something is to be sent, may be sent", func(c *Conn) { c.packing.allowance = 1 << 20 }},
	} {
		_, c := busy(t)
		x.harm(c)
		err := c.Check()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("Check says %v, want %q", err, x.want)
		}
	}
}

func TestCheckOfCreditWhenNoStreamIsLeft(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	p.quiet()
	p.client.conn.flow.recv.Received(10)
	if err := p.client.conn.Check(); err == nil || !strings.Contains(err.Error(), "no stream is left, and the credit of 10 bytes has not returned") {
		t.Errorf("got %v", err)
	}
}

func TestCheckOfTheAmplificationLimit(t *testing.T) {
	p := path{sent: 3600, received: 1200, size: size{datagram: 1200, most: 1200}}
	if err := p.check(); err != nil {
		t.Error(err)
	}
	p.sent++
	if err := p.check(); err == nil || !strings.Contains(err.Error(), "3601 bytes sent, 1200 received") {
		t.Errorf("got %v", err)
	}
}

// A handshake packet that repeats crumbs carries many facts. When its level goes before its fate is known, what they took
// must be free again: the world asks every room after every turn.
func TestALevelThatGoesTakesItsSpillsAlong(t *testing.T) {
	p := newPair(t, 1, nil)
	p.server.handshake.flight = 300
	p.client.cell.Ring()
	p.run(25 * time.Millisecond) // the server's flight has arrived, the answer is on its way
	for off := wire.Offset(0); off < 200; off += 2 {
		p.server.conn.crypto.levels[wire.SpaceHandshake].out.Lost(off, off+1)
	}
	p.server.cell.Ring()
	p.settle()
	if len(p.server.conn.sent.nodes) == 0 {
		t.Fatal("no packet had so many facts")
	}
	p.connect()
	p.quiet()
	p.close()
}

func TestCheckAllNamesWhatIsBroken(t *testing.T) {
	for _, x := range []struct {
		want string // "" if nothing is broken
		harm func(c *Conn)
	}{
		{"", func(*Conn) {}},
		{"row 1 says it is 0", func(c *Conn) {
			c.streams.rows[1].index = 0
			c.streams.fresh = [urgencies]list{}
			c.streams.freshBytes = 0
		}},
		{"row 2 is free, and has something to send", func(c *Conn) {
			c.streams.rows = append(c.streams.rows, &row{index: 2, rare: &rowRare{owes: rowOwes{stop: true}}})
			c.streams.table.free = append(c.streams.table.free, 2)
		}},
		{"stream 8 in list 0 is not row", func(c *Conn) { firstRow(c).id = 8 }},
		{"is not found by its ID or link", func(c *Conn) { c.streams.byID[firstRow(c).id] = &row{} }},
		{"keeps a message that the peer has", func(c *Conn) {
			k := &buffer.SendBuffer{}
			k.Fin()
			k.Next(1, 1)
			k.Acked(0, 0, true)
			firstRow(c).kept = k
		}},
		{"is in lists for what it has not, or is missing", func(c *Conn) { firstRow(c).seldom().owes.stop = true }},
		{"fresh; the streams have 0,", func(c *Conn) { c.streams.freshBytes++ }},
		{"the streams have received 0 bytes, and the credit of 10", func(c *Conn) { c.flow.recv.Received(10) }},
		{"of the connection's credit", func(c *Conn) { c.flow.send = flow.NewSendWindow(1 << 40) }},
		{"were never sent, and", func(c *Conn) { firstRow(c).sentTo++ }},
		{"in a chunk that nobody holds", func(c *Conn) {
			for g := firstRow(c).fresh.front(); g.Chunk.Holders() > 0; {
				g.Chunk.Release()
			}
		}},
		{"CRYPTO bytes [0, 3) of the Application space are in flight, and in no packet", func(c *Conn) {
			out := &c.crypto.levels[wire.SpaceApp].out
			out.Write([]byte("abc"))
			out.Next(3)
		}},
		{"the retirement of connection ID 9 is in flight, and in no packet", func(c *Conn) {
			c.ids.peer.retiring = append(c.ids.peer.retiring, retirement{seq: 9, told: true})
		}},
		{"the free spills are a circle", func(c *Conn) { c.sent.nodes, c.sent.free = []spill{{next: 1}}, 1 }},
		{"1 spills, of which 0 are free or of packets in flight", func(c *Conn) { c.sent.nodes = make([]spill, 1) }},
		{"0 spills of its own: true", func(c *Conn) {
			_, p, _ := c.loss.Outstanding(wire.SpaceApp, 0)
			p.Content.n = 5
		}},
	} {
		_, c := busy(t)
		if c.sent.nodes != nil {
			t.Fatal("the story has spills")
		}
		x.harm(c)
		err := c.CheckAll()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("CheckAll says %v, want %q", err, x.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	_, c := busy(new(testing.T))
	b.Run("bounded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Check(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.CheckAll(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
