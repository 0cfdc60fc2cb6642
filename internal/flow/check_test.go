package flow

import (
	"strings"
	"testing"
)

func TestCheckNamesWhatIsBroken(t *testing.T) {
	recv := func(harm func(w *RecvWindow)) error {
		w := NewRecvWindow(100, 400)
		w.Received(80)
		w.Consumed(60)
		w.Owed(start, rtt)
		harm(&w)
		return w.Check()
	}
	send := func(harm func(w *SendWindow)) error {
		w := NewSendWindow(100)
		w.Spend(60)
		harm(&w)
		return w.Check()
	}
	peer := func(harm func(s *PeerStreams)) error {
		s := NewPeerStreams(4)
		s.Open(2)
		s.End()
		harm(&s)
		return s.Check()
	}
	local := NewLocalStreams(1)
	local.Open()
	local.credit.limit = 0
	for _, c := range []struct {
		err  error
		want string // "" if nothing is
	}{
		{recv(func(*RecvWindow) {}), ""},
		{recv(func(w *RecvWindow) { w.consumed = 81 }), "81 bytes consumed, 80 received, 160 allowed"},
		{recv(func(w *RecvWindow) { w.received = 161 }), "60 bytes consumed, 161 received, 160 allowed"},
		{recv(func(w *RecvWindow) { w.limit = 161 }), "101 bytes allowed beyond those consumed, the window is 100"},
		{recv(func(w *RecvWindow) { w.maxSize = 99 }), "a window of 100 with limit 160, at most 99"},
		{recv(func(w *RecvWindow) { w.seen = 61 }), "61 of 60 consumed bytes were seen"},
		{send(func(*SendWindow) {}), ""},
		{send(func(w *SendWindow) { w.spent = 101 }), "101 of 100 bytes sent"},
		{send(func(w *SendWindow) { w.told = true }), "60 of 100 bytes sent; blocked: true"},
		{peer(func(*PeerStreams) {}), ""},
		{peer(func(s *PeerStreams) { s.opened = 5 }), "1 streams ended, 5 opened, 4 allowed"},
		{peer(func(s *PeerStreams) { s.limit = 6 }), "5 streams may be alive, at most 4"},
		{local.Check(), "1 of 0 bytes sent"},
	} {
		if (c.err == nil) != (c.want == "") || c.err != nil && !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("Check says %v, want %q", c.err, c.want)
		}
	}
}
