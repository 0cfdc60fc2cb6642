package site

import (
	"bytes"
	"io"
	"testing"
)

// The formula is what the page and the foreign clients compute.
func TestBlobFollowsTheFormula(t *testing.T) {
	const n = 3*period + 17
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(i * 31 >> 3 & 255)
	}
	read, err := io.ReadAll(io.LimitReader(Blob(n+5), n))
	if err != nil || !bytes.Equal(read, want) {
		t.Errorf("Read gives %d bytes, %v, other than the formula", len(read), err)
	}
	b := Blob(n)
	head := make([]byte, 1001) // WriteTo must go on where Read stopped
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	if m, err := io.Copy(&rest, b); err != nil || m != n-1001 || !bytes.Equal(append(head, rest.Bytes()...), want) {
		t.Errorf("WriteTo gives %d bytes, %v, other than the formula", m, err)
	}
}
