package recovery

import (
	"errors"
	"slices"
	"testing"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

const (
	ms    = mono.Time(time.Millisecond)
	epoch = 1000 * ms // clocks start above zero
)

type number struct {
	space wire.Space
	pn    wire.PacketNumber
}

// recorder keeps what Fates heard since it was last emptied.
type recorder struct {
	acked, lost, spurious []number
	rule                  string // of the last one lost
}

func (r *recorder) Acked(sp wire.Space, pn wire.PacketNumber, _ *Packet[int]) {
	r.acked = append(r.acked, number{sp, pn})
}

func (r *recorder) Lost(sp wire.Space, pn wire.PacketNumber, p *Packet[int]) {
	r.lost = append(r.lost, number{sp, pn})
	r.rule = p.LossRule()
}

func (r *recorder) Spurious(sp wire.Space, pn wire.PacketNumber, _ *Packet[int]) {
	r.spurious = append(r.spurious, number{sp, pn})
}

func numbers(list []number) []wire.PacketNumber {
	var pns []wire.PacketNumber
	for _, n := range list {
		pns = append(pns, n.pn)
	}
	return pns
}

// endpoint is a Loss with a story to tell: times are milliseconds since epoch.
type endpoint struct {
	t *testing.T
	*Loss[int]
	heard recorder
}

func newEndpoint(t *testing.T, role wire.Role, initialRTT time.Duration) *endpoint {
	e := &endpoint{t: t}
	e.Loss = NewLoss(Config[int]{Role: role, Fates: &e.heard, InitialRTT: initialRTT})
	return e
}

// established returns a server with a confirmed handshake and one RTT sample of 100 ms, taken at time 100.
func established(t *testing.T) *endpoint {
	e := newEndpoint(t, wire.Server, 0)
	e.ConfirmHandshake()
	e.send(0, wire.SpaceApp, 0)
	e.ack(100, wire.SpaceApp, 0, 0)
	e.heard = recorder{}
	return e
}

func at(millis int64) mono.Time { return epoch + mono.Time(millis)*ms }

func (e *endpoint) send(millis int64, sp wire.Space, pn wire.PacketNumber) {
	e.sendFlags(millis, sp, pn, AckEliciting)
}

func (e *endpoint) sendFlags(millis int64, sp wire.Space, pn wire.PacketNumber, flags Flags) {
	e.t.Helper()
	*e.OnSent(at(millis), sp, pn, 1200, flags, 0) = int(pn)
	e.wantOrder()
}

// wantOrder fails if the books are not in order.
func (e *endpoint) wantOrder() {
	e.t.Helper()
	if err := e.CheckAll(); err != nil {
		e.t.Fatal(err)
	}
}

// frame returns the ACK frame for ranges given as lo, hi, lo, hi..., largest first.
func frame(bounds ...wire.PacketNumber) *wire.Ack {
	var ranges []wire.AckRange
	for i := 0; i < len(bounds); i += 2 {
		ranges = append(ranges, wire.AckRange{Lo: bounds[i], Hi: bounds[i+1]})
	}
	b, n := wire.AppendAck(nil, ranges, 0, nil, 1<<20)
	if n != len(ranges) {
		panic("ACK frame does not fit")
	}
	f, _, err := wire.ParseAck(b)
	if err != nil {
		panic(err)
	}
	return &f
}

func (e *endpoint) ack(millis int64, sp wire.Space, bounds ...wire.PacketNumber) Outcome {
	e.t.Helper()
	o, err := e.OnAck(at(millis), sp, frame(bounds...), 0, 0)
	if err != nil {
		e.t.Fatalf("ACK of %v: %v", bounds, err)
	}
	e.wantOrder()
	return o
}

func (e *endpoint) wantViolation(err error) {
	e.t.Helper()
	var violation *wire.Error
	if !errors.As(err, &violation) || violation.Code != wire.ProtocolViolation {
		e.t.Fatalf("error %v, want PROTOCOL_VIOLATION", err)
	}
}

func (e *endpoint) wantDeadline(millis int64, why string) {
	e.t.Helper()
	if got := e.Deadline(); got != at(millis) {
		e.t.Fatalf("%s: deadline at %v ms, want %v", why, got.Sub(epoch).Seconds()*1e3, millis)
	}
}

func (e *endpoint) wantNoDeadline(why string) {
	e.t.Helper()
	e.wantOrder()
	if got := e.Deadline(); got != 0 {
		e.t.Fatalf("%s: deadline at %v ms, want none", why, got.Sub(epoch).Seconds()*1e3)
	}
}

func (e *endpoint) wantLost(why string, pns ...wire.PacketNumber) {
	e.t.Helper()
	if got := numbers(e.heard.lost); !slices.Equal(got, pns) {
		e.t.Fatalf("%s: lost %v, want %v", why, got, pns)
	}
	e.heard.lost = nil
}

func (e *endpoint) wantRule(rule string) {
	e.t.Helper()
	if e.heard.rule != rule {
		e.t.Fatalf("lost by %q, want %q", e.heard.rule, rule)
	}
}

func (e *endpoint) wantProbe(millis int64, sp wire.Space, probes int) {
	e.t.Helper()
	e.wantDeadline(millis, "probe")
	if due, _ := e.OnTimeout(at(millis) - 1); due.Kind != NoTimeout {
		e.t.Fatalf("timeout %v before the deadline", due)
	}
	due, _ := e.OnTimeout(at(millis))
	if want := (Timeout{ProbeTimeout, sp, probes}); due != want {
		e.t.Fatalf("timeout %v, want %v", due, want)
	}
}
