package h3

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"testing"

	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// addSeeds adds what other engines' fuzzers have found worth keeping, and a few streams of our own.
func addSeeds(f *testing.F, own ...[]byte) {
	f.Helper()
	z, err := zip.OpenReader("testdata/seeds.zip")
	if err != nil {
		f.Fatal(err)
	}
	defer z.Close()
	for _, entry := range z.File {
		if dir := path.Dir(entry.Name); dir != "neqo/hframe" && dir != "nghttp3/fuzz_http3serverreq" {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			f.Fatal(err)
		}
		seed, err := io.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed, uint16(len(seed)/2), uint8(0))
	}
	for i, b := range own {
		f.Add(b, uint16(1), uint8(i))
	}
}

// Whatever a client sends on a request stream, and in whatever pieces: nothing breaks, the same happens, everybody is
// answered and every chunk comes home.
func FuzzRequestStream(f *testing.F) {
	addSeeds(f,
		cat(headers(postFields...), data("abc"), headers("t", "1")),
		cat(headers(with(postFields, "content-length", "3")...), data("ab"), data("c")),
		cat(frame(0x21, "grease"), headers(getFields...)),
		headers(":method", "CONNECT", ":authority", "a:1"),
	)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16, how uint8) {
		story := func(pieces int) string {
			d := lone(t, wire.Server, nil)
			p := d.arrives(0)
			p.pieces = pieces
			text := play(d, p, stream, cut, how)
			for _, a := range d.apps {
				a.returns()
			}
			d.home()
			return text
		}
		if whole, cut := story(0), story(1); whole != cut {
			t.Errorf("at once: %s\nin bytes: %s", whole, cut)
		}
	})
}

// The same of a response stream.
func FuzzResponseStream(f *testing.F) {
	addSeeds(f,
		cat(headers(":status", "200"), data("abc"), headers("t", "1")),
		cat(headers(":status", "103"), headers(":status", "200", "content-length", "3"), data("ab"), data("c")),
		cat(headers(":status", "304", "content-length", "3"), frame(0x21, "")),
	)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16, how uint8) {
		story := func(pieces int) string {
			d := lone(t, wire.Client, nil)
			d.asks(how&8 == 0, []string{":method", []string{"GET", "HEAD", "CONNECT", "PUT"}[how>>4&3], ":path", "/"}...)
			d.run()
			p := d.stream(0)
			p.pieces = pieces
			text := play(d, p, stream, cut, how)
			d.home()
			return text
		}
		if whole, cut := story(0), story(1); whole != cut {
			t.Errorf("at once: %s\nin bytes: %s", whole, cut)
		}
	})
}

// The same of a unidirectional stream.
func FuzzUniStream(f *testing.F) {
	addSeeds(f,
		cat([]byte{0}, settings(), h3wire.AppendGoaway(nil, 0)),
		[]byte{2, 0x20, 0x3f, 0}, []byte{3, 0x40, 0x7f, 0x80, 1}, []byte{1, 0}, []byte{0x40, 0x54, 1, 2},
	)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16, how uint8) {
		role := wire.Role(how >> 7)
		story := func(pieces int) string {
			d := lone(t, role, nil)
			p := d.arrives(wire.MakeStreamID(role.Peer(), true, 0))
			p.pieces = pieces
			text := play(d, p, stream, cut, how&7)
			d.home()
			return text
		}
		if whole, cut := story(0), story(1); whole != cut {
			t.Errorf("at once: %s\nin bytes: %s", whole, cut)
		}
	})
}

// play sends a stream in two parts and tells what came of it.
func play(d *desk, p *pipe, stream []byte, cut uint16, how uint8) (text string) {
	at := min(int(cut), len(stream))
	p.says(stream[:at]).says(stream[at:])
	switch how & 3 {
	case 0:
		p.ends()
	case 1:
		p.resets(1)
	case 2:
		p.stops(2)
	}
	for _, a := range d.apps {
		text += fmt.Sprintf("[%s body %q trailers %s length %d last %v %v, sent %v %v]",
			fmt.Sprint(a.heads), a.body, show(a.trailers), a.length, a.last, a.err, a.sentLast, a.sentErr)
	}
	if d.closed != nil {
		return fmt.Sprintf("closed with %#x", d.closed.Code) // how far the app got before depends on the pieces
	}
	if p.given > p.taken+d.r.share {
		d.t.Errorf("%d bytes given, %d taken", p.given, p.taken)
	}
	return text + fmt.Sprintf(" reset %d stop %d", p.reset, p.stop)
}
