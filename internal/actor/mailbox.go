package actor

// Mailbox is the edge from a room to one app task: a channel with a place for everything the room may have in flight.
// Only the app waits on it.
type Mailbox[M any] struct{ c chan M }

// NewMailbox makes a mailbox for at most capacity messages in flight.
func NewMailbox[M any](capacity int) Mailbox[M] { return Mailbox[M]{make(chan M, capacity)} }

// Send hands m to the app. It never blocks; a full mailbox is a broken credit and panics.
func (b Mailbox[M]) Send(m M) {
	select {
	case b.c <- m:
	default:
		panic("actor: an app's mailbox is full: a credit is broken")
	}
}

// Empty drops what is in the mailbox. Nobody may send to it or wait for it meanwhile.
func (b Mailbox[M]) Empty() {
	for len(b.c) > 0 {
		<-b.c
	}
}

// C is the channel that the app receives from.
func (b Mailbox[M]) C() <-chan M { return b.c }
