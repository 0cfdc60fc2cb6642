package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/internal/udp"
)

// World is everything an engine takes from outside: who runs rooms and tasks, time, randomness and the network. There
// are two of them, this machine and the simulator's, which is a Stage.
type World interface {
	actor.System
	// Go runs an app task. The identity names it in traces and orders it in a simulation.
	Go(identity string, f func())
	// Loop runs a socket's reader, which waits in Socket.Read and in Pause only.
	Loop(identity string, f func())
	// Pause lets the rooms work while a Loop waits for them.
	Pause()
	// Random is the source of everything unpredictable for one identity.
	Random(identity string) port.Random
	// Alarm makes an alarm that calls tick, on any goroutine, when its time has come.
	Alarm(tick func()) port.Alarm
	// Wall is the time of day, for certificates and logs.
	Wall() time.Time
	// Context is the parent of the contexts of TLS callbacks and handlers.
	Context() context.Context
	// Listen opens an unconnected socket; addr is as in net.ListenPacket.
	Listen(addr string) (Socket, error)
	// Dial opens a socket connected to remote.
	Dial(remote netip.AddrPort) (Socket, error)
	// Wrap makes a Socket of the caller's connection, whose Close then closes it.
	Wrap(conn net.PacketConn) (Socket, error)
	// Resolve returns a name's addresses, in the order in which they are to be tried. It may wait.
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
}

// Stage is a World in which nothing runs beside anything else: rooms take steps, and app tasks run only while no room
// does. So what a task wants of a room is queued, and ordered by what it is about, never by when it arrived.
type Stage interface {
	World
	// Post queues an order of an app task; f is called in a step of its own. Orders of one identity keep their order. Two
	// tasks must not post the same kind under one identity at the same time: nobody could tell which came first.
	Post(identity, kind string, f func())
	// Order queues an order about one exchange or stream, whose tasks each have kinds of their own: orders of one identity
	// that are queued at the same time go by their turn, and those of one turn keep their order.
	Order(identity, kind string, turn int, f func())
	// Hand is the actor.Hand of this world.
	Hand(key any, f func())
	// AfterMail calls f when everything that was handed so far has been delivered.
	AfterMail(f func())
	// Stir says that app tasks may go on because of something that was not handed to them: a channel that was closed.
	Stir()
	// Reseed makes what crypto/rand gives next a function of the identity and of how often it was called for it.
	Reseed(identity string)
}

// Socket is one UDP socket, of internal/udp or of the simulator. One goroutine reads while another writes. Its methods
// have the contracts, and return the errors, of udp.Socket.
type Socket interface {
	Read(buf []byte, m *udp.Meta) (int, error)
	Write(b []byte, segSize int, to netip.AddrPort, from netip.Addr, ecn udp.ECN) (int, error)
	Close() error
	LocalAddr() netip.AddrPort
}

// machine is the World of this machine.
type machine struct {
	born time.Time
	crew crew
}

// NewWorld returns the world of this machine: a goroutine a launched room, the monotonic clock, the kernel's sockets.
func NewWorld() World {
	// The clock starts above zero, which means "never".
	return &machine{born: time.Now().Add(-time.Second)}
}

func (w *machine) Now() mono.Time           { return mono.Time(time.Since(w.born)) }
func (w *machine) Wall() time.Time          { return time.Now() }
func (w *machine) Stepping() bool           { return false }
func (w *machine) Launch(r actor.Runner)    { w.crew.launch(r) }
func (w *machine) Go(_ string, f func())    { w.crew.run(task(f)) }
func (w *machine) Loop(_ string, f func())  { w.crew.run(task(f)) }
func (w *machine) Pause()                   { runtime.Gosched() }
func (w *machine) Context() context.Context { return context.Background() }

func (w *machine) Random(string) port.Random { return systemRandom{} }

func (w *machine) Listen(addr string) (Socket, error) {
	s, err := udp.Listen("udp", addr, udp.Options{})
	if err != nil {
		return nil, err // not a Socket that holds nil
	}
	return s, nil
}

func (w *machine) Dial(remote netip.AddrPort) (Socket, error) {
	s, err := udp.Dial(remote, udp.Options{})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (w *machine) Wrap(conn net.PacketConn) (Socket, error) {
	s, err := udp.Wrap(conn, udp.Options{})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (w *machine) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (w *machine) Alarm(tick func()) port.Alarm { return &alarm{world: w, tick: tick} }

// alarm is one runtime timer.
type alarm struct {
	world *machine
	tick  func()

	mu    sync.Mutex // of timer: made at the first Set, on the timer room's turn
	timer *time.Timer
}

// Set moves the alarm.
func (a *alarm) Set(at mono.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch d := at.Sub(a.world.Now()); {
	case at.IsZero():
		if a.timer != nil {
			a.timer.Stop()
		}
	case a.timer == nil:
		a.timer = time.AfterFunc(d, a.tick)
	default:
		a.timer.Reset(d)
	}
}

// systemRandom is the operating system's generator; it needs no streams to tell purposes apart.
type systemRandom struct{}

func (systemRandom) Bytes(_ string, b []byte) { _, _ = rand.Read(b) } // it never fails: crypto/rand aborts the program

func (systemRandom) Uint64(string) uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.NativeEndian.Uint64(b[:])
}
