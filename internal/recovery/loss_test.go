package recovery

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"quicpro/wire"
)

const app = wire.SpaceApp

func TestAckSettlesPacketsOnce(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 6; pn++ {
		e.send(200, app, pn)
	}
	if got := e.BytesInFlight(); got != 7200 {
		t.Fatalf("%d bytes in flight, want 7200", got)
	}
	o := e.ack(300, app, 3, 4, 0, 1)
	if got := numbers(e.heard.acked); !slices.Equal(got, []wire.PacketNumber{4, 3, 1}) {
		t.Fatalf("acked %v", got)
	}
	if o.Packets != 3 || o.Bytes != 3600 || o.Largest != 4 || o.PriorInFlight != 7200 || o.RTT != 100*time.Millisecond {
		t.Fatalf("outcome %+v", o)
	}
	e.heard = recorder{}
	o = e.ack(301, app, 3, 6, 0, 1)
	if got := numbers(e.heard.acked); !slices.Equal(got, []wire.PacketNumber{6, 5}) {
		t.Fatalf("acked %v", got)
	}
	// 2 is below 6 by four.
	e.wantLost("packet threshold", 2)
	if e.BytesInFlight() != 0 || o.LostPackets != 1 || o.LostBytes != 1200 || o.LostSent != at(200) {
		t.Fatalf("%d in flight, outcome %+v", e.BytesInFlight(), o)
	}
	if o = e.ack(302, app, 3, 6, 0, 1); o.Packets != 0 || o.RTT != 0 {
		t.Fatalf("a repeated frame acknowledged something: %+v", o)
	}
}

func TestPacketThreshold(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 5; pn++ {
		e.send(200, app, pn)
	}
	e.ack(250, app, 3, 3)
	e.wantLost("two packets later is within the threshold")
	e.ack(251, app, 3, 4)
	e.wantLost("three packets later is not", 1)
	e.ack(252, app, 3, 5)
	e.wantLost("nor for the next", 2)
	e.wantRule("packet threshold")
}

func TestTimeThreshold(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(201, app, 2)
	e.ack(301, app, 2, 2)
	e.wantLost("reordering is tolerated")
	// RFC 9002 s6.1.2: 9/8 of 100 ms after it was sent, rounded: 312.5 ms.
	if got := e.Deadline(); got != at(312)+ms/2 {
		t.Fatalf("deadline %v", got.Sub(epoch))
	}
	if due, _ := e.OnTimeout(at(312)); due.Kind != NoTimeout {
		t.Fatalf("timeout %v too early", due)
	}
	due, o := e.OnTimeout(at(313))
	if due.Kind != LossTimeout || due.Space != app || o.LostPackets != 1 {
		t.Fatalf("timeout %v, %+v", due, o)
	}
	e.wantLost("by time", 1)
	e.wantRule("time threshold")
	e.wantNoDeadline("nothing is in flight")
	if e.Backoff() != 0 {
		t.Fatal("a loss by time is no PTO")
	}
}

func TestNothingAfterTheLargestAckedIsLost(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(201, app, 2)
	e.ack(300, app, 1, 1)
	due, _ := e.OnTimeout(at(10000))
	if due.Kind != ProbeTimeout {
		t.Fatalf("timeout %v, want a probe", due)
	}
	// RFC 9002 s6.2: a PTO MUST NOT cause packets to be marked as lost.
	e.wantLost("after a PTO")
	if e.BytesInFlight() != 1200 {
		t.Fatalf("%d bytes in flight", e.BytesInFlight())
	}
}

func TestAckOfUnsentPacket(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	_, err := e.OnAck(at(300), app, frame(1, 2), 0, 0)
	e.wantViolation(err)
	_, err = e.OnAck(at(300), wire.SpaceHandshake, frame(0, 0), 0, 0)
	e.wantViolation(err)
	if len(e.heard.acked) != 0 {
		t.Fatal("a violation acknowledged something")
	}
}

func TestAckOfSkippedNumber(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(200, app, 3) // 2 is never sent
	e.send(200, app, 4)
	if o := e.ack(300, app, 3, 3, 1, 1); o.Packets != 2 {
		t.Fatalf("honest ACK: %+v", o)
	}
	_, err := e.OnAck(at(301), app, frame(1, 4), 0, 0)
	e.wantViolation(err)

	e = established(t)
	e.send(200, app, 1)
	e.send(200, app, 5)
	e.ack(300, app, 5, 5, 0, 1)
	e.Compact()
	_, err = e.OnAck(at(302), app, frame(0, 5), 0, 0)
	e.wantViolation(err) // though its record is long gone
}

func TestSkippedNumbersCountAsDistance(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(200, app, 9)
	e.ack(250, app, 9, 9)
	e.wantLost("RFC 9002 A.10 counts numbers", 1)
}

func TestSpuriousLossRaisesThePacketThreshold(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 40; pn++ {
		e.send(200, app, pn)
	}
	e.ack(300, app, 2, 8)
	e.wantLost("overtaken by seven", 1)
	o := e.ack(301, app, 1, 8)
	if o.Spurious != 1 || o.Packets != 0 || !slices.Equal(numbers(e.heard.spurious), []wire.PacketNumber{1}) {
		t.Fatalf("late ACK: %+v, %v", o, e.heard.spurious)
	}
	if e.PacketThreshold() != 8 {
		t.Fatalf("threshold %d, want 8", e.PacketThreshold())
	}
	if o = e.ack(302, app, 1, 8); o.Spurious != 0 {
		t.Fatal("a spurious loss is reported once")
	}
	e.ack(303, app, 10, 16, 1, 8)
	e.wantLost("9 is overtaken by seven again, and tolerated")
	e.ack(304, app, 10, 17, 1, 8)
	e.wantLost("by eight is too much", 9)
}

func TestThresholdsAreBounded(t *testing.T) {
	e := established(t)
	pn := wire.PacketNumber(1)
	for now := int64(200); now < 2000; now += 200 {
		for i := range wire.PacketNumber(1100) {
			e.send(now, app, pn+i)
		}
		e.ack(now+100, app, pn+1, pn+1099)
		e.ack(now+101, app, pn, pn+1099)
		pn += 1100
	}
	if e.PacketThreshold() != maxPacketThreshold {
		t.Fatalf("packet threshold %d, want %d", e.PacketThreshold(), maxPacketThreshold)
	}
	// Of two packets the first is acknowledged later each time than it was waited for.
	for now, last := int64(3000), int64(200); last < 390; now += 3000 {
		e.send(now, app, pn)
		e.send(now, app, pn+1)
		e.ack(now+100, app, pn+1, pn+1)
		wait, limit := e.Deadline().Sub(at(now)), 2*e.PTO()
		if want := min(time.Duration(last)*time.Millisecond*9/8, limit); last > 200 && wait != want {
			t.Fatalf("a packet is waited for %v, want %v: two probe timeouts are %v, the last came after %d ms", wait, want, limit, last)
		}
		last = last * 5 / 4
		e.OnTimeout(e.Deadline())
		e.ack(now+last, app, pn, pn+1)
		pn += 2
	}
	// What took longer than records are kept is no measure.
	e.send(30000, app, pn)
	e.send(30000, app, pn+1)
	e.ack(30100, app, pn+1, pn+1)
	e.OnTimeout(e.Deadline())
	late := e.path.late
	if e.ack(30900, app, pn, pn+1); e.path.late != late {
		t.Fatalf("%v, and then %v, beside probe timeouts of %v", late, e.path.late, e.PTO())
	}
}

// A connection's first flight is overtaken as a whole, and its ring is small: the records make room for no others as long as
// their acknowledgments may come.
func TestALostRecordIsKeptWhileTheRingGrows(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 20; pn++ {
		e.send(200, app, pn)
	}
	e.ack(300, app, 17, 20)
	e.wantLost("overtaken by four", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	for pn := wire.PacketNumber(21); pn <= 200; pn++ {
		e.send(301, app, pn)
	}
	if o := e.ack(320, app, 1, 20); o.Spurious != 16 {
		t.Fatalf("%d of 16 are known again", o.Spurious)
	}
}

// A space at its bound is sent on in the instant in which its packets left and were lost: none of them is settled twice.
func TestAFullRingGivesUpNoLostPacketASecondTime(t *testing.T) {
	e := &endpoint{t: t}
	e.Loss = NewLoss(Config[int]{Role: wire.Server, Fates: &e.heard, MaxPackets: 8})
	e.ConfirmHandshake()
	for pn := wire.PacketNumber(0); pn < 8; pn++ {
		e.send(0, app, pn)
	}
	e.ack(0, app, 7, 7)
	e.wantLost("overtaken", 0, 1, 2, 3, 4)
	for pn := wire.PacketNumber(8); pn < 13; pn++ {
		e.send(0, app, pn)
	}
	e.wantLost("given up")
}

// On a path where every other packet overtakes, each acknowledged by itself, no more are declared lost once it is known how
// late the overtaken ones are.
func TestOvertakenPacketsAreWaitedForAsLongAsTheyTook(t *testing.T) {
	e := established(t)
	pn := wire.PacketNumber(1)
	for now := int64(200); now < 4000; now += 400 {
		for i := int64(0); i < 40; i++ { // one each millisecond; odd ones take 50 ms, even ones 100
			e.send(now+i, app, pn+wire.PacketNumber(i))
		}
		first := pn
		for i := int64(0); i < 40; i += 2 {
			e.ack(now+i+50, app, pn+wire.PacketNumber(i), pn+wire.PacketNumber(i))
			e.OnTimeout(at(now + i + 50))
		}
		for i := int64(1); i < 40; i += 2 {
			e.OnTimeout(at(now + i + 100))
			e.ack(now+i+100, app, pn+wire.PacketNumber(i), pn+wire.PacketNumber(i))
		}
		pn += 40
		if now > 1000 {
			e.wantLost("in the flight from " + strconv.Itoa(int(first)))
		}
		e.heard = recorder{}
	}
}

// What a path did once is not expected of it for ever.
func TestThresholdsSettleDown(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 40; pn++ {
		e.send(200, app, pn)
	}
	e.ack(300, app, 31, 40)
	e.ack(400, app, 1, 40)
	late, threshold := e.path.late, e.PacketThreshold()
	if late != 200*time.Millisecond || threshold != 40 {
		t.Fatalf("acknowledgments that took 200 ms of packets overtaken by 39: %v, %d", late, threshold)
	}
	e.send(10300, app, 41)
	e.ack(10400, app, 41, 41)
	if e.path.late != late || e.PacketThreshold() != threshold {
		t.Fatal("10 s later the thresholds have settled down")
	}
	e.send(10401, app, 42)
	e.ack(10501, app, 42, 42)
	if e.path.late != 0 || e.PacketThreshold() != firstPacketThreshold {
		t.Fatalf("after more than 10 s the thresholds are %v, %d", e.path.late, e.PacketThreshold())
	}
}

func TestLostRecordIsForgottenInTheEnd(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 8; pn++ {
		e.send(200, app, pn)
	}
	e.ack(300, app, 2, 8)
	e.wantLost("overtaken", 1)
	e.send(9900, app, 9)
	e.ack(10000, app, 2, 9)
	if o := e.ack(10001, app, 1, 9); o.Spurious != 0 || e.spaces[app].held() != 0 {
		t.Fatalf("after four PTOs the record is still there: %+v", o)
	}
}

func TestAckOnlyPackets(t *testing.T) {
	e := established(t)
	for pn := wire.PacketNumber(1); pn <= 1000; pn++ {
		e.sendFlags(200, app, pn, 0)
	}
	if e.BytesInFlight() != 0 || e.Deadline() != 0 {
		t.Fatalf("%d bytes in flight, deadline %v", e.BytesInFlight(), e.Deadline())
	}
	if got := len(e.spaces[app].slots); got > firstSlots {
		t.Fatalf("%d records kept of packets that are never acknowledged", got)
	}
	o := e.ack(300, app, 999, 1000)
	// RFC 9002 s5.1: an RTT sample MUST NOT be generated without a newly acknowledged ack-eliciting packet.
	if o.Packets != 2 || o.RTT != 0 || o.Bytes != 0 {
		t.Fatalf("outcome %+v", o)
	}
	e.wantLost("packets of ACK frames alone are not worth a word")
}

func TestPaddedPacketIsInFlightButNotProbed(t *testing.T) {
	e := established(t)
	e.sendFlags(200, app, 1, InFlight)
	if e.BytesInFlight() != 1200 {
		t.Fatalf("%d bytes in flight", e.BytesInFlight())
	}
	e.wantNoDeadline("nothing ack-eliciting is in flight")
}

func TestLostSizeProbeIsNoCongestion(t *testing.T) {
	e := established(t)
	e.sendFlags(200, app, 1, AckEliciting|SizeProbe)
	for pn := wire.PacketNumber(2); pn <= 5; pn++ {
		e.send(200, app, pn)
	}
	o := e.ack(300, app, 2, 5)
	e.wantLost("the probe", 1)
	if o.LostPackets != 0 || o.LostSent != 0 || e.BytesInFlight() != 0 {
		t.Fatalf("outcome %+v, %d in flight", o, e.BytesInFlight())
	}
}

func TestGrowthCountsOnlyPacketsSentAfterRecoveryBegan(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(210, app, 2)
	e.sendFlags(220, app, 3, AckEliciting|AppLimited|ECNCapable)
	o, _ := e.OnAck(at(310), app, frame(1, 3), 0, at(210))
	if o.Bytes != 3600 || o.GrowthBytes != 1200 || o.NewestSent != at(220) || !o.AppLimited || o.ECNCapable != 1 {
		t.Fatalf("outcome %+v", o)
	}
}

func TestAckDelay(t *testing.T) {
	for _, c := range []struct {
		name      string
		space     wire.Space
		confirmed bool
		want      time.Duration // smoothed after 100 ms and then 180 ms with a delay of 40 ms
	}{
		{"ignored in Initial packets", wire.SpaceInitial, false, 110 * time.Millisecond},
		{"not limited before confirmation", app, false, 105 * time.Millisecond},
		{"limited to max_ack_delay after", app, true, 107500 * time.Microsecond},
	} {
		e := newEndpoint(t, wire.Server, 0)
		e.SetMaxAckDelay(20 * time.Millisecond)
		if c.confirmed {
			e.ConfirmHandshake()
		}
		e.send(0, c.space, 0)
		e.ack(100, c.space, 0, 0)
		e.send(200, c.space, 1)
		e.OnAck(at(380), c.space, frame(0, 1), 40*time.Millisecond, 0)
		if got := e.RTT().Smoothed(); got != c.want {
			t.Errorf("%s: smoothed %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPacketsOfAnotherPathDoNotCount(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.send(200, app, 2)
	e.OnSent(at(210), app, 3, 1000, AckEliciting, 1)
	if e.BytesInFlight() != 2400 {
		t.Fatalf("%d bytes in flight on path 0", e.BytesInFlight())
	}
	e.SwitchPath(at(220), 1, NewRTT(InitialRTT))
	if e.BytesInFlight() != 1000 || e.RTT().HasSample() {
		t.Fatalf("%d bytes in flight on path 1", e.BytesInFlight())
	}
	if o := e.ack(300, app, 2, 2); o.Packets != 1 || o.Bytes != 0 || o.RTT != 0 {
		t.Fatalf("an old packet counts: %+v", o)
	}
	if o := e.ack(310, app, 2, 3); o.Bytes != 1000 || o.RTT != 100*time.Millisecond {
		t.Fatalf("a new packet does not: %+v", o)
	}
	if _, o := e.OnTimeout(e.Deadline()); o.LostPackets != 0 || e.BytesInFlight() != 0 {
		t.Fatalf("an old packet's loss is congestion: %+v", o)
	}
	e.wantLost("but it is lost", 1)
}

func TestFullRingGivesUpTheOldest(t *testing.T) {
	e := &endpoint{t: t}
	e.Loss = NewLoss(Config[int]{Fates: &e.heard, MaxPackets: 50}) // rounded up to 64
	for pn := range wire.PacketNumber(48) {
		if e.Full(app) {
			t.Fatalf("full at %d", pn)
		}
		e.send(0, app, pn)
	}
	if !e.Full(app) {
		t.Fatal("not full with only the reserve left")
	}
	for pn := wire.PacketNumber(48); pn < 66; pn++ {
		e.send(0, app, pn)
	}
	e.wantLost("the oldest made room", 0, 1)
	if got := e.BytesInFlight(); got != 64*1200 {
		t.Fatalf("%d bytes in flight", got)
	}
	if o := e.ack(100, app, 0, 65); o.Packets != 64 || o.Spurious != 0 || e.BytesInFlight() != 0 {
		t.Fatalf("outcome %+v", o)
	}
}

func TestIdleConnectionHoldsLittle(t *testing.T) {
	e := established(t)
	var pn wire.PacketNumber = 1
	burst := func(now int64, packets wire.PacketNumber) {
		for i := range packets {
			e.send(now, app, pn+i)
		}
		e.ack(now+100, app, pn, pn+packets-1)
		pn += packets
	}
	burst(200, 1000)
	if got := len(e.spaces[app].slots); got != 1024 {
		t.Fatalf("%d slots", got)
	}
	for i := range int64(quietDrains) {
		burst(400+i*200, 3)
	}
	if got := len(e.spaces[app].slots); got > 512 {
		t.Errorf("%d slots after many small bursts, want half", got)
	}
	e.Compact()
	if got := len(e.spaces[app].slots); got != 0 {
		t.Errorf("%d slots after Compact", got)
	}
	burst(50000, 20)
	if e.BytesInFlight() != 0 || e.LargestAcked(app) != pn-1 {
		t.Error("the space does not work after Compact")
	}
}

func TestOutstandingWalksWhatAProbeMaySendAgain(t *testing.T) {
	e := established(t)
	e.send(200, app, 1)
	e.sendFlags(200, app, 2, 0)
	e.send(200, app, 3)
	e.send(200, app, 4)
	e.ack(300, app, 3, 3)
	var got []wire.PacketNumber
	for pn, p, ok := e.Outstanding(app, 0); ok; pn, p, ok = e.Outstanding(app, pn+1) {
		if p.Content != int(pn) {
			t.Errorf("packet %d has content %d", pn, p.Content)
		}
		got = append(got, pn)
	}
	if !slices.Equal(got, []wire.PacketNumber{1, 4}) {
		t.Fatalf("outstanding %v", got)
	}
}
