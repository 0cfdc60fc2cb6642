package core

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/sim/core/draw"
	"quicpro/sim/core/link"
)

// Host is one machine of the world: an engine.Stage with an address and a clock of its own.
type Host struct {
	w       *World
	name    string
	addr    netip.Addr
	clock   Clock
	life    int // how often it was born again
	keys    int // in which life its engine's keys were drawn
	frozen  bool
	down    bool
	sockets map[uint16]*Socket
	next    uint16 // the next port of a client
	timers  uint64 // alarms that went off
	late    draw.Place
	seeds   map[string]uint64 // how often randomness was seeded, by identity
	reseed  func(seed uint64)
	context context.Context
}

// Clock is what a host's clocks show, compared with the world's.
type Clock struct {
	// Day is the time of day when the world begins; the zero Day is the first of January 2026.
	Day time.Time
	// Skew is how much the time of day is ahead.
	Skew time.Duration
	// Drift is by how many parts in a million the monotonic clock is fast. It must be above -1e6.
	Drift int64
	// LateTimers is the probability that a timer goes off late, by up to Lateness.
	LateTimers float64
	Lateness   time.Duration
}

// birthTime is what the monotonic clock of every host shows when the world begins: zero means "never" to a room.
const birthTime = time.Second

var firstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// HostOptions shape a host.
type HostOptions struct {
	Clock Clock
	// Links are the host's way to the network and back.
	Up, Down link.Config
	// Reseed is called before TLS draws random bytes; crypto/rand must then be a function of seed. nil: nothing is done.
	Reseed func(seed uint64)
	// Context is the parent of the contexts of handlers and TLS callbacks; nil means context.Background.
	Context context.Context
}

// AddHost adds a machine. Its address is 10.0.0.1 for the first, 10.0.0.2 for the second, and so on.
func (w *World) AddHost(name string, o HostOptions) (*Host, error) {
	if w.names[name] != nil {
		return nil, fmt.Errorf("core: two hosts are called %q", name)
	}
	n := len(w.hosts) + 1
	h := &Host{
		w: w, name: name, addr: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), clock: o.Clock,
		sockets: make(map[uint16]*Socket), next: firstPort, late: w.draw.At("timers of " + name), seeds: make(map[string]uint64),
		reseed: o.Reseed, context: o.Context,
	}
	if h.clock.Day.IsZero() {
		h.clock.Day = firstDay
	}
	if h.context == nil {
		h.context = context.Background()
	}
	if err := w.net.Attach(name, h.addr, o.Up, o.Down); err != nil {
		return nil, err
	}
	w.hosts = append(w.hosts, h)
	w.mu.Lock()
	w.names[name], w.addrs[h.addr] = h, h
	w.mu.Unlock()
	return h, nil
}

// Post queues an order of the run's own, beside those of its hosts' app tasks.
func (w *World) Post(identity, kind string, f func()) { w.nobody.Post(identity, kind, f) }

// firstPort is the first that a client's socket gets.
const firstPort = 49152

// Name is the host's.
func (h *Host) Name() string { return h.name }

// Addr is the host's address.
func (h *Host) Addr() netip.Addr { return h.addr }

// Freeze stops everything on the host; datagrams wait in its sockets, and its timers are late.
func (h *Host) Freeze() { h.frozen = true; h.tell(Froze) }

// Thaw ends a Freeze.
func (h *Host) Thaw() { h.frozen = false; h.tell(Thawed) }

// CutOff makes the host silent and deaf: what it sends is lost, and what is sent to it too.
func (h *Host) CutOff() { h.down = true; h.tell(WentDown) }

// Rejoin ends a CutOff.
func (h *Host) Rejoin() { h.down = false; h.tell(CameBack) }

// Crash is a CutOff that a Reborn ends.
func (h *Host) Crash() { h.down = true; h.tell(Crashed) }

// Reborn ends a CutOff as another life of the host: its engine draws other random numbers, but for the key of its
// stateless resets if keepKeys is set.
func (h *Host) Reborn(keepKeys bool) {
	h.down = false
	h.tell(Restarted)
	h.life++
	if !keepKeys {
		h.keys = h.life
	}
}

// Now is the host's monotonic clock.
func (h *Host) Now() mono.Time { return h.shows(h.w.now) }

// when is the world's age when the host's clock shows t.
func (h *Host) when(t mono.Time) time.Duration {
	age := time.Duration(t) - birthTime
	if h.clock.Drift != 0 {
		age = time.Duration(float64(age) / (1 + float64(h.clock.Drift)/1e6))
		for h.shows(age) < t {
			age++
		}
	}
	return age
}

// shows is the host's clock when the world has that age. It never goes back.
func (h *Host) shows(age time.Duration) mono.Time {
	const million = 1_000_000
	rate := million + h.clock.Drift
	return instant(birthTime + time.Duration(int64(age)/million*rate+int64(age)%million*rate/million))
}

// Wall is the host's time of day.
func (h *Host) Wall() time.Time { return h.clock.Day.Add(h.w.now + h.clock.Skew) }

// Stepping makes the rooms keep an inbox an edge.
func (h *Host) Stepping() bool { return true }

// Launch makes a room ready that has mail.
func (h *Host) Launch(r actor.Runner) {
	if s := h.w.stepping; s != nil && s.runner == r {
		return // it is looked at again after its step
	}
	h.w.ready.add(&item{host: h, name: r.Name(), id: identify(h.name, r.Name()), runner: r})
}

// Delivered notes a message before it is handled.
func (h *Host) Delivered(edge string, m any) { h.w.journal.delivered(edge, m) }

// Go starts an app task, in a step of its own. Rooms and app tasks may call it.
func (h *Host) Go(identity string, f func()) {
	h.w.queue(post{host: h, identity: identity, kind: "start", f: func() { h.w.start(h.name+": "+identity, f) }})
}

// Loop starts a socket's reader.
func (h *Host) Loop(identity string, f func()) { h.w.loop(h, identity, f) }

// Pause lets the rooms work while a reader waits for them: the reader goes on in a later step.
func (h *Host) Pause() {
	l := h.w.running
	h.w.wake(l)
	h.w.suspend()
}

// Post queues an app task's order.
func (h *Host) Post(identity, kind string, f func()) {
	h.w.post(post{host: h, identity: identity, kind: kind, f: f})
}

// Order queues an app task's order about one exchange or stream.
func (h *Host) Order(identity, kind string, turn int, f func()) {
	h.w.queue(post{host: h, identity: identity, kind: kind, turn: turn, f: f})
}

// Hand queues mail for an app task, or for a script that waits for it.
func (h *Host) Hand(key any, f func()) {
	if len(h.w.scripts) > 0 {
		f = h.w.andWake(key, f)
	}
	if q := h.w.mail.push(key, waiting{"mail", f}); q != nil {
		h.w.ready.add(&item{host: h, name: "mail", id: identify(h.name, "mail"), queue: q})
	}
}

// AfterMail calls f behind all mail that was handed before.
func (h *Host) AfterMail(f func()) { h.w.mail.behind(f) }

// Stir notes that app tasks may go on.
func (h *Host) Stir() { h.w.stirred.Store(true) }

// Reseed makes TLS's randomness a function of the identity and the number of the call.
func (h *Host) Reseed(identity string) {
	if h.reseed == nil {
		return
	}
	n := h.seeds[identity]
	h.seeds[identity] = n + 1
	h.reseed(h.w.draw.At("tls of "+h.nameIn(h.life)+" "+identity).Uint64(n, "seed"))
}

// nameIn tells the lives of a host apart.
func (h *Host) nameIn(life int) string {
	if life == 0 {
		return h.name
	}
	return h.name + " in life " + strconv.Itoa(life+1)
}

// Random is the source of one identity. An engine draws its keys as "engine".
func (h *Host) Random(identity string) port.Random {
	life := h.life
	if identity == "engine" {
		life = h.keys
	}
	return &random{place: h.w.draw.At("random of " + h.nameIn(life) + " " + identity), asked: make(map[string]uint64)}
}

// random is a port.Random with a stream of its own for each purpose.
type random struct {
	place draw.Place
	asked map[string]uint64
}

func (r *random) Uint64(purpose string) uint64 {
	n := r.asked[purpose]
	r.asked[purpose] = n + 1
	return r.place.Uint64(n, purpose)
}

func (r *random) Bytes(purpose string, b []byte) {
	for len(b) > 0 {
		x := r.Uint64(purpose)
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0], b = byte(x>>(8*i)), b[1:]
		}
	}
}

// Context is the parent of handlers' contexts.
func (h *Host) Context() context.Context { return h.context }

// Resolve finds a host of the world by its name.
func (h *Host) Resolve(_ context.Context, host string) ([]netip.Addr, error) {
	h.w.mu.Lock()
	other := h.w.names[host]
	h.w.mu.Unlock()
	if other != nil {
		return []netip.Addr{other.addr}, nil
	}
	return nil, &net.DNSError{Err: "no host of this world has that name", Name: host, IsNotFound: true}
}

// Alarm makes an alarm.
func (h *Host) Alarm(tick func()) port.Alarm { return &alarm{h: h, tick: tick} }

// alarm is an appointment that moves.
type alarm struct {
	h    *Host
	tick func()
	next *appointment
}

// Set moves the alarm.
func (a *alarm) Set(at mono.Time) {
	h := a.h
	h.w.cal.cancel(a.next)
	a.next = nil
	if at.IsZero() {
		return
	}
	when := max(h.when(at), h.w.now)
	h.timers++
	if n := h.timers; h.late.Happens(n, "late", h.clock.LateTimers) {
		when += h.late.Duration(n, "how late", max(h.clock.Lateness, time.Millisecond))
	}
	a.next = h.w.cal.add(when, a.tick)
}

// Wrap refuses sockets that are not of this world.
func (h *Host) Wrap(net.PacketConn) (engine.Socket, error) {
	return nil, errors.New("core: a simulated host serves on an address of its own: use ListenAndServe, not Serve")
}

var (
	_ engine.Stage = (*Host)(nil)
	_ actor.Tap    = (*Host)(nil)
)
