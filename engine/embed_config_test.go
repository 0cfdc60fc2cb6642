package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

func TestAConfigurationThatCannotWorkIsRefusedAtOnce(t *testing.T) {
	e := newTestEngine(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	to := silent.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, c := range []struct {
		name           string
		tls            *tls.Config
		dials, listens string // what the errors name; empty: it works
	}{
		{"none", nil, "TLS is nil", "TLS is nil"},
		{"no protocol", serverTLS(), "NextProtos is empty", "NextProtos is empty"},
		{"no certificate", clientTLS("echo"), "", "no certificate"},
		{"no name", serverTLS("echo"), "ServerName is empty", ""},
		{"all is said for the client", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return serverTLS("echo"), nil }}, "NextProtos is empty", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := e.Listen("127.0.0.1:0", Config{TLS: c.tls})
			if c.listens == "" && err != nil || c.listens != "" && (err == nil || !strings.Contains(err.Error(), c.listens)) {
				t.Errorf("Listen: %v", err)
			}
			if err == nil {
				_ = l.Close()
			}
			if c.dials == "" {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := e.Dial(ctx, to, Config{TLS: c.tls}); err == nil || !strings.Contains(err.Error(), c.dials) {
				t.Errorf("Dial: %v", err)
			}
		})
	}
}

// Whatever an embedder wants, no session can be resumed, also under a configuration that a callback chose; what is given is
// not changed.
func TestNoConfigurationLetsSessionsThrough(t *testing.T) {
	e := newTestEngine(t)
	sessions := func() *tls.Config {
		c := serverTLS("h3")
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		return c
	}
	given, other := sessions(), sessions()
	given.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }
	used := e.tlsConfig(given, "h3")
	chosen, err := used.GetConfigForClient(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*tls.Config{"none": e.tlsConfig(nil, "h3"), "the given one": used, "the chosen one": chosen} {
		if !c.SessionTicketsDisabled || c.ClientSessionCache != nil {
			t.Errorf("%s: tickets %v, a cache %v", what, !c.SessionTicketsDisabled, c.ClientSessionCache != nil)
		}
	}
	for what, c := range map[string]*tls.Config{"the given one": given, "the chosen one": other} {
		if c.SessionTicketsDisabled || c.ClientSessionCache == nil || c.MinVersion != 0 {
			t.Errorf("%s was changed", what)
		}
	}
}

func TestServeH3WithoutASocketIsAnError(t *testing.T) {
	l, err := newTestEngine(t).ServeH3(nil, H3Config{TLS: serverTLS()}, handled(answerer))
	if err == nil || !strings.HasPrefix(err.Error(), "engine: ServeH3 was given no socket (nil)") {
		t.Errorf("%v, %v", l, err)
	}
}

func TestAPlacementThatIsNoneIsRefused(t *testing.T) {
	defer func() {
		if s, _ := recover().(string); !strings.Contains(s, "Placement is 9: take Adaptive") {
			t.Errorf("New says %q", s)
		}
	}()
	New(Options{Placement: 9})
}

func TestAListenerSaysWhenItIsOver(t *testing.T) {
	for _, end := range []struct {
		name string
		of   func(*Engine, *Listener) error
	}{
		{"Close", func(_ *Engine, l *Listener) error { return l.Close() }},
		{"Engine.Close", func(e *Engine, _ *Listener) error { return e.Close() }},
	} {
		t.Run(end.name, func(t *testing.T) {
			e := newTestEngine(t)
			l, err := e.Listen("127.0.0.1:0", Config{TLS: serverTLS("echo")})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-l.Done():
				t.Fatal("over before it is closed")
			default:
			}
			_ = end.of(e, l)
			select {
			case <-l.Done():
			default:
				t.Error("not over behind " + end.name)
			}
		})
	}
}

func TestCodesBeyondTheWireAreReportedAsTheyWereSent(t *testing.T) {
	const most = 1<<62 - 1
	l, c := rawPair(t, Config{})
	far := <-l.Accept()
	go func() { // it answers nothing: its own reset could come before our second order
		for e := range far.Events() {
			if a, ok := e.(Accepted); ok {
				go func() {
					for range a.Stream.Events() {
					}
				}()
			}
		}
	}()
	s := openStream(t, c, false)
	order(s, ResetStream{Code: 1 << 63})
	order(s, StopStream{Code: 1 << 62})
	_, readErr, writeErr := collect(s)
	var read, write *StreamError
	if !errors.As(readErr, &read) || read.Code != most || read.Remote || !errors.As(writeErr, &write) || write.Code != most || write.Remote {
		t.Errorf("the stream ended with %v, %v", readErr, writeErr)
	}
	if !strings.HasPrefix(read.Error(), "quic: ") {
		t.Errorf("an error of no HTTP stream: %q", read)
	}
	if cause := closeConn(t, c, 1<<63); cause.Code != most {
		t.Errorf("closed by %v", cause)
	}
	<-far.Done()
	if cause := far.c.cause.Load(); cause.Code != most || cause.Why != port.Theirs {
		t.Errorf("the far end was closed by %v", cause)
	}
}

// spawner makes streams without rooms.
type spawner struct{}

func (spawner) Spawn(id wire.StreamID, _ port.StreamOptions) *port.Stream { return port.NewStream(id) }
func (spawner) Forget(*port.Stream)                                       {}

// idleSystem is a System in which no room ever runs.
type idleSystem struct{}

func (idleSystem) Now() mono.Time      { return 1 }
func (idleSystem) Stepping() bool      { return true }
func (idleSystem) Launch(actor.Runner) {}

func TestStreamsAreOpenedInTheOrderOfTheOrders(t *testing.T) {
	var got []wire.StreamID
	inbox := actor.Spawn(idleSystem{}, actor.Spec{Name: "conn", Capacity: 4}, actor.Behaviour[port.ToConn](nobody{}))
	r := &raw{role: wire.Client, room: 1, streams: spawner{}, toConn: inbox.Port("h3>conn", 4), born: func(x *port.Exchange) { got = append(got, x.Stream.ID) }}
	expect := func(step string, want ...wire.StreamID) {
		t.Helper()
		r.Flush(1)
		if len(got) != len(want) {
			t.Fatalf("%s: opened %v, want %v", step, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: opened %v, want %v", step, got, want)
			}
		}
		got = nil
	}
	ask := func(unis ...bool) {
		for _, uni := range unis {
			x := port.NewExchange(nil)
			x.OpenOrder.Uni = uni
			r.Handle(1, &x.OpenOrder)
		}
	}
	r.ready = func(*port.Connected) {}
	r.Handle(1, &port.Connected{Peer: &wire.TransportParameters{}})
	r.Handle(1, &port.StreamCredit{Bidi: 2, Uni: 2})
	ask(true, false, true, false)
	expect("permitted", 2, 0, 6, 4)
	ask(true, false, true, false)
	expect("not permitted")
	r.Handle(1, &port.StreamCredit{Bidi: 3, Uni: 2})
	expect("one direction waits", 8)
	r.Handle(1, &port.StreamCredit{Bidi: 4, Uni: 4})
	expect("permitted later", 10, 14, 12)
}

type nobody struct{}

func (nobody) Handle(mono.Time, port.ToConn) {}
func (nobody) Flush(mono.Time)               {}

func TestEngineCloseWaitsForTheLastRoom(t *testing.T) {
	for range 20 {
		e := New(Options{Logger: quiet()})
		l, err := e.Listen("127.0.0.1:0", Config{TLS: serverTLS("echo")})
		if err != nil {
			t.Fatal(err)
		}
		c, err := e.Dial(within(t, 5*time.Second), l.Addr(), Config{TLS: clientTLS("echo")})
		if err != nil {
			t.Fatal(err)
		}
		go c.discard()
		_ = e.Close()
		if o := e.Outstanding(); o != (Outstanding{}) {
			t.Fatalf("behind Close: %+v", o)
		}
		_ = l.Close() // discards what waits in Accept
	}
}

func TestAServerThatShutsDownSaysSo(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	e := newTestEngine(t)
	l, h := h3Pair(t, e, func(h *H3Conn, x *port.Exchange) {
		close(entered)
		<-leave
		answerer(h, x)
	})
	answered := make(chan struct{})
	go func() { _, _, _ = fetch(t, h, "GET", "/blob/10", nil); close(answered) }()
	<-entered
	l.l.stop()
	cause := dialFails(t, e, l.Addr(), H3Config{TLS: clientTLS()})
	if cause.Why != port.Theirs || wire.ErrorCode(cause.Code) != wire.ConnectionRefused || cause.Reason != "shutting down" {
		t.Errorf("refused with %v", cause)
	}
	close(leave)
	<-answered
}

func TestDialsThatFailSayWhomTheyCalledAndWhatTheyOffered(t *testing.T) {
	e := newTestEngine(t)
	l, err := e.Listen("127.0.0.1:0", Config{TLS: serverTLS("echo")})
	if err != nil {
		t.Fatal(err)
	}
	var cause *Cause
	_, err = e.Dial(within(t, 5*time.Second), l.Addr(), Config{TLS: clientTLS("chat", "chat/2")})
	if !errors.As(err, &cause) || cause.Code != 0x178 || !strings.HasSuffix(err.Error(), `: NextProtos offered ["chat" "chat/2"]`) {
		t.Errorf("another protocol: %v", err)
	}
	_ = l.Close()
	_, err = e.Dial(within(t, 5*time.Second), l.Addr(), Config{TLS: clientTLS("echo")})
	if !errors.As(err, &cause) || cause.Why != Refused || !errors.Is(err, syscall.ECONNREFUSED) || err.Error() != "quic: nobody listens on "+l.Addr().String() {
		t.Errorf("a refused dial: %v", err)
	}
}

// While 16 OpenStreams wait for the peer, not even CloseConn is taken; behind 15 it is.
func TestHowManyOpenStreamsLeaveRoomForACloseConn(t *testing.T) {
	for _, c := range []struct {
		unanswered int
		taken      bool
	}{{15, true}, {16, false}} {
		l, conn := rawPair(t, Config{PeerStreams: -1})
		far := <-l.Accept()
		go far.discard()
		for range c.unanswered {
			conn.Commands() <- OpenStream{}
		}
		wait := longWait
		if !c.taken {
			wait = 100 * time.Millisecond
		}
		select {
		case conn.Commands() <- CloseConn{}:
			if !c.taken {
				t.Errorf("taken behind %d", c.unanswered)
			}
		case <-time.After(wait):
			if c.taken {
				t.Errorf("not taken behind %d", c.unanswered)
			}
			_ = l.Close()
		}
		conn.discard()
	}
}

func TestEmptyWritesAndWritesBehindAFin(t *testing.T) {
	l, c := rawPair(t, Config{})
	stop := make(chan struct{})
	defer close(stop)
	go echo(l, stop)
	s := openStream(t, c, false)
	go func() {
		for _, w := range []Write{{}, {B: []byte("a")}, {Fin: true}, {B: []byte("b")}} {
			order(s, w)
		}
	}()
	wrote, got := 0, ""
	for e := range s.Events() {
		switch e := e.(type) {
		case Wrote:
			wrote++
		case Received:
			for _, p := range e.Pieces {
				got += string(p)
			}
			e.Release()
		case WriteEnded:
			if e.Err != nil {
				t.Error(e.Err)
			}
		}
	}
	if wrote != 3 || got != "a" {
		t.Errorf("%d Writes were answered, %q came back", wrote, got)
	}
	closeConn(t, c, 0)
}
