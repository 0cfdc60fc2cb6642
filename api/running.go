package api

import (
	"context"
	"sync"
	"sync/atomic"
)

// running counts handlers, and has whoever shuts down wait for the last. One whose client has gone runs on, and no connection tells
// of it.
type running struct {
	n       atomic.Int64
	awaited atomic.Bool // somebody waits, or has

	mu   sync.Mutex
	none chan struct{} // closed with the last; nil if nobody waits
}

func (r *running) begin() { r.n.Add(1) }

func (r *running) end() {
	if r.n.Add(-1) > 0 || !r.awaited.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.none != nil {
		close(r.none)
		r.none = nil
	}
}

// wait waits until none runs, or for the end of ctx, whose error it returns.
func (r *running) wait(ctx context.Context) error {
	for {
		none := r.last()
		if r.n.Load() == 0 { // behind awaited, which end looks at behind n
			return nil
		}
		select {
		case <-none:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// last is closed when the last has ended, by the next that is.
func (r *running) last() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaited.Store(true)
	if r.none == nil {
		r.none = make(chan struct{})
	}
	return r.none
}
