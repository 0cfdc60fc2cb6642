package stream

import (
	"strings"
	"testing"

	"quicpro/actors/port"
	"quicpro/internal/flow"
	"quicpro/wire"
)

// middle is a stream in the middle of things: 6 bytes delivered, of which 4 are taken, a gap, and 3 behind it; 9 bytes
// written and with conn, 5 of them in packets.
func middle(t testing.TB) *Stream {
	d := newDesk(t, 0)
	d.data(0, "abcdef", false)
	d.freeRead(d.heldRead())
	d.write(took(4))
	d.data(10, "klm", false)
	d.says("123456789", false)
	for m := d.heldPush(); m != nil; m = d.heldPush() {
		d.freePush(m)
	}
	d.deliver(func(m *port.Deliver) { m.SentTo = 5 })
	return d.s
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	recv := func(harm func(r *receiving)) func(s *Stream) { return func(s *Stream) { harm(&s.receiving) } }
	send := func(harm func(s *sending)) func(s *Stream) { return func(s *Stream) { harm(&s.sending) } }
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(s *Stream)
	}{
		{"", func(*Stream) {}},
		{"h3 has forgotten it, and 2 bytes are not taken", func(s *Stream) { s.done = true }},
		{"a fault that there is not", func(s *Stream) { s.faultPushed = true }},
		{"conn is owed a Push, none is in flight", func(s *Stream) { s.reordered = true }},
		{"h3 is owed a Read, none is in flight", func(s *Stream) { s.sending.stopOwed = true }},

		{"state 1, final size known: false", recv(func(r *receiving) { r.state = recvSizeKnown })},
		{"state 0, final size known: true", recv(func(r *receiving) { r.bytes.SetFinal(20) })},
		{"state 4, stopped: false, and nothing is discarded", recv(func(r *receiving) { r.bytes.SetFinal(20); r.state = recvResetRecvd })},
		{"all bytes are here, but not to the final size", recv(func(r *receiving) { r.bytes.SetFinal(20); r.state = recvDataRecvd })},
		{"h3 has all bytes, but not to the final size", recv(func(r *receiving) { r.bytes.SetFinal(20); r.state = recvDataRead })},
		{"bytes are missing in a half that is complete", recv(func(r *receiving) {
			r.bytes.SetFinal(20)
			r.state = recvSizeKnown
			r.discard()
		})},
		{"h3 wants nothing, and is owed the end: state 4", recv(func(r *receiving) {
			r.bytes.SetFinal(20)
			r.discard()
			r.state, r.stopped = recvResetRecvd, true
		})},
		{"a STOP_SENDING is owed in state 0, stopped: false", recv(func(r *receiving) { r.stopOwed = true })},
		{"a MAX_STREAM_DATA of 1001 is owed in state 0, the limit is 1000", recv(func(r *receiving) { r.maxData = 1001 })},
		{"-1 bytes untaken", recv(func(r *receiving) { r.untaken = -1 })},
		{"9 bytes are not consumed; received 13, delivered 6, of which 3 not taken", recv(func(r *receiving) { r.untaken = 3 })},
		{"1 bytes discarded of 7", recv(func(r *receiving) { r.discarded = 1; r.untaken = 3 })},

		{"9 bytes were sent, 0 of the credit are spent", send(func(s *sending) { s.window = flow.NewSendWindow(100) })},
		{"9 bytes were handed to conn, 10 of them are in packets", send(func(s *sending) { s.sentTo = 10 })},
		{"h3 wrote 10 bytes, the buffer has 9", send(func(s *sending) { s.written++ })},
		{"blocked at 99999, the limit is 10000", send(func(s *sending) { s.blockedAt = 99999 })},
		{"room for 1001 bytes, at most 1000", send(func(s *sending) { s.offered = 1001 })},
		{"state 4, the buffer was reset: false", send(func(s *sending) { s.state = sendResetSent })},
		{"state 1, the buffer was reset: true", send(func(s *sending) { s.bytes.Reset() })},
		{"a RESET_STREAM is owed in state 1", send(func(s *sending) { s.resetOwed = true })},
		{"nothing was sent, but 9 bytes", send(func(s *sending) { s.state = sendReady })},
		{"all was sent, but 0 bytes; FIN written: false", send(func(s *sending) { s.state = sendDataSent })},
		{"state 3, all is acknowledged: false", send(func(s *sending) { s.state = sendDataRecvd })},
		{"a FIN was written, and h3 writes on", send(func(s *sending) { s.bytes.Fin() })},
		{"the FIN was sent, and the state does not know", send(func(s *sending) { s.bytes.Fin(); s.bytes.Next(1, 1); s.fin = true })},
	} {
		s := middle(t)
		c.harm(s)
		for _, err := range []error{s.Check(), s.CheckAll()} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		}
	}
}

func TestCheckOfHalvesThatDoNotExist(t *testing.T) {
	s := newDesk(t, ourUni).s
	s.receiving.untaken = 1
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "1 bytes untaken, 0 consumed on a half that does not exist") {
		t.Error(err)
	}
	s = newDesk(t, theirUni).s
	s.sending.depart()
	s.sending.written = wire.Offset(1)
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "1 bytes written on a half that does not exist") {
		t.Error(err)
	}
}

func TestCheckOfHalvesThatHoldNothing(t *testing.T) {
	for _, c := range []struct {
		want string
		harm func(s *Stream)
	}{
		{"nothing has come, and the state is 0, stopped: false, 1 bytes untaken", func(s *Stream) { s.receiving.untaken = 1 }},
		{"nothing has come, and the state is 1", func(s *Stream) { s.receiving.state = recvSizeKnown }},
		{"nothing is to be sent, and the state is 1", func(s *Stream) { s.sending.state = sendSend }},
		{"nothing is to be sent, and the state is 0, with an end: true", func(s *Stream) { s.sending.fin = true }},
	} {
		s := newDesk(t, ourBidi).s
		c.harm(s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check says %v, want %q", err, c.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	s := middle(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
