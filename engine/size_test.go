package engine

import (
	"testing"
	"unsafe"

	"quicpro/actors/port"
)

// A connection's rooms are one object, which shall be a page of the allocator's: a few bytes more would cost another 1,280, and
// pages that it shares with others stay when those have gone. An object with pointers has eight bytes in front.
func TestAConnectionFitsAPage(t *testing.T) {
	const page = 8 << 10
	if n := unsafe.Sizeof(connection{}) + 8; n > page {
		t.Errorf("a connection is %d bytes, %d too many", n, n-page)
	}
}

// What ten thousand requests at once hold is most of their cost, and the allocator's sizes are few: a field more in one of
// these may be a tenth of it.
func TestWhatARequestHoldsFitsItsSizes(t *testing.T) {
	for _, c := range []struct {
		what       string
		size, most uintptr
	}{
		{"a stream's room", unsafe.Sizeof(streamRoom{}), 768},
		{"an exchange", unsafe.Sizeof(port.Exchange{}), 240},
	} {
		if c.size > 512 {
			c.size += 8 // the allocator's header
		}
		if c.size > c.most {
			t.Errorf("%s is %d bytes, want at most %d", c.what, c.size, c.most)
		}
	}
}
