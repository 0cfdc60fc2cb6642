package engine

import (
	"context"
	"sync"
)

// contexts are those that a connection gives to code that is not ours: one to TLS callbacks, which nobody needs once the
// handshake is over, and one to handlers, which is made when somebody asks for it. What a context remembers of its children
// is a tenth of a kilobyte, and more, of an idle connection.
type contexts struct {
	mu   sync.Mutex
	over bool
	app  context.Context
	ends [2]context.CancelFunc // of TLS's and the app's, while there are such
}

// forTLS makes the context of the handshake.
func (x *contexts) forTLS(parent context.Context) context.Context {
	ctx, end := context.WithCancel(parent)
	x.ends[0] = end
	return ctx
}

// settle lets go of the context of the handshake, which is complete.
func (x *contexts) settle() {
	x.mu.Lock()
	end := x.ends[0]
	x.ends[0] = nil
	x.mu.Unlock()
	if end != nil {
		end()
	}
}

// forApp returns the context of handlers, which ends with the connection.
func (x *contexts) forApp(parent context.Context) context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.app == nil {
		x.app, x.ends[1] = context.WithCancel(parent)
		if x.over {
			x.ends[1]()
		}
	}
	return x.app
}

// end cancels both.
func (x *contexts) end() {
	x.mu.Lock()
	x.over = true
	ends := x.ends
	x.mu.Unlock()
	for _, end := range ends {
		if end != nil {
			end()
		}
	}
}
