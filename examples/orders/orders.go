// Package orders is a small shop with a bug that no test on a good network finds: see its test.
package orders

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"quicpro/api"
)

// Shop books orders: POST /ITEM. With Careful it books an order that comes twice under one Idempotency-Key once.
type Shop struct {
	Careful bool

	mu     sync.Mutex
	booked map[string]int
	known  map[string]bool
}

// ServeHTTP books one order.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.booked == nil {
		s.booked, s.known = make(map[string]int), make(map[string]bool)
	}
	key := r.Header.Get("Idempotency-Key")
	if !s.Careful || !s.known[key] {
		s.booked[r.URL.Path]++
	}
	s.known[key] = true
	w.WriteHeader(http.StatusCreated)
}

// Booked is how often an item was ordered.
func (s *Shop) Booked(item string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.booked["/"+item]
}

// Order orders an item, and tries again when the shop does not answer within half a second.
func Order(ctx context.Context, c *api.Client, shop, item string) error {
	for try := 1; ; try++ {
		err := once(ctx, c, shop, item)
		if err == nil || try == 5 {
			return err
		}
	}
}

func once(ctx context.Context, c *api.Client, shop, item string) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, shop+"/"+item, strings.NewReader("one, please"))
	if err != nil {
		return err
	}
	req.Header.Set("Idempotency-Key", item)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the shop says %s", resp.Status)
	}
	return nil
}
