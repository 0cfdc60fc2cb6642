package actor

import "quicpro/internal/mono"

// Behaviour is all of a room's logic. It never blocks, reads no clock and takes no lock.
type Behaviour[M any] interface {
	// Handle takes one message. It must tolerate any message at any time, after its own close included.
	Handle(now mono.Time, m M)
	// Flush runs once after a drained batch of messages: packetise, merge what is owed, arm the timer. It may be
	// called with nothing to do.
	Flush(now mono.Time)
}

// Leaver is a Behaviour that ends. Once Left reports true after a Flush, the room releases all later mail.
type Leaver interface{ Left() bool }

// Yielder is a Behaviour that profits from letting others work before a Flush, so that work which is already on its way
// shares it. Only a stepless System yields.
type Yielder interface {
	// Yields says whom the coming Flush waits for. It is asked again behind each wait.
	Yields(now mono.Time) Wait
	// Yielded tells when the wait began and ended.
	Yielded(began, ended mono.Time)
}

// Wait says whom a Flush waits for.
type Wait uint8

const (
	NoWait   Wait = iota
	ForRooms      // those that run on the same goroutine, if any do
	ForAll        // those, and whoever can run in one scheduler round
)

// Releaser is mail that owns memory. Release is called instead of Handle once the room is gone.
type Releaser interface{ Release() }

// System is where rooms live: a clock and the decision which goroutine runs a room, and when.
type System interface {
	// Now is the engine's clock. It is read once a turn.
	Now() mono.Time
	// Launch is called when a room that was idle has mail. A stepless System runs r.Run on some goroutine; a
	// stepping one remembers r and calls its Stepper methods.
	Launch(r Runner)
	// Stepping reports whether rooms born here keep one FIFO an edge, with its quota enforced, for Step to draw from.
	Stepping() bool
}

// Deferrer is a System that can run a room again when those have worked that a Yielder waits for. Later is called on the
// room's turn. It reports whether the System will call Run again; if not, the room yields.
type Deferrer interface{ Later(r Runner, w Wait) bool }

// Runner is a launched room.
type Runner interface {
	Name() string
	// Run drains and flushes until the inbox stays empty, or launches the room anew.
	Run()
	// Waiting lists, for a stepping System, how many messages wait on each edge. The slice is valid until the next
	// call.
	Waiting() []EdgeMail
	// Step delivers the next k messages of one edge (an index into Waiting) without a Flush.
	Step(edge, k int)
	// StepInOrder delivers the next k messages, or all if there are fewer, in the order in which they arrived.
	StepInOrder(k int)
	// StepFlush ends a batch of Steps. It reports whether mail is left.
	StepFlush() bool
	// Check asks the room whether what it owns is in order; CheckAll to the end of its long lists. They are for a
	// stepping System, between a StepFlush and the next Step.
	Check() error
	CheckAll() error
}

// EdgeMail is one edge's share of an inbox.
type EdgeMail struct {
	Edge  string
	Count int
	Quota int
	Since uint64 // when the first of them arrived, in messages to the room: a stepless room would handle the smallest first
}

// Tap is a stepping System that wants to see every message before it is handled.
type Tap interface{ Delivered(edge string, m any) }

// Supervisor is told how rooms end. Its methods are called on the room's goroutine.
type Supervisor interface {
	// Left is called once, after a room ended by itself.
	Left(room string)
	// Died is called once, after a room panicked: with what it was handling, the value and the stack.
	Died(d Death)
}

// Death says how a room died of a panic.
type Death struct {
	Room    string
	Message string // the type of the message that was being handled, or "flush"
	Value   any
	Stack   []byte
}
