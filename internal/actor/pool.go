package actor

import "sync"

// Pool is records that serve again. What nobody uses for a while goes to the collector. The zero one is ready; what it gives is as
// it was put, or zero.
type Pool[T any] struct{ pool sync.Pool }

// Get returns a record.
func (p *Pool[T]) Get() *T {
	if t, ok := p.pool.Get().(*T); ok {
		return t
	}
	return new(T)
}

// Put takes a record that nobody uses.
func (p *Pool[T]) Put(t *T) { p.pool.Put(t) }
