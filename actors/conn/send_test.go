package conn

import (
	"bytes"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

func TestBulkLeavesInRunsOfFullDatagrams(t *testing.T) {
	p := newPair(t, 1, nil)
	p.link.delay = 20 * time.Millisecond
	p.connect()
	before := len(p.client.protect.batches)
	s := p.client.open(0)
	s.write(pattern(256<<10, 0), true)
	p.run(3 * time.Second)
	big, runs, datagrams := 0, 0, 0
	for _, b := range p.client.protect.batches[before:] {
		if b.Big {
			big++
			runs += len(b.Runs)
		}
		for _, r := range b.Runs {
			datagrams += (r.Len + r.SegmentSize - 1) / r.SegmentSize
		}
	}
	if big == 0 || runs > big+2 {
		t.Errorf("%d big batches with %d runs", big, runs)
	}
	if least := (256 << 10) / 1452; datagrams > least+least/8+8 {
		t.Errorf("%d datagrams for what fits into %d", datagrams, least)
	}
	if !s.out.AllAcked() {
		t.Error("not done")
	}
}

// The first flight of a server is three datagrams at most, as long as it has not validated the client's address (RFC 9000 s8.1).
func TestAHandshakeNeedsNoLargeBatch(t *testing.T) {
	p := newPair(t, 1, nil)
	p.server.handshake.flight = 3000
	p.connect()
	longest := 0
	for _, s := range []*side{p.client, p.server} {
		for _, b := range s.protect.batches {
			if longest = max(longest, len(b.B)); b.Big {
				t.Errorf("%v: a large batch for %d bytes", s.role, len(b.B))
			}
		}
	}
	if longest < 2*1200 {
		t.Errorf("%d bytes in the longest batch, want all that the server may send at once", longest)
	}
}

func TestWindowIsNeverExceeded(t *testing.T) {
	p := newPair(t, 5, nil)
	p.link = link{delay: 30 * time.Millisecond, loss: 3}
	p.connect()
	p.open5(200 << 10)
	for range 2000 {
		p.run(time.Millisecond)
		c := p.client.conn
		if c.loss.BytesInFlight() > c.cc.Window() && c.loss.Backoff() == 0 && c.cc.RecoveryStart() == 0 {
			t.Fatalf("%d bytes in flight, window %d", c.loss.BytesInFlight(), c.cc.Window())
		}
	}
}

func (p *pair) open5(size int) (all []*fakeStream) {
	for i := range 5 {
		s := p.client.open(wire.StreamID(4 * i))
		s.write(pattern(size, byte(i)), true)
		all = append(all, s)
	}
	return all
}

func TestEqualStreamsShareUrgentOnesGoFirst(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	for i := range 3 {
		f := s.open(wire.StreamID(4 * i))
		if i == 2 {
			f.urgency = 1
		}
		f.write(pattern(30_000, 0), true)
	}
	s.settle() // the window is full, and all three have more
	from := s.mark
	s.mark = len(s.out)
	s.ackAll(from)
	var order []wire.StreamID
	for _, f := range s.sent(s.mark, wire.TypeStream) {
		order = append(order, f.Stream.ID)
	}
	urgent := 0
	for _, id := range order {
		if id == 8 {
			urgent++
		}
	}
	for i, id := range order {
		if id == 8 && i > urgent {
			t.Errorf("the urgent stream waits: %v", order)
			break
		}
	}
	for range 20 {
		from, s.mark = s.mark, len(s.out)
		s.run(20 * time.Millisecond)
		s.ackAll(from)
	}
	order = nil
	for _, f := range s.sent(0, wire.TypeStream) {
		if f.Stream.ID != 8 {
			order = append(order, f.Stream.ID)
		}
	}
	turns := 0
	for i := range order[1:] {
		if order[i] != order[i+1] {
			turns++
		}
	}
	if turns < len(order)/3 { // the one that spoke first has the first flight to itself
		t.Errorf("equals do not take turns: %v", order)
	}
}

func TestConnectionFlowControlHoldsBackNewBytesOnly(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	c := s.conn
	var fs []*fakeStream
	for i := range 3 {
		f := s.open(wire.StreamID(4 * i))
		f.write(pattern(256<<10, 0), false)
		fs = append(fs, f)
	}
	// Everything is acknowledged as it goes, until the connection's window ends.
	for range 2000 {
		s.run(time.Millisecond)
		if n := len(s.out); n > s.mark {
			from := s.mark
			s.mark = n
			s.ackAll(from)
		}
	}
	if c.flow.send.Available() != 0 || c.flow.send.Spent() != 512<<10 {
		t.Fatalf("spent %d of %d", c.flow.send.Spent(), c.flow.send.Limit())
	}
	if len(s.sent(0, wire.TypeDataBlocked)) == 0 {
		t.Error("no DATA_BLOCKED was sent")
	}
	// A stream that is reset now has its final size where its bytes ended.
	s.mark = len(s.out)
	fs[2].out.Reset()
	fs[2].push(func(p *port.Push) { p.HasReset, p.ResetFinal = true, 256<<10 })
	s.settle()
	total := wire.Offset(0)
	for _, r := range c.streams.rows {
		total += r.sentTo
	}
	got := s.sent(s.mark, wire.TypeResetStream)
	if len(got) != 1 || got[0].ResetStream.FinalSize != c.streams.find(8).sentTo || total != 512<<10 {
		t.Errorf("RESET_STREAM %+v, sent in all %d", got, total)
	}
	s.say(wire.Frame{Type: wire.TypeMaxData, MaxData: wire.MaxData{Max: 1 << 20}})
	s.run(100 * time.Millisecond)
	if c.flow.send.Spent() == 512<<10 && fs[0].out.Unsent()+fs[1].out.Unsent() > 0 {
		t.Error("more credit did not help")
	}
}

// ackAll acknowledges the 1-RTT packets that were sent from a place on.
func (s *solo) ackAll(from int) {
	var ranges []wire.AckRange
	for i := len(s.out) - 1; i >= from; i-- {
		switch pn := s.out[i].number; {
		case s.out[i].level != wire.LevelApp:
		case len(ranges) > 0 && ranges[len(ranges)-1].Lo == pn+1:
			ranges[len(ranges)-1].Lo = pn
		default:
			ranges = append(ranges, wire.AckRange{Lo: pn, Hi: pn})
		}
	}
	if len(ranges) == 0 {
		return
	}
	b, _ := wire.AppendAck(nil, ranges, 0, nil, 1000)
	x := s.packet(wire.LevelApp)
	x.Payload = b
	s.batch(nil, x)
}

func TestMaxDataFollowsTheReader(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	all := p.open5(250 << 10)
	p.run(10 * time.Second)
	for i, s := range all {
		if !bytes.Equal(p.server.streams[s.link.ID].got, pattern(250<<10, byte(i))) {
			t.Errorf("stream %d stopped", i)
		}
	}
	if len(p.server.sent(0, wire.TypeMaxData)) == 0 {
		t.Error("no MAX_DATA")
	}
}

func TestResetDropsWhatWaits(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	f := s.open(0)
	f.write(pattern(200<<10, 0), false)
	s.settle()
	s.mark = len(s.out)
	f.out.Reset()
	f.push(func(p *port.Push) { p.HasReset, p.ResetCode = true, 7 })
	s.settle()
	for _, x := range s.out[s.mark:] {
		for _, f := range frames(x.payload) {
			if f.Type == wire.TypeStream {
				t.Error("STREAM after RESET_STREAM")
			}
		}
	}
	if n := s.chunks.Out(); n != 0 {
		t.Errorf("%d chunks are held", n)
	}
}

func TestFactsOfAnEarlierStreamAreIgnored(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	f := s.open(0)
	f.write([]byte("a"), true)
	s.settle()
	old := s.out[len(s.out)-1].number
	f.end()
	s.settle()
	g := s.open(4) // takes the same row
	g.write([]byte("b"), true)
	s.settle()
	if s.conn.streams.find(4).index != 0 {
		t.Fatal("the row was not used again")
	}
	s.say(s.ack(old, old))
	if g.delivers != 0 || g.out.AllAcked() {
		t.Error("the new stream heard of the old one's bytes")
	}
	s.say(s.ack(old+1, s.out[len(s.out)-1].number))
	if !g.out.AllAcked() {
		t.Error("the new stream did not hear of its own")
	}
}

func TestManySmallStreamsShareAPacket(t *testing.T) {
	s := newSolo(t, wire.Client, nil)
	for i := range 16 {
		s.open(wire.StreamID(4*i)).write([]byte("a small request"), true)
	}
	// All pushes are there before the flush.
	s.settle()
	packets := len(s.out) - s.mark
	if packets > 8 {
		t.Errorf("%d packets", packets)
	}
	s.ackAll(s.mark)
	for _, f := range s.order {
		if !f.out.AllAcked() {
			t.Error("a stream did not hear of its acknowledgement")
		}
	}
	free := 0
	for at := s.conn.sent.free; at != 0; at = s.conn.sent.nodes[at-1].next {
		free++
	}
	if free != len(s.conn.sent.nodes) {
		t.Errorf("%d of %d spills are free", free, len(s.conn.sent.nodes))
	}
}

func TestPoolThatIsEmptyDelaysOnly(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	p.client.pool.most = 0
	s := p.client.open(0)
	s.write(pattern(50_000, 0), true)
	p.run(5 * time.Second)
	if !s.out.AllAcked() {
		t.Error("the small batch alone must do")
	}
}

func TestSomeNumbersAreNeverSent(t *testing.T) {
	p := newPair(t, 1, nil)
	p.connect()
	p.open5(200 << 10)
	p.run(20 * time.Second)
	var last wire.PacketNumber = -1
	gaps := 0
	for _, x := range p.client.out {
		if x.level == wire.LevelApp {
			gaps += int(x.number - last - 1)
			last = x.number
		}
	}
	if gaps == 0 || gaps > 20 {
		t.Errorf("%d numbers skipped of %d", gaps, last)
	}
}

func TestYieldRestsAfterASlowOne(t *testing.T) {
	var y yields
	now := mono.Time(time.Hour)
	if y.allowed(now, 1) {
		t.Error("one stream alone")
	}
	if !y.allowed(now, 2) {
		t.Error("two streams")
	}
	const slow = 2 * time.Millisecond
	for i, want := range []time.Duration{8 * slow, 16 * slow, 32 * slow} {
		y.took(slow, 2, now)
		if y.allowed(now.Add(want-1), 2) || !y.allowed(now.Add(want), 2) {
			t.Errorf("rest %d is %v, want %v", i, y.rest, want)
		}
		now = now.Add(want)
	}
	for range 20 {
		y.took(time.Second, 2, now)
	}
	if y.rest != lastRest {
		t.Errorf("rest %v", y.rest)
	}
	for range 20 {
		y.took(slowYield, 2, now)
	}
	if y.took(slow, 2, now); y.rest != 8*slow {
		t.Errorf("after quick ones: rest %v", y.rest)
	}
}

// What a hundred callers need on a slow processor is no reason to rest.
func TestAYieldMayTakeLongerForMoreStreams(t *testing.T) {
	var y yields
	now := mono.Time(time.Hour)
	y.took(2*time.Millisecond, 100, now)
	if !y.allowed(now, 100) {
		t.Error("2 ms for a hundred streams: it rests")
	}
	y.took(2*time.Millisecond, 16, now)
	if y.allowed(now, 16) {
		t.Error("2 ms for sixteen streams: it does not rest")
	}
}
