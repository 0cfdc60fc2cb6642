package stream

import (
	"strings"
	"testing"

	"quicpro/actors/port"
)

func TestAWriteWithItsEndIsOnePush(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("hello", true)
	d.pushes("bytes and the end go together", "0:hello., whole")
	d.reads("there is no need to talk of room", "")
	d.deliver(acked(0, 5, true))
	d.ends()
}

func TestAFinAlone(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("hello", false)
	d.pushes("bytes", "0:hello")
	d.write(func(m *port.Write) { m.Fin = true })
	d.pushes("the end", "5:.")
	d.deliver(lost(5, 5, true))
	d.pushes("it was lost", "5:.")
	d.deliver(acked(0, 5, false))
	d.reads("the end is not acknowledged", "")
	d.deliver(acked(5, 5, true))
	d.ends()
}

func TestPushesMergeWhileConnIsBusyAndLostBytesGoFirst(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("abc", false)
	m := d.heldPush()
	d.says("def", false)
	d.deliver(lost(1, 3, false))
	d.pushes("one Push is in flight", "")
	d.freePush(m)
	d.pushes("lost bytes first", "1:bc again, 3:def")
	d.turn(&port.Stop{})
	d.home()
}

func TestThePeersLimitIsKept(t *testing.T) {
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 4}, testLimits)
	d.says("abcdef", true)
	d.pushes("four bytes are allowed, and the peer hears that we want more", "0:abcd, blocked at 4")
	d.deliver(lost(0, 4, false))
	d.pushes("bytes that are sent again cost no credit", "0:abcd again")
	d.deliver(func(m *port.Deliver) { m.LostBlocked = true })
	d.pushes("we are still blocked", "blocked at 4")
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 3 })
	d.pushes("a lower limit is ignored", "")
	d.deliver(func(m *port.Deliver) { m.MaxStreamData, m.LostBlocked = 5, true })
	d.pushes("the lost one is out of date", "4:e, blocked at 5")
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 6 })
	d.pushes("the rest, and the end", "5:f.")
	d.deliver(func(m *port.Deliver) { m.LostBlocked = true })
	d.pushes("we are blocked no more", "")
	d.deliver(acked(0, 6, true))
	d.ends()
}

func TestOneWhoIsExactlyAtTheLimitIsNotBlockedUntilHeHasMore(t *testing.T) {
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 4}, testLimits)
	d.says("abcd", false)
	d.pushes("nothing waits", "0:abcd")
	d.says("e", false)
	d.pushes("now a byte does", "blocked at 4")
	d.turn(&port.Stop{})
	d.home()
}

func TestRoomIsToldWhenThereWasLittle(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says(strings.Repeat("x", 1000), false)
	d.pushes("h3 fills the stream", "0:1000 bytes")
	d.deliver(func(m *port.Deliver) { m.SentTo = 499 })
	d.reads("less than half is free", "")
	d.deliver(func(m *port.Deliver) { m.SentTo = 500 })
	d.reads("half is free", "room 500")
	d.deliver(func(m *port.Deliver) { m.SentTo = 1000 })
	d.reads("h3 knows of enough", "")
	d.says(strings.Repeat("x", 500), false)
	d.reads("h3 believes it has used all, but there is more by now", "room 500")
	d.pushes("bytes", "1000:500 bytes")
	d.turn(&port.Stop{})
	d.home()
}

func TestWhoWasToldOfNoRoomHearsOfAny(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.says(strings.Repeat("x", 1000), false)
	d.pushes("h3 fills the stream", "0:1000 bytes")
	d.data(0, "hi", false)
	d.reads("a Read for another reason tells the truth", "room 0, hi")
	d.deliver(func(m *port.Deliver) { m.SentTo = 1 })
	d.reads("any room is news", "room 1")
	d.deliver(func(m *port.Deliver) { m.SentTo = 100 })
	d.reads("but not all", "")
	d.deliver(func(m *port.Deliver) { m.SentTo = 700 })
	d.reads("enough is", "room 700")
	d.turn(&port.Stop{})
	d.home()
}

func TestConnIsNotFloodedWithWhatItCannotSend(t *testing.T) {
	l := testLimits
	l.UnsentBytes = 1 << 20
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 1 << 30}, l)
	big := strings.Repeat("x", 60<<10)
	d.write(func(m *port.Write) {
		for range 6 {
			m.Chunks = d.chunk(m.Chunks, big)
		}
	})
	sum := func() (n int) {
		if m := d.heldPush(); m != nil {
			for _, g := range m.Segments {
				n += len(g.B)
			}
			d.freePush(m)
		}
		return n
	}
	if n := sum(); n != pushAhead {
		t.Fatalf("conn was given %d bytes, want %d", n, pushAhead)
	}
	d.deliver(func(m *port.Deliver) { m.SentTo = 1000 })
	if n := sum(); n != 1000 {
		t.Fatalf("1000 went out, %d came after them", n)
	}
	d.deliver(func(m *port.Deliver) { m.SentTo = pushAhead })
	if n := sum(); n != 6*60<<10-pushAhead-1000 {
		t.Fatalf("the rest is %d bytes", n)
	}
	d.turn(&port.Stop{})
	d.home()
}

func TestAResetOfOursForgetsAllAndIsRepeatedUntilAcked(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("abc", false)
	d.pushes("bytes", "0:abc")
	d.write(func(m *port.Write) {
		m.Chunks = d.chunk(m.Chunks, "never sent")
		m.HasReset, m.ResetCode = true, 5
	})
	d.home()
	d.pushes("what was not handed out does not count", "reset 5 at 3")
	d.deliver(func(m *port.Deliver) { m.HasStop, m.StopCode = true, 8 })
	d.pushes("the peer's stop comes late", "")
	d.reads("the peer's stop comes late", "")
	d.deliver(func(m *port.Deliver) {
		m.LostReset = true
		m.Fates = append(m.Fates, port.SentRange{Lo: 0, Hi: 3, Lost: true})
	})
	d.pushes("the reset is sent again, its bytes are not", "reset 5 at 3")
	d.says("into the void", true)
	d.pushes("what h3 still writes is dropped", "")
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	d.ends()
}

func TestAResetBehindWaitsUntilThePeerHasAllThatWasWritten(t *testing.T) {
	d := newDeskWith(t, ourUni, port.StreamOptions{SendLimit: 4}, testLimits)
	d.says("abc", false)
	d.pushes("bytes", "0:abc")
	d.write(func(m *port.Write) {
		m.Chunks = d.chunk(m.Chunks, "def")
		m.HasReset, m.ResetCode, m.Behind = true, 5, true
	})
	d.pushes("what is written goes on", "3:d, blocked at 4")
	d.deliver(acked(0, 3, false))
	d.pushes("the peer's limit holds the rest back, and so the reset", "")
	d.deliver(func(m *port.Deliver) { m.MaxStreamData = 10 })
	d.pushes("the rest", "4:ef")
	d.deliver(lost(3, 6, false))
	d.pushes("lost bytes come again", "3:def again")
	d.deliver(acked(3, 6, false))
	d.pushes("now the peer has it", "reset 5 at 6")
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	d.ends()

	d = newDesk(t, ourUni)
	d.says("abc", false)
	d.pushes("bytes", "0:abc")
	d.write(func(m *port.Write) { m.HasReset, m.ResetCode, m.Behind = true, 5, true })
	d.pushes("the peer has not got them", "")
	d.deliver(func(m *port.Deliver) { m.HasStop, m.StopCode = true, 8 })
	d.pushes("and does not want them", "reset 8 at 3")
	d.turn(&port.Stop{})
	d.home()

	d = newDesk(t, ourUni)
	d.write(func(m *port.Write) { m.HasReset, m.ResetCode, m.Behind = true, 5, true })
	d.pushes("there is nothing to wait for", "reset 5 at 0")
	d.turn(&port.Stop{})
	d.home()
}

func TestAStopOfThePeerIsAnsweredAndTold(t *testing.T) {
	d := newDesk(t, ourUni)
	d.says("a", false)
	d.pushes("bytes", "0:a")
	d.says("bc", true)
	d.pushes("bytes", "1:bc.")
	d.deliver(func(m *port.Deliver) { m.HasStop, m.StopCode = true, 8 })
	d.home()
	d.pushes("RFC 9000 s3.5: reset with the same code", "reset 8 at 3")
	d.reads("h3 hears why", "room 1000, stop 8")
	d.write(func(m *port.Write) { m.HasReset, m.ResetCode = true, 5 })
	d.pushes("h3's own comes late", "")
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	d.ends()
}

func TestAStopAfterAllIsAckedChangesNothing(t *testing.T) {
	d := newDesk(t, ourBidi)
	d.says("abc", true)
	d.pushes("bytes", "0:abc., whole")
	d.deliver(func(m *port.Deliver) {
		acked(0, 3, true)(m)
		m.HasStop, m.StopCode = true, 8
	})
	d.pushes("no reset", "")
	d.reads("no word", "")
	d.write(func(m *port.Write) { m.HasReset = true })
	d.pushes("h3 cannot take it back either", "")
	d.turn(&port.Stop{})
	d.home()
}

func TestAResetBeforeAnythingWasSent(t *testing.T) {
	d := newDesk(t, ourUni)
	d.write(func(m *port.Write) { m.HasReset, m.ResetCode = true, 5 })
	d.pushes("it opens the stream at the peer all the same", "reset 5 at 0")
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	d.ends()
}

func TestUrgencyTravelsWithEveryPush(t *testing.T) {
	d := newDesk(t, ourUni)
	d.write(func(m *port.Write) {
		m.Chunks, m.Urgency, m.Reorder = d.chunk(m.Chunks, "a"), 0, true
	})
	d.pushes("with the first bytes", "0:a, urgency 0")
	d.write(func(m *port.Write) { m.Urgency, m.Reorder = 0, true })
	d.pushes("nothing new", "")
	d.write(func(m *port.Write) { m.Urgency, m.Reorder = 6, true })
	d.pushes("a new one is news", "urgency 6")
	d.says("b", false)
	d.pushes("and stays", "1:b, urgency 6")
	d.turn(&port.Stop{})
	d.home()
}

func TestSendStates(t *testing.T) {
	d := newDesk(t, ourUni)
	state := func(why string, want sendState) {
		t.Helper()
		if s := d.s.sending.state; s != want {
			t.Fatalf("%s: state %d, want %d", why, s, want)
		}
	}
	state("birth", sendReady)
	d.says("abc", false)
	state("bytes went to conn", sendSend)
	d.push()
	d.write(func(m *port.Write) { m.Fin = true })
	state("and the end", sendDataSent)
	d.push()
	d.deliver(acked(0, 3, false))
	state("all but the end is acknowledged", sendDataSent)
	d.deliver(acked(3, 3, true))
	state("all is", sendDataRecvd)
	d.read()
	d.ends()

	d = newDesk(t, ourUni)
	d.write(func(m *port.Write) { m.HasReset = true })
	state("reset", sendResetSent)
	d.push()
	d.deliver(func(m *port.Deliver) { m.AckedReset = true })
	state("reset acknowledged", sendResetRecvd)
	d.read()
	d.ends()
	d = newDesk(t, theirUni)
	state("the peer sends on it", sendAbsent)
	if d.s.sending.room() != 0 {
		t.Fatal("there is no room on a stream that only the peer sends on")
	}
}
