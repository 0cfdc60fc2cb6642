package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"quicpro/actors/crypto"
	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/race"
	"quicpro/sim/core/oracle"
	"quicpro/wire"
)

// steppingDay is when a stepping world begins.
var steppingDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// steppingTLS is a certificate whose signatures always have the same length, so that a seed gives the same run twice.
var steppingTLS = sync.OnceValues(func() (server, client *tls.Config) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stepping"}, DNSNames: []string{"localhost"},
		NotBefore: steppingDay.Add(-time.Hour), NotAfter: steppingDay.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: pool, ServerName: "localhost"}
})

var steppingBody = func() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i>>11) ^ byte(i*7)
	}
	return b
}()

// scene is a server, its clients and all that their apps do.
type scene struct {
	t      *testing.T
	seed   uint64
	w      *steppingWorld
	e      *Engine
	l      *listener
	limits *port.Limits
	hosts  []*H3Conn // a client's end of each connection
	asks   []*ask
	log    troubles
	book   *oracle.Book // judges every connection
}

// troubles is a log that should stay empty.
type troubles struct{ lines []string }

func (l *troubles) Enabled(context.Context, slog.Level) bool { return true }
func (l *troubles) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *troubles) WithGroup(string) slog.Handler            { return l }
func (l *troubles) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.lines = append(l.lines, line)
	return nil
}

func newScene(t *testing.T, seed uint64, n weather, limits func(*steppingWorld, *port.Limits)) *scene {
	own := defaultLimits
	s := &scene{t: t, seed: seed, w: newSteppingWorld(seed, n), limits: &own}
	limits(s.w, s.limits)
	s.book = oracle.New(oracle.Options{AckMargin: 30 * time.Millisecond, ProbeMargin: 100 * time.Millisecond})
	s.e = New(Options{World: s.w, Logger: slog.New(&s.log), Trace: func(role wire.Role, odcid wire.ConnectionID) port.Trace {
		return s.book.Open(role.String()+" "+odcid.String(), role)
	}})
	s.w.check = func() { s.book.Check(s.w.now) }
	link, err := s.w.Listen("192.0.2.1:443")
	if err != nil {
		t.Fatal(err)
	}
	server, _ := steppingTLS()
	config := s.e.tlsConfig(server, "h3")
	s.l, err = s.e.listen(func() (Socket, error) { return link, nil }, listening{
		maxConns: steppingConns, limits: s.limits, app: true,
		spawn: func(l *listener, first crypto.FirstInitial, path port.Path) *connection {
			h := newH3Conn(s.limits, l, handled(s.serve))
			b := l.born(first, path)
			b.tls, b.limits, b.params = config, s.limits, transport(s.limits, s.limits.Streams)
			b.trace = s.e.tracer(nil, "")
			b.places, b.bind, b.gone = h3Places(s.limits), h.bind(&H3Config{}), h.gone
			return newConnection(l.s, b)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dial begins a connection; its requests wait for it.
func (s *scene) dial() *H3Conn {
	_, client := steppingTLS()
	h := newH3Conn(s.limits, nil, nil)
	_, err := s.e.dial(context.Background(), s.l.addr(), birth{
		tls: s.e.tlsConfig(client, "h3"), limits: s.limits, params: transport(s.limits, 0), trace: s.e.tracer(nil, ""),
		places: h3Places(s.limits), bind: h.bind(&H3Config{}), gone: h.gone,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.hosts = append(s.hosts, h)
	return h
}

// finish steps until every request is over, closes everything, and checks that all is home.
func (s *scene) finish() {
	s.t.Helper()
	if !s.w.run(s.w.now.Add(steppingPatience), func() bool { return s.answered() || len(s.log.lines) > 0 }) {
		s.fail("wedged")
	}
	if err := s.w.inspectAll(); err != nil {
		s.fail(err.Error())
	}
	if s.w.weather.loss == 0 && s.w.weather.jitter == 0 && s.w.quiet > quietest {
		s.fail(fmt.Sprintf("nothing was done for %v, though nothing was lost: a timer had to help", s.w.quiet))
	}
	for _, h := range s.hosts {
		h.Close(0x100, "")
	}
	deadline := s.w.now.Add(2 * s.limits.IdleTimeout) // the close may be lost
	if !s.w.run(deadline, func() bool { return s.l.s.alive.Load() == 0 && s.e.Outstanding().Connections == 0 }) {
		s.fail("connections do not end")
	}
	s.l.s.close()
	if !s.w.run(deadline, func() bool { return s.e.Outstanding() == Outstanding{} && len(s.w.rooms)+len(s.w.tasks) == 0 }) {
		s.fail(fmt.Sprintf("not at home: %+v", s.e.Outstanding()))
	}
	if err := s.w.inspectAll(); err != nil {
		s.fail(err.Error())
	}
	if len(s.log.lines) > 0 {
		s.fail(strings.Join(s.log.lines, "\n"))
	}
	s.book.Finish()
	if s.book.Fault() != nil {
		s.fail("a rule is broken")
	}
}

func (s *scene) answered() bool {
	for _, a := range s.asks {
		if !a.done {
			return false
		}
	}
	return true
}

func (s *scene) fail(what string) {
	s.t.Helper()
	if s.w.broken != nil {
		what += "\n" + s.w.broken.Error()
	}
	var open []string
	for _, a := range s.asks {
		if !a.done {
			open = append(open, a.String())
		}
	}
	if err := s.book.Fault(); err != nil {
		what += "\n" + err.Error()
	}
	if s.w.broken != nil {
		what = s.w.broken.Error()
	}
	s.t.Fatalf("seed %d, after %v: %s\nopen requests: %s", s.seed, time.Duration(s.w.now), what, strings.Join(open, ", "))
}

// ends is what both apps know of an exchange.
type ends struct {
	s       *scene
	h       *H3Conn
	x       *port.Exchange
	used    *port.Delivery // to be answered
	in      int            // body bytes that came
	read    bool           // the last Delivery came
	pending bool           // a Send is under way
	wrote   bool           // the last Sent came
	readErr error
	sendErr error
	mute    bool // nothing may be sent any more
}

// receive takes what h3 has for the app, and answers the Delivery before.
func (e *ends) receive(head func(*port.Delivery)) bool {
	if d := e.used; d != nil {
		e.used = nil
		if !e.mute && d.Err == nil && !d.Used {
			e.h.Taken(e.x)
		}
		return true
	}
	reads, writes := e.x.Reads.C(), e.x.Writes.C()
	if e.read {
		reads = nil // at a connection's death the last words may be said twice
	}
	if e.wrote {
		writes = nil
	}
	select {
	case d := <-reads:
		if len(d.Heads) > 0 {
			head(d)
		}
		for _, p := range d.Pieces {
			if !bytes.Equal(p.B, steppingBody[e.in:e.in+len(p.B)]) {
				e.s.fail(fmt.Sprintf("wrong bytes at %d", e.in))
			}
			e.in += len(p.B)
			p.Chunk.Release()
		}
		e.used, e.read, e.readErr = d, d.Last, d.Err
		return true
	default: // one after the other: a select of two would choose by itself
	}
	select {
	case m := <-writes:
		e.pending, e.wrote, e.sendErr = false, m.Last, m.Err
		return true
	default:
		return false
	}
}

// send sends the body bytes [from, to).
func (e *ends) send(from, to int, fin bool) {
	m := port.NewSendIn(e.x)
	m.Chunks, m.Fin, e.pending = nil, fin, true
	for b := steppingBody[from:to]; len(b) > 0; {
		c := e.h.Chunks().Get(min(len(b)+actor.Headroom, actor.ChunkHuge))
		n := copy(c.Space()[actor.Headroom:], b)
		c.B = c.Space()[actor.Headroom : actor.Headroom+n]
		m.Chunks, b = append(m.Chunks, c), b[n:]
	}
	e.h.Send(e.x)
}

// bite is how much of n bytes goes next.
func (e *ends) bite(n int) int { return min(n, 1+e.s.w.rng.IntN(1<<(4+e.s.w.rng.IntN(14)))) }

// ask is one request of a client.
type ask struct {
	ends
	how      string // what the server does
	up, down int    // sizes of the bodies
	sent     int
	cancel   int // polls until it is cancelled; 0: never
	gone     bool
	wakes    mono.Time // when the app goes on
	done     bool
}

func (s *scene) ask(h *H3Conn, how string, up, down, cancel int) {
	a := &ask{ends: ends{s: s, h: h}, how: how, up: up, down: down, cancel: cancel}
	s.asks = append(s.asks, a)
	s.w.scripts = append(s.w.scripts, a)
}

func (a *ask) String() string {
	return fmt.Sprintf("%s up %d/%d down %d/%d read %v wrote %v pending %v cancelled %v", a.how, a.sent, a.up, a.in, a.down, a.read, a.wrote, a.pending, a.gone)
}

func (a *ask) poll() bool {
	w := a.s.w
	switch {
	case a.done || w.now < a.wakes:
		return false
	case a.x == nil:
		return a.begin()
	case w.rng.IntN(200) == 0: // now and then an app is slow
		a.wakes = w.now.Add(time.Duration(w.rng.IntN(20)) * time.Millisecond)
		w.at(a.wakes, func() {})
		return true
	case a.cancel > 0 && !a.read:
		if a.cancel--; a.cancel == 0 {
			a.gone = true
			a.x.CancelOrder.StopReading, a.x.CancelOrder.StopWriting = true, true
			a.h.Cancel(a.x)
			return true
		}
	}
	switch {
	case a.receive(func(*port.Delivery) {}):
	case !a.pending && !a.wrote && !a.gone:
		n := a.bite(a.up - a.sent)
		a.send(a.sent, a.sent+n, a.sent+n == a.up)
		a.sent += n
	case a.read && a.wrote:
		a.h.Release(a.x)
		a.done = true
		a.judge()
	default:
		return a.cancel > 0 && !a.read
	}
	return true
}

func (a *ask) begin() bool {
	if a.h.credits == 0 {
		return false
	}
	x, err := a.h.Exchange(context.Background())
	if err != nil {
		a.s.fail(err.Error())
	}
	a.x = x
	x.OpenOrder.Fields = []port.Field{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"},
		{Name: ":path", Value: fmt.Sprintf("/%s/%d", a.how, a.down)},
	}
	x.OpenOrder.Fin = a.up == 0
	a.wrote = x.OpenOrder.Fin
	a.h.Open(x)
	return true
}

// judge compares the outcome with what was asked for.
func (a *ask) judge() {
	switch {
	case a.gone:
	case a.how == "reset":
		if a.readErr == nil {
			a.s.fail("a reset response has no error")
		}
	case a.readErr != nil || a.in != a.down || a.sendErr != nil && a.how != "early":
		a.s.fail(fmt.Sprintf("%v: %v, %v", a, a.readErr, a.sendErr))
	}
}

// reply is a handler.
type reply struct {
	ends
	how       string
	down, out int
	over      bool
}

func (s *scene) serve(h *H3Conn, x *port.Exchange) {
	x.CancelOrder.Kept = true // the reply goes on
	s.w.scripts = append(s.w.scripts, &reply{ends: ends{s: s, h: h, x: x}})
}

func (r *reply) poll() bool {
	if r.receive(r.head) {
		return true
	}
	if r.over || r.how == "" {
		return false
	}
	may := r.read || r.how == "early" || r.how == "both"
	limit := r.down
	if r.how == "echo" {
		may, limit = true, r.in
	}
	n := r.bite(limit - r.out)
	switch {
	case r.wrote && r.sendErr != nil || r.read && (r.readErr != nil || r.wrote):
		r.end() // the client has gone, or all is said
	case r.how == "reset" && (r.in > 0 || r.read):
		r.x.CancelOrder.Code = 0x10c
		r.end()
	case r.pending || r.wrote || !may || r.how == "reset":
		return false
	case r.out+n == r.down && (r.how != "echo" || r.read):
		returns := r.how != "both" || r.read
		port.NewSendIn(r.x).HandlerDone = returns && r.s.w.rng.IntN(2) == 0
		r.send(r.out, r.out+n, true)
		r.out += n
		if r.x.SendOrder.HandlerDone {
			r.over, r.mute = true, true
		} else if returns {
			r.end()
		}
	case n > 0:
		r.send(r.out, r.out+n, false)
		r.out += n
	default:
		return false
	}
	return true
}

// end is the handler's return.
func (r *reply) end() {
	r.over, r.mute = true, true
	r.x.CancelOrder.HandlerDone = true
	r.h.Cancel(r.x)
}

func (r *reply) head(d *port.Delivery) {
	for _, f := range d.Heads[0] {
		if f.Name == ":path" {
			how, down, _ := strings.Cut(f.Value[1:], "/")
			r.how = how
			if _, err := fmt.Sscan(down, &r.down); err != nil {
				r.s.fail(err.Error())
			}
		}
	}
	port.NewSendIn(r.x).Head = []port.Field{{Name: ":status", Value: "200"}}
}

var steppingHows = []string{"all", "echo", "early", "reset", "both"}

// fill makes n requests of every kind on a connection.
func (s *scene) fill(h *H3Conn, n, cancels, most int) {
	rng := s.w.rng
	for range n {
		how := steppingHows[rng.IntN(len(steppingHows))]
		sizes := []int{0, 1, 1000, most / 10, most}
		up, down, cancel := sizes[rng.IntN(len(sizes))], sizes[rng.IntN(len(sizes))], 0
		if how == "echo" {
			down = up
		}
		if rng.IntN(100) < cancels {
			cancel = 1 + rng.IntN(100)
		}
		s.ask(h, how, up, down, cancel)
	}
}

// steppingConns is how many connections the server carries at a time.
const steppingConns = 4

// steppingPatience is how long all requests may take: less than the idle timeout, which would end a wedge.
const steppingPatience = 25 * time.Second

// quietest is the longest that anything waits if nothing is lost: an ACK's delay, or a slow app.
const quietest = 26 * time.Millisecond

// steppingLosses are percentages of lost datagrams.
var steppingLosses = []int{0, 2, 5, 20}

func TestEveryRequestEndsWhateverTheOrderOfSteps(t *testing.T) {
	seeds := race.Fewer(t, 250, 24) // every weather, narrow and wide
	if testing.Short() {
		seeds = min(seeds, 60)
	}
	for seed := range uint64(seeds) {
		n := weather{delay: 5 * time.Millisecond, queue: 10_000}
		if seed%2 == 1 {
			n = weather{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, loss: steppingLosses[seed/2%4], dup: 3, queue: 200}
		}
		s := newScene(t, seed, n, func(w *steppingWorld, l *port.Limits) {
			l.Streams = 64
			if seed%3 != 0 { // narrow everywhere
				l.StreamWindow = 1 << (9 + w.rng.IntN(8))
				l.ConnWindow = 1 << (10 + w.rng.IntN(8))
				l.StreamWindowMax, l.ConnWindowMax = 2*l.StreamWindow, 4*max(l.StreamWindow, l.ConnWindow)
				l.UnsentBytes = 1 << (8 + w.rng.IntN(9))
				l.BigBatches = 1 + w.rng.IntN(4)
				l.RxBatches = 2 + w.rng.IntN(100)
				l.RxTrains = 1 + w.rng.IntN(min(l.RxBatches, 16))
			}
		})
		for range 1 + s.w.rng.IntN(3) {
			s.fill(s.dial(), 1+s.w.rng.IntN(50), 15, 1<<(10+s.w.rng.IntN(7)))
		}
		s.finish()
	}
}

func TestASeedGivesTheSameRunTwice(t *testing.T) {
	trace := func() uint64 {
		s := newScene(t, 7, weather{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, loss: 2, queue: 200}, func(*steppingWorld, *port.Limits) {})
		for range 2 {
			s.fill(s.dial(), 20, 15, 1<<14)
		}
		s.finish()
		return s.w.trace
	}
	if a, b := trace(), trace(); a != b {
		t.Errorf("traces %x and %x", a, b)
	}
}

// A client opens no more streams at a time than its own bound has rooms for, however many the server allows. Under loss the
// ends of old streams are late, while the exchanges that they served are over and give their places to new ones.
func TestAClientKeepsToItsOwnBound(t *testing.T) {
	s := newScene(t, 3, weather{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, loss: 20, queue: 10_000}, func(*steppingWorld, *port.Limits) {})
	few := *s.limits
	few.Streams = 2*few.UniStreams + 8
	_, client := steppingTLS()
	h := newH3Conn(&few, nil, nil)
	if _, err := s.e.dial(context.Background(), s.l.addr(), birth{
		tls: s.e.tlsConfig(client, "h3"), limits: &few, params: transport(&few, 0),
		places: h3Places(&few), bind: h.bind(&H3Config{}), gone: h.gone,
	}); err != nil {
		t.Fatal(err)
	}
	s.hosts = append(s.hosts, h)
	s.fill(h, 200, 15, 1<<8)
	s.finish()
}

// A server carries few connections at a time, and any number of them one after another: what a dead one had of the rooms that
// all share is free again.
func TestShortConnectionsOneAfterAnother(t *testing.T) {
	for seed := range uint64(race.Fewer(t, 8, 2)) {
		s := newScene(t, seed, weather{delay: 5 * time.Millisecond, jitter: 3 * time.Millisecond, loss: steppingLosses[seed%4], queue: 200}, func(*steppingWorld, *port.Limits) {})
		for range 12 * steppingConns {
			h := s.dial()
			s.fill(h, 1, 0, 1<<10)
			if !s.w.run(s.w.now.Add(steppingPatience), s.answered) {
				s.fail("wedged")
			}
			h.Close(0x100, "")
			if !s.w.run(s.w.now.Add(2*s.limits.IdleTimeout), func() bool { return s.l.s.alive.Load() == 0 }) {
				s.fail("a connection does not end")
			}
		}
		s.finish()
	}
}
