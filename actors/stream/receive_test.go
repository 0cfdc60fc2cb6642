package stream

import (
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

func TestARequestComesInOneReadAndItsCreditReturns(t *testing.T) {
	d := newDesk(t, theirBidi)
	d.turn()
	d.pushes("nothing is sent at birth", "")
	d.reads("nothing is sent at birth", "")
	d.data(0, "GET /", true)
	d.reads("bytes and the end come together", "room 1000, GET /, fin")
	d.pushes("nothing was taken yet", "")
	d.write(took(5))
	d.pushes("taken bytes return their credit", "consumed 5")
	d.says("200", true)
	d.pushes("the answer", "0:200., whole")
	d.reads("the other half is open", "")
	d.deliver(acked(0, 3, true))
	d.ends()
}

func TestBytesAreOrderedAndDeliveredOnce(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(3, "def", false)
	d.reads("a gap", "")
	d.data(0, "abc", false)
	d.reads("the gap is closed", "room 0, abcdef")
	d.data(1, "bcd", false)
	d.reads("all of it is old", "")
	d.data(4, "efgh", true)
	d.reads("the new part and the end", "room 0, gh, fin")
	d.write(took(8))
	d.pushes("credit", "consumed 8")
	d.ends()
}

func TestAFinAloneIsToldAndEndsAtOnceWhenAllWasTaken(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "abc", false)
	d.reads("bytes", "room 0, abc")
	d.write(took(3))
	d.pushes("credit", "consumed 3")
	d.data(3, "", true)
	d.reads("fin and end are merged", "room 0, fin")
	d.ends()
}

func TestReadsMergeWhileH3IsBusy(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "abc", false)
	m := d.heldRead()
	d.data(3, "def", false)
	d.data(6, "ghi", true)
	d.reads("one Read is in flight", "")
	d.freeRead(m)
	d.reads("what came meanwhile is merged", "room 0, defghi, fin")
	d.write(took(9))
	d.pushes("credit", "consumed 9")
	d.ends()
}

func TestTheWindowIsKeptAndRaised(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, strings.Repeat("x", 400), false)
	d.data(400, strings.Repeat("x", 600), false)
	d.reads("one half", "room 0, 400 bytes")
	d.reads("the other", "room 0, 600 bytes")
	d.write(took(200))
	d.pushes("less than a quarter of the window is used", "consumed 200")
	d.write(took(400))
	d.pushes("more is used", "max data 1600, consumed 400")
	d.deliver(func(m *port.Deliver) { m.LostMaxData = true })
	d.pushes("a lost limit is sent again", "max data 1600")
	d.data(1000, strings.Repeat("x", 600), true)
	d.deliver(func(m *port.Deliver) { m.LostMaxData = true })
	d.pushes("RFC 9000 s13.3: but not once the final size is known", "")
	d.reads("the rest", "room 0, 600 bytes, fin")
	d.write(took(1000))
	d.pushes("nor are taken bytes a reason to raise it", "consumed 1000")
	d.ends()
}

func TestAFastReaderGetsALargerWindow(t *testing.T) {
	d := newDesk(t, theirUni)
	off, grew := 0, ""
	for range 40 {
		d.deliver(func(m *port.Deliver) {
			m.Spans, m.RTT = append(m.Spans, d.span(off, strings.Repeat("x", 300), false)), 50*1e6
		})
		off += 300
		d.read()
		d.write(took(300))
		if p := d.push(); strings.Contains(p, "window") {
			grew += p[strings.Index(p, "window"):] + "; "
		}
	}
	d.wants("two doublings, to the maximum, each told to conn once", grew, "window 2000; window 4000; ")
	d.turn(&port.Stop{})
	d.home()
}

func TestAResetDiscardsAndReturnsCreditOnce(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "abc", false)
	d.reads("delivered before", "room 0, abc")
	d.data(5, "fgh", false) // behind a gap: never delivered
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode, m.ResetFinal = true, 7, 100 })
	d.reads("the reset", "room 0, reset 7")
	d.pushes("97 bytes will never be read; 3 still may", "consumed 97")
	d.data(3, "late", false)
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode, m.ResetFinal = true, 7, 100 })
	d.pushes("late data and a second reset change nothing", "")
	d.reads("late data and a second reset change nothing", "")
	d.write(took(3))
	d.pushes("together they are the final size", "consumed 3")
	d.ends()
}

func TestAResetAfterAllDataIsIgnored(t *testing.T) {
	d := newDesk(t, theirUni)
	busy := func() *port.Read { d.data(0, "a", false); return d.heldRead() }()
	d.data(1, "bc", true)
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode, m.ResetFinal = true, 7, 3 })
	d.freeRead(busy)
	d.reads("RFC 9000 s3.2: all bytes are here, so they are delivered", "room 0, bc, fin")
	d.write(took(3))
	d.pushes("credit", "consumed 3")
	d.ends()
}

func TestStopDiscardsWhatComesAndReturnsItsCredit(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "abc", false)
	held := d.heldRead()
	d.data(3, "def", false)
	d.data(8, "ij", false)
	d.write(func(m *port.Write) { m.HasStop, m.StopCode = true, 9 })
	d.pushes("10 bytes count, 3 of them are with h3", "stop 9, consumed 7")
	d.freeRead(held)
	d.reads("nothing more is delivered", "")
	d.data(6, "ghij!", false)
	d.pushes("one byte was new", "consumed 1")
	d.deliver(func(m *port.Deliver) { m.LostStop = true })
	d.pushes("a lost STOP_SENDING is sent again", "stop 9")
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode, m.ResetFinal = true, 9, 20 })
	d.pushes("the final size counts", "consumed 9")
	d.deliver(func(m *port.Deliver) { m.LostStop = true })
	d.pushes("its work is done", "")
	d.reads("h3 still has 3 bytes, and is not told of a reset it asked for", "")
	d.write(took(3))
	d.pushes("the last credit", "consumed 3")
	d.ends()
}

func TestStopThenFinEndsWithoutTheMissingBytes(t *testing.T) {
	d := newDesk(t, theirUni)
	d.write(func(m *port.Write) { m.HasStop, m.StopCode = true, 9 })
	d.pushes("stop", "stop 9")
	d.data(50, "xy", true)
	d.pushes("all 52 bytes are accounted for", "consumed 52")
	d.ends()
}

func TestStopWhenAllIsHereNeedsNoFrame(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "a", false)
	held := d.heldRead()
	d.data(1, "bc", true)
	d.write(func(m *port.Write) { m.HasStop, m.StopCode, m.Taken = true, 9, 1 })
	d.pushes("RFC 9000 s3.5: nothing to stop", "consumed 3")
	d.freeRead(held)
	d.ends()
}

func TestStopAfterAnUndeliveredReset(t *testing.T) {
	d := newDesk(t, theirUni)
	d.data(0, "a", false)
	held := d.heldRead()
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetCode, m.ResetFinal = true, 7, 4 })
	d.pushes("the rest is discarded", "consumed 3")
	d.write(func(m *port.Write) { m.HasStop, m.Taken = true, 1 })
	d.freeRead(held)
	d.pushes("no STOP_SENDING", "consumed 1")
	d.ends()
}

func TestSmallCreditWaitsForCompany(t *testing.T) {
	l := testLimits
	l.Streams, l.ConnWindow = 10, 4000 // so 100 bytes may be held back
	d := newDeskWith(t, theirUni, testOptions, l)
	d.data(0, strings.Repeat("x", 150), false)
	d.reads("bytes", "room 0, 150 bytes")
	d.write(took(99))
	d.pushes("not worth a message", "")
	d.write(took(1))
	d.pushes("worth one", "consumed 100")
	d.write(took(20))
	d.pushes("not worth a message", "")
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetFinal = true, 151 })
	d.pushes("discarded bytes return at once, and take the others along", "consumed 21")
	d.write(took(30))
	d.reads("over", "room 0, reset 0")
	d.write(done)
	d.pushes("the last of it goes with the end", "consumed 30, ended")
	d.gone()
}

func TestFaultsOfThePeer(t *testing.T) {
	reset := func(final int) func(*desk) {
		return func(d *desk) {
			d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetFinal = true, wire.Offset(final) })
		}
	}
	data := func(off int, s string, fin bool) func(*desk) {
		return func(d *desk) { d.data(off, s, fin) }
	}
	frames := func(fill func(*port.Deliver)) func(*desk) { return func(d *desk) { d.deliver(fill) } }
	for _, c := range []struct {
		name  string
		id    wire.StreamID
		does  []func(*desk)
		fault wire.ErrorCode
		frame wire.FrameType
	}{
		{"more data than the window", theirUni, []func(*desk){data(900, strings.Repeat("x", 101), false)}, wire.FlowControlError, wire.TypeStream},
		{"a reset beyond the window", theirUni, []func(*desk){reset(1001)}, wire.FlowControlError, wire.TypeResetStream},
		{"data beyond the end", theirBidi, []func(*desk){data(0, "abc", true), data(3, "d", false)}, wire.FinalSizeError, wire.TypeStream},
		{"the end moves up", theirBidi, []func(*desk){data(0, "abc", true), data(4, "", true)}, wire.FinalSizeError, wire.TypeStream},
		{"the end moves down", theirBidi, []func(*desk){data(0, "abc", true), data(0, "ab", true)}, wire.FinalSizeError, wire.TypeStream},
		{"the end is below what came", theirBidi, []func(*desk){data(5, "abc", false), data(0, "ab", true)}, wire.FinalSizeError, wire.TypeStream},
		{"a reset changes the end", theirBidi, []func(*desk){data(0, "abc", true), reset(4)}, wire.FinalSizeError, wire.TypeResetStream},
		{"a reset below what came", theirBidi, []func(*desk){data(5, "abc", false), reset(7)}, wire.FinalSizeError, wire.TypeResetStream},
		{"data beyond a reset", theirBidi, []func(*desk){reset(7), data(5, "abc", false)}, wire.FinalSizeError, wire.TypeStream},
		{"two resets differ", theirBidi, []func(*desk){reset(7), reset(8)}, wire.FinalSizeError, wire.TypeResetStream},
		{"too many gaps", theirBidi, []func(*desk){data(2, "a", false), data(4, "a", false), data(6, "a", false), data(8, "a", false), data(10, "a", false)}, wire.InternalError, wire.TypeStream},
		{"data for our one-way stream", ourUni, []func(*desk){data(0, "", false)}, wire.StreamStateError, wire.TypeStream},
		{"a reset of our one-way stream", ourUni, []func(*desk){reset(0)}, wire.StreamStateError, wire.TypeResetStream},
		{"a stop of their one-way stream", theirUni, []func(*desk){frames(func(m *port.Deliver) { m.HasStop = true })}, wire.StreamStateError, wire.TypeStopSending},
		{"credit for their one-way stream", theirUni, []func(*desk){frames(func(m *port.Deliver) { m.MaxStreamData = 5 })}, wire.StreamStateError, wire.TypeMaxStreamData},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, c.id)
			var fault *wire.Error
			listen := func() {
				if m := d.heldPush(); m != nil {
					if m.Fault != nil && fault != nil {
						t.Fatal("a fault is told once")
					}
					if m.Fault != nil {
						fault = m.Fault
					}
					d.freePush(m)
				}
				d.read()
			}
			for i, do := range c.does {
				if fault != nil {
					t.Fatalf("faulted before step %d", i)
				}
				do(d)
				listen()
			}
			if fault == nil || fault.Code != c.fault || fault.FrameType != c.frame {
				t.Fatalf("got %v, want %v in %v", fault, c.fault, c.frame)
			}
			d.data(500, "the peer goes on", false) // and nothing is believed, and no batch is kept
			d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetFinal = true, 1<<40 })
			listen()
			d.turn(&port.Stop{})
			d.home()
		})
	}
}

func TestReceiveStates(t *testing.T) {
	d := newDesk(t, theirUni)
	r := &d.s.receiving
	state := func(why string, want recvState) {
		t.Helper()
		if r.state != want {
			t.Fatalf("%s: state %d, want %d", why, r.state, want)
		}
	}
	state("birth", recvRecv)
	d.data(0, "a", false)
	held := d.heldRead()
	d.data(2, "c", true)
	state("a FIN, and a byte is missing", recvSizeKnown)
	d.data(1, "b", false)
	state("all is here", recvDataRecvd)
	d.freeRead(held)
	state("all is read", recvDataRead)
	d.turn(&port.Stop{})
	d.read()
	d.home()

	d = newDesk(t, theirUni)
	r = &d.s.receiving
	d.data(0, "a", false)
	held = d.heldRead()
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetFinal = true, 1 })
	state("reset", recvResetRecvd)
	d.freeRead(held)
	state("h3 knows", recvResetRead)
	if newDesk(t, ourUni).s.receiving.state != recvAbsent {
		t.Fatal("we send on it only")
	}
}

func TestWhatIsOutOfDateIsNotSentWhenTheSlotIsFreeAgain(t *testing.T) {
	busy := func(d *desk) *port.Push { d.says("x", false); return d.heldPush() }
	d := newDesk(t, theirBidi)
	m := busy(d)
	d.write(func(m *port.Write) { m.HasStop, m.StopCode = true, 9 })
	d.deliver(func(m *port.Deliver) { m.HasReset, m.ResetFinal = true, 0 })
	d.freePush(m)
	d.pushes("the peer has reset before it could be asked to", "")
	d.turn(&port.Stop{})
	d.home()

	d = newDesk(t, theirBidi)
	d.data(0, strings.Repeat("x", 600), false)
	d.reads("bytes", "room 1000, 600 bytes")
	m = busy(d)
	d.write(took(600))
	d.data(600, "", true)
	d.freePush(m)
	d.pushes("the peer needs no more credit for this stream", "consumed 600")
	d.read()
	d.turn(&port.Stop{})
	d.home()

	d = newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 1}, testLimits)
	m = busy(d)
	d.says("y", false)
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 2 })
	d.freePush(m)
	d.pushes("we are not blocked any more", "1:y")
	d.turn(&port.Stop{})
	d.home()
}
