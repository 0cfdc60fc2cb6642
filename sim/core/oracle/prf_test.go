package oracle

import (
	"bytes"
	"testing"
)

// Any part of a stream's content is the part of the whole, and no other stream has it.
func TestContentIsTheSameInEveryPart(t *testing.T) {
	whole := make([]byte, 3000)
	Content(7, "cli/3", 0, whole)
	for off := range 40 {
		for _, n := range []int{0, 1, 7, 8, 9, 600, 2000} {
			p := make([]byte, n)
			Content(7, "cli/3", int64(off), p)
			if !bytes.Equal(p, whole[off:off+n]) {
				t.Fatalf("%d bytes at %d differ", n, off)
			}
			if err := CheckContent(7, "cli/3", int64(off), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, other := range []struct {
		seed uint64
		name string
	}{{8, "cli/3"}, {7, "cli/4"}, {7, ""}} {
		p := make([]byte, 3000)
		Content(other.seed, other.name, 0, p)
		same := 0
		for i := range p {
			if p[i] == whole[i] {
				same++
			}
		}
		if same > 40 { // 12 are expected
			t.Errorf("%v: %d of 3000 bytes are the same", other, same)
		}
	}
	whole[2345] ^= 1
	if err := CheckContent(7, "cli/3", 0, whole); err == nil || !bytes.Contains([]byte(err.Error()), []byte("byte 2345 of")) {
		t.Errorf("a wrong byte: %v", err)
	}
}

func BenchmarkContent(b *testing.B) {
	p := make([]byte, 64<<10)
	b.Run("make", func(b *testing.B) {
		b.SetBytes(int64(len(p)))
		for b.Loop() {
			Content(1, "cli/3", 4096, p)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.SetBytes(int64(len(p)))
		Content(1, "cli/3", 4096, p)
		for b.Loop() {
			if err := CheckContent(1, "cli/3", 4096, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
