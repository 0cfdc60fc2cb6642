package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"quicpro/actors/port"
)

// mute is a connection whose peer says nothing from the first request on.
type mute struct {
	*scripted
	since time.Time
}

func (c *mute) SilentFor() time.Duration { return time.Since(c.since) }

// What counts as silence does not depend on when, within a millisecond, a request begins.
func TestAConnectionThatFallsSilentIsDoubtedWhenever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 20 {
			c := &mute{scripted: newScripted("server", func(*scripted, *port.Exchange) {})}
			tr := &Transport{dial: func(context.Context, netip.AddrPort, string) (exchanger, error) {
				c.since = time.Now()
				return c, nil
			}}
			ctx, cancel := context.WithTimeout(t.Context(), deadSilence+100*time.Millisecond+500*time.Microsecond)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://192.0.2.1/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tr.RoundTrip(req); !errors.Is(err, ErrTimeout) {
				t.Errorf("the request ends with %v, want ErrTimeout", err)
			}
			c.mu.Lock()
			if c.goodbyes != 1 {
				t.Errorf("request %d: %d goodbyes to a silent connection, want 1", n, c.goodbyes)
			}
			c.mu.Unlock()
			cancel()
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
			time.Sleep(130 * time.Microsecond)
		}
	})
}
