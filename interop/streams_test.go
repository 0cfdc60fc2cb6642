package interop

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"quicpro/interop/site"
)

// TestStreams tells stories of QUIC streams without HTTP/3: quicpro's channels against golang.org/x/net/quic.
func TestStreams(t *testing.T) {
	stories := []struct {
		name string
		tell func(t *testing.T, dialer, accepter rawConn)
	}{
		{"5 MB come back, either way", echo5MB},
		{"many streams of both kinds at once", manyStreams},
		{"an empty stream", emptyStream},
		{"a reset tells its code", resetTells},
		{"a stop tells its code", stopTells},
		{"the dialer's close tells its code", func(t *testing.T, d, a rawConn) { closeTells(t, d, a) }},
		{"the accepter's close tells its code", func(t *testing.T, d, a rawConn) { closeTells(t, a, d) }},
	}
	for _, pair := range []struct {
		name string
		make func(*testing.T) (dialer, accepter rawConn)
	}{
		{"quicpro dials x/net", oursToXnet},
		{"x/net dials quicpro", xnetToOurs},
	} {
		for _, s := range stories {
			t.Run(pair.name+"/"+s.name, func(t *testing.T) {
				dialer, accepter := pair.make(t)
				s.tell(t, dialer, accepter)
			})
		}
	}
}

// A rawConn is a connection of either stack, a rawStream one of its streams, in blocking calls.
type rawConn interface {
	open(uni bool) (rawStream, error)
	accept() (rawStream, error)
	close(code uint64, reason string)
	// closed waits for the end and says what the peer said, or, on quicpro, what we said.
	closed() (code uint64, reason string, err error)
}

type rawStream interface {
	io.ReadWriter
	finish() error // no bytes follow
	reset(code uint64)
	stop(code uint64)
	// code is what the peer gave with an error of Read or Write.
	code(err error) (uint64, bool)
}

func echo5MB(t *testing.T, dialer, accepter rawConn) {
	const size = 5_000_000
	for name, c := range map[string][2]rawConn{"from the dialer": {dialer, accepter}, "from the accepter": {accepter, dialer}} {
		s := opened(t, c[0], false)
		var echoing sync.WaitGroup
		echoing.Go(func() {
			back, err := c[1].accept()
			if err == nil {
				_, err = io.Copy(writeOnly{back}, back)
			}
			if err == nil {
				err = back.finish()
			}
			if err != nil {
				t.Errorf("%s: the echo: %v", name, err)
			}
		})
		echoing.Go(func() {
			if _, err := io.Copy(writeOnly{s}, site.Blob(size)); err != nil {
				t.Errorf("%s: sending: %v", name, err)
			}
			if err := s.finish(); err != nil {
				t.Errorf("%s: finishing: %v", name, err)
			}
		})
		wantBlob(t, s, size)
		echoing.Wait()
	}
}

// writeOnly hides what a stream could do beside Write.
type writeOnly struct{ io.Writer }

func manyStreams(t *testing.T, dialer, accepter rawConn) {
	const each = 12
	body := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "stream %d.", i), 1+i*i*97) }
	for name, c := range map[string][2]rawConn{"from the dialer": {dialer, accepter}, "from the accepter": {accepter, dialer}} {
		var all sync.WaitGroup
		var mu sync.Mutex
		arrived := map[[32]byte]int{}
		all.Go(func() {
			for range 2 * each {
				s, err := c[1].accept()
				if err != nil {
					t.Errorf("%s: accepting: %v", name, err)
					return
				}
				all.Go(func() {
					b, err := io.ReadAll(s)
					if err != nil {
						t.Errorf("%s: after %d bytes: %v", name, len(b), err)
					}
					mu.Lock()
					defer mu.Unlock()
					arrived[sha256.Sum256(b)]++
					if bytes.HasPrefix(b, []byte("answer me ")) {
						if _, err = s.Write(b); err == nil {
							err = s.finish()
						}
						if err != nil {
							t.Errorf("%s: answering: %v", name, err)
						}
					}
				})
			}
		})
		want := map[[32]byte]int{}
		for i := range each {
			oneWay, both := body(i), append([]byte("answer me "), body(i)...)
			want[sha256.Sum256(oneWay)]++
			want[sha256.Sum256(both)]++
			all.Go(func() {
				s, err := c[0].open(true)
				if err == nil {
					_, err = s.Write(oneWay)
				}
				if err == nil {
					err = s.finish()
				}
				if err != nil {
					t.Errorf("%s: one way: %v", name, err)
				}
			})
			all.Go(func() {
				s, err := c[0].open(false)
				if err == nil {
					_, err = s.Write(both)
				}
				if err == nil {
					err = s.finish()
				}
				if err != nil {
					t.Errorf("%s: both ways: %v", name, err)
					return
				}
				if b, err := io.ReadAll(s); err != nil || !bytes.Equal(b, both) {
					t.Errorf("%s: %d bytes came back of %d, %v", name, len(b), len(both), err)
				}
			})
		}
		all.Wait()
		if fmt.Sprint(arrived) != fmt.Sprint(want) {
			t.Errorf("%s: other streams arrived than were sent: %d different ones of %d", name, len(arrived), len(want))
		}
	}
}

func emptyStream(t *testing.T, dialer, accepter rawConn) {
	for _, c := range [][2]rawConn{{dialer, accepter}, {accepter, dialer}} {
		for _, uni := range []bool{false, true} {
			if err := opened(t, c[0], uni).finish(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(accepted(t, c[1])); len(b) > 0 || err != nil {
				t.Errorf("uni %v: an empty stream brought %q, %v", uni, b, err)
			}
		}
	}
}

func resetTells(t *testing.T, dialer, accepter rawConn) {
	for i, c := range [][2]rawConn{{dialer, accepter}, {accepter, dialer}} {
		want := uint64(1)<<40 + uint64(i)
		s := opened(t, c[0], false)
		if _, err := s.Write([]byte("begun")); err != nil {
			t.Fatal(err)
		}
		s.reset(want)
		far := accepted(t, c[1])
		_, err := io.ReadAll(far)
		if got, ok := far.code(err); !ok || got != want {
			t.Errorf("a reset with %#x ends with %v", want, err)
		}
		// The other half is untouched.
		if _, err := far.Write([]byte("all the same")); err != nil {
			t.Fatal(err)
		}
		if err := far.finish(); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(s); string(b) != "all the same" || err != nil {
			t.Errorf("behind the reset came %q, %v", b, err)
		}
	}
}

func stopTells(t *testing.T, dialer, accepter rawConn) {
	for i, c := range [][2]rawConn{{dialer, accepter}, {accepter, dialer}} {
		want := uint64(1)<<41 + uint64(i)
		s := opened(t, c[0], i == 1)
		stopped := make(chan error, 1)
		go func() {
			_, err := io.Copy(writeOnly{s}, site.Blob(site.MaxBlob))
			stopped <- err
		}()
		far := accepted(t, c[1])
		if _, err := io.ReadFull(far, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		far.stop(want)
		err := <-stopped
		if got, ok := s.code(err); !ok || got != want {
			t.Errorf("a stop with %#x ends with %v", want, err)
		}
	}
}

func closeTells(t *testing.T, closer, other rawConn) {
	s := opened(t, closer, false)
	if _, err := s.Write([]byte("begun")); err != nil {
		t.Fatal(err)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(accepted(t, other)); err != nil {
		t.Fatal(err)
	}
	const code, reason = 1<<42 + 3, "enough of it"
	closer.close(code, reason)
	if got, why, err := other.closed(); got != code || why != reason {
		t.Errorf("the peer was told %#x %q (%v), want %#x %q", got, why, err, uint64(code), reason)
	}
	if _, ours := closer.(*ourConn); ours {
		if got, why, err := closer.closed(); got != code || why != reason {
			t.Errorf("we closed with %#x %q (%v), want %#x %q", got, why, err, uint64(code), reason)
		}
	}
	if _, err := io.ReadAll(s); err == nil {
		t.Error("a stream ended well with its connection")
	}
	for _, c := range []rawConn{closer, other} {
		if c, ours := c.(*ourConn); ours { // x/net may take a moment
			if _, err := c.open(false); err == nil {
				t.Error("a closed connection opens a stream")
			}
		}
	}
}

func opened(t *testing.T, c rawConn, uni bool) rawStream {
	t.Helper()
	s, err := c.open(uni)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func accepted(t *testing.T, c rawConn) rawStream {
	t.Helper()
	s, err := c.accept()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errEnded = errors.New("the connection has ended")
