package engine

import (
	"context"
	"net/netip"
	"strconv"

	"quicpro/internal/actor"
)

// IdentityKey is the key of a context's identity, a string: see Named.
type IdentityKey struct{}

// Named gives what is done under a context an identity. In a simulation it decides in which order the calls of different
// goroutines count, so that two goroutines that call at the same time need different ones. Elsewhere it has no effect.
func Named(ctx context.Context, identity string) context.Context {
	return context.WithValue(ctx, IdentityKey{}, identity)
}

// IdentityOf is the identity that Named gave, or empty.
func IdentityOf(ctx context.Context) string {
	s, _ := ctx.Value(IdentityKey{}).(string)
	return s
}

// Simulated reports whether the engine lives in a simulation.
func (e *Engine) Simulated() bool { return e.stage != nil }

// Go runs f, which may wait, on a goroutine that a room or a task has left, if there is one: its stack has grown already. What f
// does is not ordered by it: see Named.
func (e *Engine) Go(f func()) {
	if e.stage != nil {
		go f()
		return
	}
	e.world.Go("", f)
}

// Resolve returns the addresses of a host, in the order in which they are to be tried.
func (e *Engine) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return e.world.Resolve(ctx, host)
}

// call carries an app's order out: at once, or, on a stage, when its turn has come. It returns when it is done.
func (e *Engine) call(identity, kind string, f func()) {
	if e.stage == nil {
		f()
		return
	}
	done := make(chan struct{})
	e.stage.Post(identity, kind, func() {
		f()
		close(done)
	})
	<-done
}

// post is call for an order that nobody waits for.
func (e *Engine) post(identity, kind string, f func()) {
	if e.stage == nil {
		f()
		return
	}
	e.stage.Post(identity, kind, f)
}

// The turns of what app tasks say about one exchange or stream.
const (
	turnOpen = iota
	turnSend
	turnTaken
	turnCancel
	turnRelease
	turnNow = -1 // its turn has come
)

var turnKinds = [...]string{turnOpen: "open", turnSend: "send", turnTaken: "taken", turnCancel: "cancel", turnRelease: "release"}

// inTurn has f called when an app task's word about what has this name has its turn. It is for a stage only.
func (e *Engine) inTurn(name string, turn int, f func()) {
	e.stage.Order(name, turnKinds[turn], turn, f)
}

// hand is what brings mail to the app tasks of this engine's world.
func (e *Engine) hand() actor.Hand {
	if e.stage == nil {
		return nil
	}
	return e.stage.Hand
}

// afterMail calls f when the app tasks have what the rooms have sent them.
func (e *Engine) afterMail(f func()) {
	if e.stage == nil {
		f()
		return
	}
	e.stage.AfterMail(f)
}

// stir tells a stage that app tasks may go on.
func (e *Engine) stir() {
	if e.stage != nil {
		e.stage.Stir()
	}
}

// reseed makes what the handshakes of one connection draw depend on nothing else.
func (e *Engine) reseed(identity string) func() {
	if e.stage == nil {
		return nil
	}
	return func() { e.stage.Reseed(identity) }
}

// number tells the exchanges of one identity apart. It is called in the steps of a stage only.
func (e *Engine) number(identity string) string {
	e.named[identity]++
	return identity + "#" + strconv.Itoa(e.named[identity])
}
