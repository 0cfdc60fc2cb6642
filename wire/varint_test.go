package wire

import (
	"bytes"
	"testing"
)

func TestVarintVectors(t *testing.T) {
	for _, v := range loadVectors(t).Varints {
		got, n := ConsumeVarint(v.Bytes)
		if got != v.Value || n != len(v.Bytes) {
			t.Errorf("ConsumeVarint(%x) = %d, %d; want %d, %d", v.Bytes, got, n, v.Value, len(v.Bytes))
		}
		if out := AppendVarint(nil, v.Value); bytes.Equal(out, v.Bytes) != v.Shortest {
			t.Errorf("AppendVarint(%d) = %x; shortest is %v", v.Value, out, v.Shortest)
		}
		if out := AppendVarintLen(nil, v.Value, len(v.Bytes)); !bytes.Equal(out, v.Bytes) {
			t.Errorf("AppendVarintLen(%d, %d) = %x, want %x", v.Value, len(v.Bytes), out, v.Bytes)
		}
	}
}

// At each boundary the encoding grows, and every prefix of it is refused.
func TestVarintBoundaries(t *testing.T) {
	for _, c := range []struct {
		value uint64
		size  int
	}{
		{0, 1}, {63, 1}, {64, 2}, {16383, 2}, {16384, 4}, {1<<30 - 1, 4}, {1 << 30, 8}, {MaxVarint, 8},
	} {
		b := AppendVarint([]byte{0xee}, c.value)[1:]
		if len(b) != c.size || VarintLen(c.value) != c.size {
			t.Errorf("%d takes %d bytes, VarintLen %d; want %d", c.value, len(b), VarintLen(c.value), c.size)
		}
		for cut := range b {
			if _, n := ConsumeVarint(b[:cut]); n != 0 {
				t.Errorf("%d cut to %d bytes: n = %d, want 0", c.value, cut, n)
			}
		}
		for _, width := range []int{1, 2, 4, 8} {
			if width < c.size {
				mustPanic(t, "narrow varint", func() { AppendVarintLen(nil, c.value, width) })
				continue
			}
			got, n := ConsumeVarint(AppendVarintLen(nil, c.value, width))
			if got != c.value || n != width {
				t.Errorf("%d in %d bytes reads %d, %d", c.value, width, got, n)
			}
		}
	}
	mustPanic(t, "VarintLen", func() { VarintLen(MaxVarint + 1) })
	mustPanic(t, "AppendVarint", func() { AppendVarint(nil, MaxVarint+1) })
	mustPanic(t, "AppendVarintLen width", func() { AppendVarintLen(nil, 1, 3) })
}

func TestConsumeBytes(t *testing.T) {
	b := AppendBytes(nil, []byte("hello"))
	data, n := ConsumeBytes(append(b, "more"...))
	if string(data) != "hello" || n != 6 || cap(data) != 5 {
		t.Errorf("ConsumeBytes = %q, %d, cap %d", data, n, cap(data))
	}
	for cut := range b {
		if _, n := ConsumeBytes(b[:cut]); n != 0 {
			t.Errorf("cut to %d bytes: n = %d, want 0", cut, n)
		}
	}
	if data, n := ConsumeBytes([]byte{0}); len(data) != 0 || n != 1 {
		t.Errorf("empty string reads %x, %d", data, n)
	}
	// A length near 2^62 must not wrap around.
	if _, n := ConsumeBytes(unhex(t, "ffffffffffffffff 00")); n != 0 {
		t.Errorf("huge length: n = %d, want 0", n)
	}
}

func FuzzVarint(f *testing.F) {
	for _, v := range loadVectors(f).Varints {
		f.Add([]byte(v.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n := ConsumeVarint(b)
		if n == 0 {
			if len(b) > 0 && len(b) >= 1<<(b[0]>>6) {
				t.Fatalf("refused %x", b)
			}
			return
		}
		if out := AppendVarintLen(nil, v, n); !bytes.Equal(out, b[:n]) {
			t.Fatalf("%x decodes to %d, encodes to %x", b[:n], v, out)
		}
		short := AppendVarint(nil, v)
		again, m := ConsumeVarint(short)
		if again != v || m != len(short) || m > n || m != VarintLen(v) {
			t.Fatalf("%d: shortest form %x reads %d, %d", v, short, again, m)
		}
		if data, k := ConsumeBytes(b); k > 0 && !bytes.Equal(AppendBytes(nil, data)[VarintLen(v):], b[n:k]) {
			t.Fatalf("string of %x does not survive", b)
		}
	})
}
