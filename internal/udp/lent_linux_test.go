package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// shelf is a Lender of one buffer.
type shelf struct {
	mem  []byte
	lent bool
	back chan struct{} // one for each TakeBack; may be nil
}

func (s *shelf) Lend() []byte { s.lent = true; return s.mem }

func (s *shelf) TakeBack() {
	s.lent = false
	if s.back != nil {
		s.back <- struct{}{}
	}
}

// A reader that waits has no buffer, and gets one as soon as there is something to read.
func TestAReaderThatWaitsHasNoBuffer(t *testing.T) {
	for _, o := range []Options{{}, {DisableGRO: true}} {
		server, client := pair(t, "udp4", "127.0.0.1", o, Options{})
		s := &shelf{mem: make([]byte, ReadSize), back: make(chan struct{})}
		b := pattern(3000)
		var m Meta
		got := make(chan error, 1)
		at := 0
		go func() {
			for at < len(b) {
				n, err := server.ReadLent(s, &m)
				if err == nil && (!s.lent || !bytes.Equal(s.mem[:n], b[at:at+n])) {
					err = errors.New("other bytes came, or in no buffer")
				}
				if at += n; err != nil {
					got <- err
					return
				}
			}
			got <- nil
		}()
		<-s.back
		if _, err := client.Write(b, 1000, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			select {
			case <-s.back: // the datagrams came one by one
			case err := <-got:
				if done = true; err != nil {
					t.Errorf("%+v: %v", o, err)
				}
			}
		}
	}
}

// One that has something to read keeps its buffer.
func TestABusyReaderKeepsItsBuffer(t *testing.T) {
	for _, plain := range []bool{false, true} {
		server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
		if plain {
			makePlain(server)
		}
		s := &shelf{mem: make([]byte, ReadSize), back: make(chan struct{}, 1)}
		for range 3 {
			if _, err := client.Write([]byte("hello"), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			var m Meta
			if n, err := server.ReadLent(s, &m); string(s.mem[:n]) != "hello" || err != nil {
				t.Fatalf("%q, %v", s.mem[:n], err)
			}
		}
		if len(s.back) > 0 {
			t.Error("the buffer was taken back between datagrams")
		}
	}
}

func TestWithoutABufferNothingIsRead(t *testing.T) {
	for _, plain := range []bool{false, true} {
		server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
		if plain {
			makePlain(server)
		}
		if _, err := client.Write([]byte("hello"), 0, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
			t.Fatal(err)
		}
		var m Meta
		if n, err := server.ReadLent(&shelf{}, &m); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%d, %v; want net.ErrClosed", n, err)
		}
	}
}

// A datagram is alone if the reader had to wait for it, and nothing came with it.
func TestADatagramThatIsWaitedForIsAlone(t *testing.T) {
	server, client := pair(t, "udp4", "127.0.0.1", Options{}, Options{})
	s := &shelf{mem: make([]byte, ReadSize), back: make(chan struct{})}
	read := func() (alone chan bool) {
		alone = make(chan bool, 1)
		go func() {
			var m Meta
			_, err := server.ReadLent(s, &m)
			alone <- m.Alone && err == nil
		}()
		return alone
	}
	send := func() {
		if _, err := client.Write([]byte("hello"), 5, netip.AddrPort{}, netip.Addr{}, NotECT); err != nil {
			t.Fatal(err)
		}
	}
	alone := read()
	<-s.back // it waits
	send()
	if !<-alone {
		t.Error("a datagram that was waited for is not alone")
	}
	send()
	if !ready(t, server) {
		t.Fatal("no datagram came")
	}
	if <-read() {
		t.Error("a datagram that was there before the read is alone")
	}
}

// ready waits until there is something to read.
func ready(t *testing.T, s *Socket) bool {
	t.Helper()
	err := s.link.(*kernelLink).rx.raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK)
		return err == nil && n == 1
	})
	return err == nil
}
