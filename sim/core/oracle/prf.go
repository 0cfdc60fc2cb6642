package oracle

import (
	"encoding/binary"
	"fmt"
)

// Content fills p with the bytes of a stream from an offset on. They follow from the seed, the stream's name and the offset
// alone: so any part can be made, and checked, without the rest.
func Content(seed uint64, stream string, off int64, p []byte) {
	key := contentKey(seed, stream)
	word := uint64(off) / 8
	if skip := int(uint64(off) % 8); skip > 0 && len(p) > 0 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], contentWord(key, word))
		p = p[copy(p, b[skip:]):]
		word++
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, contentWord(key, word))
		p, word = p[8:], word+1
	}
	if len(p) > 0 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], contentWord(key, word))
		copy(p, b[:])
	}
}

// CheckContent reports whether p is what Content makes. The error names the first byte that differs.
func CheckContent(seed uint64, stream string, off int64, p []byte) error {
	var want [512]byte
	for len(p) > 0 {
		w := want[:min(len(want), len(p))]
		Content(seed, stream, off, w)
		if string(w) != string(p[:len(w)]) {
			for i := range w {
				if w[i] != p[i] {
					return fmt.Errorf("oracle: byte %d of %q is %#02x, want %#02x", off+int64(i), stream, p[i], w[i])
				}
			}
		}
		p, off = p[len(w):], off+int64(len(w))
	}
	return nil
}

func contentKey(seed uint64, stream string) uint64 {
	h := mix(seed ^ 0x9e3779b97f4a7c15)
	for i := range len(stream) {
		h = mix(h ^ uint64(stream[i])<<8 ^ uint64(i))
	}
	return h
}

func contentWord(key, word uint64) uint64 { return mix(key + word*0x9e3779b97f4a7c15) }

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
