package buffer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"quicpro/wire"
)

func wantCrypto(t *testing.T, c *CryptoSend, limit int, off wire.Offset, data string) {
	t.Helper()
	if at, p, ok := c.Next(limit); !ok || at != off || string(p) != data {
		t.Errorf("got %v %d %q, want %d %q", ok, at, p, off, data)
	}
}

func TestCryptoBytesGoOutInOrderLostOnesFirst(t *testing.T) {
	var c CryptoSend
	if _, _, ok := c.Next(100); ok || c.Owes() {
		t.Error("an empty level hands out something")
	}
	c.Write([]byte("client "))
	c.Write([]byte("hello"))
	if _, _, ok := c.Next(0); ok {
		t.Error("handed out without room")
	}
	wantCrypto(t, &c, 4, 0, "clie")
	wantCrypto(t, &c, 6, 4, "nt hel")
	c.Acked(4, 6)
	c.Lost(0, 10)
	wantCrypto(t, &c, 100, 0, "clie")
	wantCrypto(t, &c, 3, 6, " he")
	wantCrypto(t, &c, 100, 9, "l")
	wantCrypto(t, &c, 100, 10, "lo")
	if c.Owes() || c.Outstanding() != 12 {
		t.Errorf("owes %v, outstanding %d", c.Owes(), c.Outstanding())
	}
	c.Resend() // the probe: all but what was acked
	wantCrypto(t, &c, 100, 0, "clie")
	wantCrypto(t, &c, 100, 6, " hello")
	c.Acked(0, 12)
	c.Lost(0, 12)
	if c.Owes() || c.Outstanding() != 0 {
		t.Errorf("owes %v, outstanding %d after all was acked", c.Owes(), c.Outstanding())
	}
	c.Write([]byte("ticket"))
	wantCrypto(t, &c, 100, 12, "ticket")
	c.Discard()
	if c.Owes() || c.Outstanding() != 0 {
		t.Error("a discarded level has something to send")
	}
}

func TestUnackedCryptoBytesAreBounded(t *testing.T) {
	var c CryptoSend
	if err := c.Write(make([]byte, MaxCryptoSend)); err != nil {
		t.Fatal(err)
	}
	if err := c.Write([]byte{1}); code(err) != wire.InternalError || c.Outstanding() != MaxCryptoSend {
		t.Errorf("%v, %d bytes outstanding", err, c.Outstanding())
	}
	c.Next(1000)
	c.Acked(0, 1000)
	if err := c.Write(make([]byte, 1000)); err != nil {
		t.Errorf("acked bytes make no room: %v", err)
	}
}

func TestEveryCryptoByteArrives(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var c CryptoSend
		data := streamBytes(1 + rng.IntN(8000))
		got := make([]byte, len(data))
		have := make([]bool, len(data))
		var inFlight []flight
		for written := 0; written < len(data) || c.Outstanding() > 0; {
			switch n := rng.IntN(4); {
			case n == 0 && written < len(data):
				size := min(1+rng.IntN(900), len(data)-written)
				if err := c.Write(bytes.Clone(data[written : written+size])); err != nil {
					t.Fatal(err)
				}
				written += size
			case n == 1:
				if off, p, ok := c.Next(1 + rng.IntN(700)); ok {
					copy(got[off:], p)
					if have[off] {
						t.Fatalf("seed %d: acked byte %d is sent again", seed, off)
					}
					inFlight = append(inFlight, flight{lo: off, hi: off + wire.Offset(len(p))})
				}
			case n > 1 && len(inFlight) > 0:
				i := rng.IntN(len(inFlight))
				f := inFlight[i]
				if rng.IntN(3) == 0 {
					c.Lost(f.lo, f.hi)
				} else {
					c.Acked(f.lo, f.hi)
					for j := f.lo; j < f.hi; j++ {
						have[j] = true
					}
				}
				if rng.IntN(2) == 0 || n == 3 {
					inFlight = append(inFlight[:i], inFlight[i+1:]...)
				}
			}
			if err := errors.Join(c.Check(), c.CheckAll()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if len(inFlight) == 0 && !c.Owes() && written == len(data) && c.Outstanding() > 0 {
				t.Fatalf("seed %d: %d bytes outstanding, none in flight, none owed", seed, c.Outstanding())
			}
		}
		if !bytes.Equal(got, data) || c.Owes() {
			t.Fatalf("seed %d: other bytes arrived than were written", seed)
		}
	}
}

// A server's first flight, with the certificates: written, sent and acknowledged.
func BenchmarkCryptoSend(b *testing.B) {
	var c CryptoSend
	flight := make([]byte, 4000)
	b.SetBytes(int64(len(flight)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(flight); err != nil {
			b.Fatal(err)
		}
		for off, p, ok := c.Next(1100); ok; off, p, ok = c.Next(1100) {
			c.Acked(off, off+wire.Offset(len(p)))
		}
	}
}
