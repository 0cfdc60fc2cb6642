package recovery

import (
	"testing"
	"time"

	"quicpro/wire"
)

// The initial round trip is 100 ms here, so that a PTO is 100 + 4*50 = 300 ms.
const assumed = 100 * time.Millisecond

func TestPTODoublesUntilAcknowledged(t *testing.T) {
	e := newEndpoint(t, wire.Server, assumed)
	e.ConfirmHandshake()
	e.SetMaxAckDelay(25 * time.Millisecond)
	e.send(0, app, 0)
	e.wantProbe(325, app, 2)
	e.wantProbe(325+650, app, 2)
	e.wantProbe(975+1300, app, 2)
	e.send(2275, app, 1)
	e.wantProbe(2275+8*325, app, 2)
	if e.Backoff() != 4 {
		t.Fatalf("backoff %d", e.Backoff())
	}
	e.send(5000, app, 2)
	e.ack(5100, app, 2, 2)
	if e.Backoff() != 0 {
		t.Fatalf("backoff %d after an acknowledgment", e.Backoff())
	}
}

func TestATimeoutThatComesLateCountsOnce(t *testing.T) {
	e := newEndpoint(t, wire.Server, assumed)
	e.ConfirmHandshake()
	e.SetMaxAckDelay(25 * time.Millisecond)
	e.send(0, app, 0)
	// The machine slept for ten seconds. Its probes are not sent yet when the deadline is looked at again.
	if due, _ := e.OnTimeout(at(10_000)); due.Kind != ProbeTimeout {
		t.Fatalf("%+v", due)
	}
	if due, _ := e.OnTimeout(at(10_000)); due.Kind != NoTimeout {
		t.Errorf("at once again: %+v, backoff %d", due, e.Backoff())
	}
	e.send(10_001, app, 1)
	e.wantDeadline(10_001+2*325, "twice the period after the probe")
}

func TestPTOOfEachSpace(t *testing.T) {
	e := newEndpoint(t, wire.Server, assumed)
	e.SetMaxAckDelay(25 * time.Millisecond)
	e.send(0, wire.SpaceInitial, 0)
	e.send(10, wire.SpaceHandshake, 0)
	e.send(20, app, 0)
	e.wantDeadline(300, "the earlier of Initial and Handshake, without max_ack_delay")
	e.Discard(at(30), wire.SpaceInitial)
	e.wantDeadline(310, "Handshake alone")
	e.Discard(at(40), wire.SpaceHandshake)
	// RFC 9002 s6.2.1: not for application data until the handshake is confirmed.
	e.wantNoDeadline("application data before confirmation")
	e.ConfirmHandshake()
	e.wantDeadline(20+325, "application data with max_ack_delay")
	if e.BytesInFlight() != 1200 {
		t.Fatalf("%d bytes in flight", e.BytesInFlight())
	}
}

func TestBackoffIsSharedBySpaces(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.send(0, wire.SpaceInitial, 0)
	e.wantProbe(300, wire.SpaceInitial, 2)
	e.send(301, wire.SpaceHandshake, 0)
	e.Loss.spaces[wire.SpaceInitial].eliciting = 0
	e.wantDeadline(301+600, "a timeout in Initial doubles that of Handshake")
}

func TestClientKeepsBackingOffUntilItsAddressIsValidated(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.send(0, wire.SpaceInitial, 0)
	e.wantProbe(300, wire.SpaceInitial, 2)
	e.send(300, wire.SpaceInitial, 1)
	e.ack(400, wire.SpaceInitial, 0, 1)
	if e.Backoff() != 1 {
		t.Fatal("RFC 9002 s6.2.1: an acknowledgment of Initial packets must not reset the client's backoff")
	}
	e.SetHandshakeKeys()
	e.send(410, wire.SpaceHandshake, 0)
	e.ack(510, wire.SpaceHandshake, 0, 0)
	if e.Backoff() != 0 {
		t.Fatal("an acknowledgment of a Handshake packet resets it")
	}
}

func TestAntiDeadlockProbe(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.wantNoDeadline("nothing was ever sent")
	e.send(0, wire.SpaceInitial, 0)
	e.ack(100, wire.SpaceInitial, 0, 0)
	// The sample of 100 ms leaves the PTO at 300 ms. Nothing is in flight, but the server may be blocked.
	e.wantProbe(400, wire.SpaceInitial, 1)
	e.SetHandshakeKeys()
	e.wantProbe(400+600, wire.SpaceHandshake, 1)
	// 0-RTT or 1-RTT packets in flight do not help the server out.
	e.send(1000, app, 0)
	e.wantProbe(1000+1200, wire.SpaceHandshake, 1)
	e.send(2200, wire.SpaceHandshake, 0)
	e.ack(2300, wire.SpaceHandshake, 0, 0)
	e.wantNoDeadline("the server has validated the address, and the handshake is not confirmed")
}

func TestServerNeverProbesWithNothingInFlight(t *testing.T) {
	e := newEndpoint(t, wire.Server, assumed)
	e.send(0, wire.SpaceInitial, 0)
	e.ack(100, wire.SpaceInitial, 0, 0)
	e.wantNoDeadline("server")
}

func TestAmplificationLimitStopsTheTimer(t *testing.T) {
	e := newEndpoint(t, wire.Server, assumed)
	e.send(0, wire.SpaceInitial, 0)
	e.SetAmplificationLimited(true)
	e.wantNoDeadline("blocked")
	if due, _ := e.OnTimeout(at(5000)); due.Kind != NoTimeout {
		t.Fatalf("timeout %v while blocked", due)
	}
	e.SetAmplificationLimited(false)
	// RFC 9002 s6.2.2.1: set to a time in the past, it is executed immediately.
	if due, _ := e.OnTimeout(at(5000)); due.Kind != ProbeTimeout {
		t.Fatalf("timeout %v once unblocked", due)
	}
}

func TestLossTimerComesBeforePTO(t *testing.T) {
	e := established(t)
	e.send(299, app, 1)
	e.send(300, app, 2)
	e.send(310, app, 3)
	e.ack(400, app, 2, 2)
	due, _ := e.OnTimeout(e.Deadline())
	if due.Kind != LossTimeout {
		t.Fatalf("timeout %v", due)
	}
	e.wantLost("by time", 1)
	// 100 ms, of which the variation is 37.5 ms after two equal samples.
	e.wantDeadline(310+250, "then the PTO of the rest is armed")
}

func TestDiscardResetsBackoffAndIgnoresItsPackets(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.SetHandshakeKeys()
	e.send(0, wire.SpaceInitial, 0)
	e.send(0, wire.SpaceHandshake, 0)
	e.wantProbe(300, wire.SpaceInitial, 2)
	e.Discard(at(310), wire.SpaceInitial)
	if e.Backoff() != 0 || e.BytesInFlight() != 1200 {
		t.Fatalf("backoff %d, %d bytes in flight", e.Backoff(), e.BytesInFlight())
	}
	if len(e.heard.lost) != 0 {
		t.Fatal("a discarded packet is not lost")
	}
	e.ack(320, wire.SpaceInitial, 0, 0)
	if len(e.heard.acked) != 0 || e.BytesInFlight() != 1200 {
		t.Fatal("a discarded packet was acknowledged")
	}
}

func TestRetryStartsAgain(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.send(0, wire.SpaceInitial, 0)
	e.sendFlags(1, app, 0, AckEliciting|Early)
	e.wantProbe(300, wire.SpaceInitial, 2)
	e.send(300, wire.SpaceInitial, 1)
	e.Retry(at(400), NewRTT(assumed))
	e.wantLost("everything must be sent again", 0, 1, 0)
	e.wantRule("given up")
	if e.BytesInFlight() != 0 || e.Backoff() != 0 {
		t.Fatalf("%d bytes in flight, backoff %d", e.BytesInFlight(), e.Backoff())
	}
	e.send(410, wire.SpaceInitial, 2)
	e.wantDeadline(710, "the PTO begins anew")
	// The server never saw 0 and 1, whatever it says.
	if o := e.ack(510, wire.SpaceInitial, 0, 2); o.Packets != 1 || o.Spurious != 0 || o.LostPackets != 0 {
		t.Fatalf("outcome %+v", o)
	}
}

func TestRejectedEarlyDataIsNoCongestion(t *testing.T) {
	e := newEndpoint(t, wire.Client, assumed)
	e.sendFlags(0, app, 0, AckEliciting|Early)
	e.sendFlags(0, app, 1, AckEliciting|Early)
	e.send(50, app, 2)
	e.RejectEarly()
	e.wantLost("0-RTT", 0, 1)
	if e.BytesInFlight() != 1200 || e.ElicitingInFlight(app) != 1 {
		t.Fatalf("%d bytes in flight", e.BytesInFlight())
	}
	if o := e.ack(150, app, 2, 2); o.LostPackets != 0 || o.Packets != 1 {
		t.Fatalf("outcome %+v", o)
	}
}
